"""Sets of whole videos (or images): every file is decoded, its faces found, and its main face cut out."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from unmask.distortions.levels import Change
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.predictions import REAL_METHOD
from unmask.evaluation.recoding import recode
from unmask.evaluation.sets import Crop, Item, Reading, choose_split
from unmask.evaluation.zero_pixel import Metadata
from unmask.evidence import FaceCropExtractor
from unmask.faces import Face, FaceFinder, FrameFaces, UprightView, cut_faces, follow_main_face
from unmask.media import MediaError, MediaInfo, open_isolated

MANIFEST_NAME = "manifest.csv"
COLUMNS = ("path", "label", "method", "source", "target", "group", "dataset", "split")
LABELS = {"real": 0, "0": 0, "fake": 1, "1": 1}


@dataclass(frozen=True)
class VideoFolder:
    """Videos listed in `manifest.csv` with the columns `path` and `label`.

    The columns `method`, `source`, `group`, `dataset` and `split` are used where present.

    Parameters
    ----------
    root
        Folder that the manifest's paths start from.
    items
        The manifest's rows.
    finder
        Finds the faces.
    extractor
        Cuts a face as the detector reads it.
    frames
        Frames sampled from each video.
    change
        A distortion that whole pictures go through before faces are looked for.
    """

    root: Path
    items: Sequence[Item]
    finder: FaceFinder
    extractor: FaceCropExtractor
    frames: int
    name: str
    split: str | None = None
    notes: Sequence[str] = ()
    change: Change | None = None
    kind: Literal["crops", "videos"] = field(default="videos", init=False)

    def distorted(self, change: Change) -> VideoFolder:
        """Return the same files, distorted as whole pictures before faces are searched.

        Parameters
        ----------
        change
            The distortion.
        """
        return replace(self, change=change)

    def read(self, index: int) -> Reading:
        """Decode one video and cut the face that is seen most.

        Parameters
        ----------
        index
            Position among the items.
        """
        path = self.root / self.items[index].path
        change = self.change
        if change is None or not change.distortion.whole_video:
            return self._read(path, index, change)
        try:
            with open_isolated(path) as media:
                if media.info.kind == "image":
                    return self._read(path, index, change)
            with TemporaryDirectory() as folder:
                recode(path, Path(folder) / "recoded.mp4", int(change.value))
                return self._read(Path(folder) / "recoded.mp4", index, None)
        except MediaError as error:
            return Reading(error.status, detail=error.detail, metadata=_file_facts(path))

    def _read(self, path: Path, index: int, change: Change | None) -> Reading:
        try:
            with open_isolated(path) as media:
                metadata = video_facts(path, media.info)
                frames: list[FrameFaces[Crop]] = []
                for frame in media.sample(self.frames):
                    image = frame.image if change is None else change(frame.image, index, frame.index)
                    frames.append(cut_faces(image, self.finder.find(image), self.finder, self._crop))
        except MediaError as error:
            return Reading(error.status, detail=error.detail, metadata=_file_facts(path))
        if not frames:
            return Reading("unreadable", detail="no frame could be decoded", metadata=metadata)
        crops = {followed.place: followed.kept for followed in follow_main_face(frames)}
        without = tuple(place for place in range(len(frames)) if place not in crops)
        return Reading("ok" if crops else "no_face", tuple(crops.items()), without, metadata)

    def _crop(self, found: Face, view: UprightView) -> Crop:
        return self.extractor.crop(view)


def _file_facts(path: Path) -> dict[str, float | str | None]:
    try:
        return {"bytes": float(path.stat().st_size)}
    except OSError:
        return {"bytes": None}


def video_facts(path: Path, info: MediaInfo) -> Metadata:
    """Return what a file's header and its size say of it.

    Parameters
    ----------
    path
        The file.
    info
        Its header.
    """
    facts = _file_facts(path)
    size = facts["bytes"]
    facts |= {
        "width": float(info.width),
        "height": float(info.height),
        "duration": info.duration,
        "frame_rate": info.frame_rate,
        "codec": info.codec,
        "bitrate": 8 * size / info.duration if isinstance(size, float) and info.duration else None,
    }
    return facts


def open_videos(
    root: Path, finder: FaceFinder, extractor: FaceCropExtractor, frames: int, split: str | None = None
) -> VideoFolder:
    """Open a folder with a manifest of videos.

    Parameters
    ----------
    root, finder, extractor, frames
        As in `VideoFolder`.
    split
        The split to take; None for the only one that is not for training.

    Raises
    ------
    EvaluationError
        A label is unknown, a path is missing, leaves the folder or occurs twice, or the split is not there.
    """
    name = root.resolve().name
    listed = list_items(root)
    taken = choose_split([part for _, part in listed], split, name)
    items = [item for item, part in listed if taken is None or part == taken]
    videos = Counter(item.video for item in items)
    for (_, _, path), count in videos.items():
        if count > 1:
            raise EvaluationError(f"{root / MANIFEST_NAME} lists {path} {count} times")
    return VideoFolder(root, items, finder, extractor, frames, name, taken)


def list_items(root: Path) -> list[tuple[Item, str]]:
    """List every row of a manifest of videos with its split, empty where it has none.

    Parameters
    ----------
    root
        Folder of the set.

    Raises
    ------
    EvaluationError
        There is no row, a label is unknown, or a path is missing or leaves the folder.
    """
    name = root.resolve().name
    manifest = root / MANIFEST_NAME
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise EvaluationError(f"{manifest} lists nothing")
    return [
        (_item(row, f"{manifest}, line {line}", name), row.get("split") or "")
        for line, row in enumerate(rows, start=2)
    ]


def _item(row: Mapping[str, str | None], where: str, dataset: str) -> Item:
    label = LABELS.get((row.get("label") or "").lower())
    path = row.get("path") or ""
    if label is None or not path:
        raise EvaluationError(f"{where}: needs a path and a label real or fake")
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise EvaluationError(f"{where}: {path} leaves the folder")
    return Item(
        dataset=row.get("dataset") or dataset,
        method=REAL_METHOD if label == 0 else row.get("method") or "",
        path=path,
        source=row.get("source") or row.get("target") or "",
        group=row.get("group") or "",
        label=label,
        # A row longer than the header has a cell without a name.
        attributes={name: value or "" for name, value in row.items() if name and name not in COLUMNS},
    )
