"""Every row of a set, all splits together, and how a row is inspected without searching for a face."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.audit.file_facts import SIDE, picture_facts, thumbnail
from unmask.datasets import CropRecord, CropSet, DatasetError
from unmask.detectors import file_sha256
from unmask.evaluation.crops import items_of
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.predictions import cluster_of
from unmask.evaluation.sets import Item
from unmask.evaluation.videos import MANIFEST_NAME, list_items, video_facts
from unmask.evaluation.zero_pixel import Metadata
from unmask.media import MediaError, as_media_error, open_isolated
from unmask.report import SoundFacts, Status
from unmask.scanning.sound import sound_facts

#: Frames of a video that its copies are known by.
FRAMES = 3
#: Columns of a manifest that say how a picture came about, and nothing of its label.
STATED = ("origin", "crop_profile", "compression", "confidence", "time", "frame_rate", "reflected", "blur")


@dataclass(frozen=True)
class Row:
    """One crop or video of the set, with its split (empty where there are none) and what the manifest states."""

    item: Item
    split: str = ""
    file: str = ""
    stated: Metadata = field(default_factory=dict, repr=False)

    @property
    def cluster(self) -> str:
        """What is drawn as a whole: group, else source, else the video itself."""
        return cluster_of(self.item.dataset, self.item.group, self.item.source, self.item.path)


@dataclass(frozen=True, eq=False)
class FileInspection:
    """What a file is, without its face: its SHA-256, facts and (F, 32, 32) uint8 grey thumbnails."""

    status: Status
    sha256: str | None = None
    facts: Metadata = field(default_factory=dict)
    thumbnails: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Listing:
    """A set of crops or of videos with all its splits; `inspect` may be called from several threads at once."""

    root: Path
    kind: Literal["crops", "videos"]
    rows: Sequence[Row]
    crops: CropSet | None = None

    @cached_property
    def name(self) -> str:
        """The set's name: its folder's."""
        return self.root.resolve().name

    @property
    def splits(self) -> list[str]:
        """Names of its splits, sorted."""
        return sorted({row.split for row in self.rows} - {""})

    def positions(self, split: str | None) -> list[int]:
        """Return the numbers of a split's rows.

        Parameters
        ----------
        split
            Its name; None: all rows.

        Raises
        ------
        EvaluationError
            For a split that is not there.
        """
        if split is None:
            return list(range(len(self.rows)))
        if split not in self.splits:
            known = ", ".join(self.splits) or "it has none"
            raise EvaluationError(f"{self.name} has no split {split!r}: {known}")
        return [index for index, row in enumerate(self.rows) if row.split == split]

    def inspect(self, index: int) -> FileInspection:
        """Inspect one file; one that cannot be read is a status, not an error.

        Parameters
        ----------
        index
            Number of its row.
        """
        if self.crops is None:
            return _inspect_file(self.root / self.rows[index].item.path)
        try:
            data = self.crops.store.read(self.crops.records[index])
        except DatasetError:
            return FileInspection("unreadable")
        return _inspect_picture(data)


def open_listing(root: Path, columns: Sequence[str] = ()) -> Listing:
    """Open a folder with a manifest of crops (column `file`) or videos (column `path`).

    Parameters
    ----------
    root
        The folder.
    columns
        Further columns of the manifest to take for facts of a file.

    Raises
    ------
    EvaluationError
        The manifest cannot be used.
    """
    manifest = root / MANIFEST_NAME
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError):
        raise EvaluationError(f"{root} holds no readable {MANIFEST_NAME}") from None
    if missing := [column for column in columns if column not in header]:
        raise EvaluationError(f"{manifest} has no column {missing[0]!r}")
    wanted = [*STATED, *columns]
    if "file" in header:
        try:
            crops = CropSet.open(root)
        except DatasetError as error:
            raise EvaluationError(str(error)) from error
        pairs = zip(crops.records, items_of(crops.records), strict=True)
        rows = [
            Row(item, record.split, record.file, _stated(item.attributes, wanted) | _measured(record))
            for record, item in pairs
        ]
        return Listing(root, "crops", rows, crops)
    if "path" in header:
        rows = [
            Row(item, split, item.path, _stated(item.attributes, wanted)) for item, split in list_items(root)
        ]
        return Listing(root, "videos", rows)
    raise EvaluationError(f"{manifest} needs a column file (crops) or path (videos)")


def _stated(cells: Mapping[str, str], wanted: Sequence[str]) -> dict[str, float | str | None]:
    return {name: _value(cells[name]) for name in wanted if name in cells}


def _value(cell: str) -> float | str | None:
    try:
        number = float(cell)
    except ValueError:
        return cell or None
    return number if np.isfinite(number) else None


def _measured(record: CropRecord) -> dict[str, float | str | None]:
    facts: dict[str, float | str | None] = {"dataset": record.dataset, "face_px": record.face_px}
    if record.box is not None:
        x0, y0, x1, y1 = record.box
        facts["box_px"] = max(x1 - x0, y1 - y0)
    return facts


def _inspect_picture(data: bytes) -> FileInspection:
    digest = hashlib.sha256(data).hexdigest()
    try:
        # Broken pictures raise whatever comes to them, EXIF data most of all.
        facts, small = as_media_error(lambda: picture_facts(data))
    except MediaError as error:
        return FileInspection(error.status, digest, {"bytes": float(len(data))})
    return FileInspection("ok", digest, facts, small[None])


def _inspect_file(path: Path) -> FileInspection:
    try:
        with open_isolated(path) as media:
            if media.info.kind == "image":
                return _as_video(_inspect_picture(path.read_bytes()))
            facts: dict[str, Any] = dict(video_facts(path, media.info))
            frames = [thumbnail(Image.fromarray(frame.image)) for frame in media.sample(FRAMES)]
            facts |= _of_sound(sound_facts(media, media.facts()))
    except MediaError as error:
        return FileInspection(error.status)
    if not frames:
        return FileInspection("unreadable")
    facts["aspect"] = facts["width"] / facts["height"]
    if facts["bitrate"] and facts["frame_rate"]:
        facts["bits_per_pixel"] = facts["bitrate"] / (facts["width"] * facts["height"] * facts["frame_rate"])
    return FileInspection("ok", file_sha256(path), facts, _filled(np.stack(frames)))


def _of_sound(sound: SoundFacts | None) -> dict[str, float | str | None]:
    """Return what of the sound may tell labels apart, such as the silence before a dubbed voice begins."""
    if sound is None:
        return {"sound": "none"}
    return {
        "sound": sound.codec,
        "sound_rate": float(sound.sample_rate),
        "sound_channels": float(sound.channels),
        "sound_start": sound.start,
        "sound_longer_by": sound.longer_by,
        "leading_silence": sound.leading_silence,
        "trailing_silence": sound.trailing_silence,
    }


def _as_video(one: FileInspection) -> FileInspection:
    small = one.thumbnails
    return one if small is None else FileInspection(one.status, one.sha256, one.facts, _filled(small))


def _filled(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last frame where a file has fewer than `FRAMES`."""
    return frames[np.minimum(np.arange(FRAMES), len(frames) - 1)].reshape(FRAMES, SIDE, SIDE)
