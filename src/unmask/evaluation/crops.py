"""Sets of ready face crops: decoded in the background and brought to the detector's input size."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image

from unmask.datasets import CropRecord, CropSet, DatasetError
from unmask.datasets.manifests import MANIFEST_NAME, VIDEOS_NAME, read_videos
from unmask.datasets.video_crops import CONTEXT
from unmask.distortions.levels import Change
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.predictions import REAL_METHOD, VideoKey
from unmask.evaluation.sets import Item, Reading, choose_split
from unmask.evaluation.zero_pixel import Metadata, jpeg_quality
from unmask.faces import cut
from unmask.faces import profile as crop_profile
from unmask.faces.face import Box
from unmask.report import Status

#: Crop profiles of sets whose manifest has no column `crop_profile`.
KNOWN_PROFILES = {"dfdc-faces": "tight"}
_STATUSES: dict[str, Status] = {status: status for status in get_args(Status)}


@dataclass(frozen=True)
class CropFolder:
    """Face crops listed in `manifest.csv`, and the videos of `videos.csv` that have none.

    The columns `video` (or `path`) and `frame` say which crops belong to one video; without them each crop is a video
    of its own. A video without a crop is an item that reads as its status.

    Parameters
    ----------
    crops
        The crops, already of one split.
    items
        The same crops, as items, and after them the videos without a crop.
    size
        Side in pixels that crops are brought to: the detector's input size.
    profile
        The detector's crop profile, which is cut from generous crops that carry their face box.
    change
        A distortion that each crop goes through before either.
    without_crops
        What there is to say of each video without a crop.
    """

    crops: CropSet
    items: Sequence[Item]
    size: int
    profile: str
    name: str
    split: str | None = None
    notes: Sequence[str] = ()
    change: Change | None = None
    without_crops: Sequence[Reading] = ()
    kind: Literal["crops", "videos"] = field(default="crops", init=False)

    @property
    def root(self) -> Path:
        """The folder."""
        return self.crops.store.folder

    def distorted(self, change: Change) -> CropFolder:
        """Return the same crops, each distorted before it is cut or brought to the input size.

        Parameters
        ----------
        change
            The distortion.
        """
        return replace(self, change=change)

    def read(self, index: int) -> Reading:
        """Decode one crop, or return the status of a video that has none.

        Parameters
        ----------
        index
            Position among the items.
        """
        if index >= len(self.crops):
            return self.without_crops[index - len(self.crops)]
        record = self.crops.records[index]
        try:
            data = self.crops.store.read(record)
        except DatasetError as error:
            return Reading("unreadable", detail=str(error))
        try:
            with Image.open(io.BytesIO(data)) as picture:
                metadata = _metadata(picture, len(data), record.face_px)
                if picture.width != picture.height:
                    detail = f"a crop must be square, not {picture.width}x{picture.height}"
                    return Reading("unsupported", detail=detail, metadata=metadata)
                image = picture.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            return Reading("unreadable", detail=str(error), metadata={"bytes": float(len(data))})
        box = record.box
        if self.change is not None:
            before = image.width
            image = Image.fromarray(self.change(np.asarray(image), index))
            box = None if box is None else _scaled(box, image.width / before)
        if box is not None and _can_be_cut(record):
            view = cut(np.asarray(image), box, crop_profile(self.profile), self.size)
            return Reading("ok", ((0, view),), metadata=metadata)
        if image.width != self.size:
            image = image.resize((self.size, self.size), Image.Resampling.BICUBIC)
        return Reading("ok", ((0, np.asarray(image)),), metadata=metadata)


def _can_be_cut(record: CropRecord) -> bool:
    """Return whether a crop shows more than any profile, and says where the face is."""
    return record.box is not None and record.extra.get("crop_profile") == CONTEXT.name


def _scaled(box: Box, factor: float) -> Box:
    x0, y0, x1, y1 = box
    return x0 * factor, y0 * factor, x1 * factor, y1 * factor


def _metadata(picture: Image.Image, size: int, face_px: float | None) -> Metadata:
    tables = getattr(picture, "quantization", None)
    return {
        "width": float(picture.width),
        "height": float(picture.height),
        "bytes": float(size),
        "codec": (picture.format or "").lower(),
        "jpeg_quality": jpeg_quality(tables[0]) if tables and 0 in tables else None,
        "face_px": face_px,
    }


def open_crops(root: Path, profile: str, size: int, split: str | None = None) -> CropFolder:
    """Open a folder of crops, with a note when they are cut otherwise than the detector expects.

    Parameters
    ----------
    root
        Folder with `manifest.csv`, and `videos.csv` where `unmask prepare` wrote it.
    profile
        Name of the detector's crop profile.
    size
        The detector's input size.
    split
        Split to take; None for the only one that is not for training.

    Raises
    ------
    EvaluationError
        A table cannot be used, or the split is not there.
    """
    try:
        crops, videos = CropSet.open(root), read_videos(root)
    except DatasetError as error:
        raise EvaluationError(str(error)) from error
    name = root.resolve().name
    taken = choose_split([record.split for record in crops.records], split, name)
    crops = crops.select(split=taken) if taken else crops
    items = items_of(crops.records)
    videos = [record for record in videos if not taken or record.split == taken]
    without = _without_crops(videos, {item.video for item in items}, root / VIDEOS_NAME)
    return CropFolder(
        crops,
        [*items, *(item for item, _ in without)],
        size,
        profile,
        name,
        taken,
        [*_profile_notes(crops.records, name, profile), *_coverage_notes(len(without), name)],
        without_crops=[reading for _, reading in without],
    )


def _without_crops(
    videos: Sequence[CropRecord], with_crops: Collection[VideoKey], table: Path
) -> list[tuple[Item, Reading]]:
    """Return the videos that have no crop, in the table's order, with what reading them has come to."""
    found: dict[VideoKey, tuple[Item, Reading]] = {}
    for record in videos:
        item = _item(record)
        if item.video not in with_crops:
            found.setdefault(item.video, (item, _reading_of(record, table)))
    return list(found.values())


def _reading_of(record: CropRecord, table: Path) -> Reading:
    stated = record.extra["status"]
    status = _STATUSES.get(stated)
    if status is None:
        raise EvaluationError(f"{table}: unknown status {stated!r} of {record.file}")
    if status == "ok":
        return Reading("unreadable", detail=f"{VIDEOS_NAME} says ok, and {MANIFEST_NAME} has no crop of it")
    return Reading(status, detail=record.extra.get("detail") or None)


def _coverage_notes(count: int, name: str) -> list[str]:
    if not count:
        return []
    what = "1 of these is a video" if count == 1 else f"{count} of these are videos"
    return [f"{name}: {what} without a crop ({VIDEOS_NAME}), in coverage and in no figure"]


def _profile_notes(records: Sequence[CropRecord], name: str, wanted: str) -> list[str]:
    records = [record for record in records if not _can_be_cut(record)]
    if not records:
        return []
    profiles = {record.extra.get("crop_profile", "") for record in records} - {""}
    profiles = profiles or {
        KNOWN_PROFILES[record.dataset] for record in records if record.dataset in KNOWN_PROFILES
    }
    if not profiles:
        return [f"{name} does not say how its crops were cut; the detector expects the profile {wanted}"]
    others = sorted(profiles - {wanted})
    if not others:
        return []
    return [f"the crops of {name} are cut {', '.join(others)}; the detector expects the profile {wanted}"]


def items_of(records: Sequence[CropRecord]) -> list[Item]:
    """Return the items that records describe, in their order.

    Parameters
    ----------
    records
        Rows of a manifest.
    """
    return _numbered([_item(record) for record in records])


def _item(record: CropRecord) -> Item:
    video = record.extra.get("video") or record.extra.get("path")
    frame = record.extra.get("frame", "")
    return Item(
        dataset=record.dataset,
        method=REAL_METHOD if record.label == 0 else record.method,
        path=video or record.file,
        source=record.source,
        group=record.group,
        label=record.label,
        frame=int(frame) if frame.isdigit() else None,
        attributes=record.extra,
    )


def _numbered(items: Sequence[Item]) -> list[Item]:
    """Return the crops of a video numbers where the manifest does not, so that each row has a key of its own."""
    crops = Counter(item.video for item in items)
    seen: Counter[VideoKey] = Counter()
    numbered = []
    for item in items:
        if item.frame is None and crops[item.video] > 1:
            numbered.append(replace(item, frame=seen[item.video]))
            seen[item.video] += 1
        else:
            numbered.append(item)
    return numbered
