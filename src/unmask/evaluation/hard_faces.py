"""What a detector says of labelled face crops, as they are or made worse, beside what the gates look at."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.datasets import CropRecord, CropSet
from unmask.detectors import Detector
from unmask.evaluation.degradation import degrade
from unmask.evaluation.sets import Crop, choose_split
from unmask.faces import PROFILES, Box, Face, FaceFinder, cut, measure, profile
from unmask.media import spread
from unmask.statistics.metrics import Floats, Labels

MEASURES = (
    "side",
    "detail",
    "brightness",
    "contrast",
    "overexposed_share",
    "turn",
    "confidence",
    "reconstruction_error",
    "token_distance",
)
_CHUNK = 100


@dataclass(frozen=True)
class Sample:
    """Which faces are looked at.

    split : of the set; None for its only one besides training. videos : every so many-th video alone, drawn by
    a hash of its source. crops : at most so many of each video, evenly spread; None for all. worse : how
    many times each is degraded, anew for each video; 0 for as they are. seed : of the degradations.
    """

    split: str | None = None
    videos: int = 1
    crops: int | None = None
    worse: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Faces:
    """N faces, one row each.

    logit : raw. measures : (N, 9) in the order of `MEASURES`, NaN for what was not measured. video, cluster, way : of
    each, its video (and turn of degradation), what is resampled, and how it was made worse ("" for not).
    """

    label: Labels
    logit: Floats
    measures: Floats
    video: NDArray[np.str_]
    cluster: NDArray[np.str_]
    way: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.label)

    def __add__(self, other: Faces) -> Faces:
        names = self.__dataclass_fields__
        return Faces(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Faces:
        """Return some of the rows."""
        return Faces(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def rows(self) -> list[dict[str, float]]:
        """Return each face's measures by name, as the gates take them."""
        return [dict(zip(MEASURES, row, strict=True)) for row in self.measures.tolist()]

    def save(self, path: Path) -> None:
        """Write the rows to an npz file."""
        np.savez_compressed(path, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def load(cls, path: Path) -> Faces:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(*(file[name] for name in cls.__dataclass_fields__))


def look_at(
    detector: Detector,
    root: Path,
    sample: Sample,
    finder: FaceFinder | None = None,
    cache: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Faces:
    """Score and measure the faces of a set of crops.

    Generous crops are cut to the detector's profile, others taken as they are. The finder's confidence and landmarks
    are those on the crop, which is tighter than a frame. cache : an npz file that grows by 100 rows at a time, so that
    a run that was stopped goes on.
    """
    crops = CropSet.open(root)
    split = choose_split([record.split for record in crops.records], sample.split, root.name)
    crops = crops.select(split=split) if split else crops
    turns = list(_turns(crops.records, sample))
    done = Faces.load(cache) if cache is not None and cache.is_file() else None
    while done is None or len(done) < len(turns):
        start = 0 if done is None else len(done)
        part = [
            _look(detector, crops, number, turn, sample, finder)
            for number, turn in turns[start : start + _CHUNK]
        ]
        rows = Faces(*(np.array(column) for column in zip(*part, strict=True)))
        done = rows if done is None else done + rows
        if cache is not None:
            done.save(cache)
        progress(len(done), len(turns))
    return done


def _turns(records: Sequence[CropRecord], sample: Sample) -> Iterator[tuple[int, int]]:
    """Return (position, turn of degradation; 0 for none) of each row."""
    videos: dict[str, list[int]] = {}
    for position, record in enumerate(records):
        if zlib.crc32(record.source.encode()) % sample.videos == 0:
            videos.setdefault(_video(record), []).append(position)
    for positions in videos.values():
        chosen = [positions[k] for k in spread(len(positions), sample.crops or len(positions))]
        for turn in range(1, sample.worse + 1) if sample.worse else (0,):
            yield from ((position, turn) for position in chosen)


def _video(record: CropRecord) -> str:
    """Name the video of a crop; a crop that names none is a video of its own."""
    return record.extra.get("video") or record.extra.get("path") or record.file


def _look(
    detector: Detector, crops: CropSet, position: int, turn: int, sample: Sample, finder: FaceFinder | None
) -> tuple[int, float, list[float], str, str, str]:
    record, image, way = crops.records[position], crops.image(position), ""
    video = _video(record)
    box = record.box or box_of_tight(image.shape[0])
    if turn:
        # The same for each frame of a video, as a bad camera is.
        rng = np.random.default_rng([sample.seed, zlib.crc32(video.encode()), turn])
        way, image, box = degrade(image, box, rng)
        video = f"{video}/{turn}"
    # A crop without a box shows what its set shows, whatever the detector's profile.
    card = detector.card
    shown = cut(image, box, profile(card.crop_profile), card.input_size) if record.box else _square(image)
    prediction = detector.predict({"crops": shown[None]})
    found = _middle_face(image, finder)
    quality = measure(
        image,
        box,
        found.landmarks if found else None,
        found.confidence if found else math.nan,
        min(record.face_px or math.inf, max(box[2] - box[0], box[3] - box[1])),
    )
    values = quality.to_dict() | {name: float(value[0]) for name, value in prediction.measures.items()}
    measures = [values.get(name, math.nan) for name in MEASURES]
    return record.label, float(prediction.logits[0]), measures, video, record.group or record.source, way


def box_of_tight(side: int) -> Box:
    """Return the box of the face in a tight crop of this side: centred, an upright rectangle as finders draw it."""
    tight = PROFILES["tight"]
    longer = side / tight.scale
    x, y = side / 2, side / 2 - tight.shift * side
    return x - 0.37 * longer, y - longer / 2, x + 0.37 * longer, y + longer / 2


def _square(image: Crop) -> Crop:
    """Cut to a square: reducing rounds the two sides apart."""
    side = min(image.shape[:2])
    return image[:side, :side]


def _middle_face(image: Crop, finder: FaceFinder | None) -> Face | None:
    """Find the face that covers the middle of a crop."""
    if finder is None:
        return None
    y, x = image.shape[0] / 2, image.shape[1] / 2
    faces = finder.find(np.ascontiguousarray(image))
    return next((f for f in faces if f.box[0] < x < f.box[2] and f.box[1] < y < f.box[3]), None)
