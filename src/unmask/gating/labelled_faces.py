"""What a detector says of labelled faces, as they are or degraded, beside the measures that the gates read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.datasets import CropRecord, CropSet
from unmask.detectors import Detector
from unmask.evaluation.sets import choose_split
from unmask.faces import Face, FaceFinder, measure
from unmask.gating.reading import Picture, hash_of, read_face
from unmask.media.sampling import spread
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
class FaceSample:
    """Which faces of a set are scored.

    Parameters
    ----------
    videos
        Only one video in so many, drawn by a hash of its source.
    crops
        At most so many of each video, evenly spread; None for all.
    degradations
        How many times each is degraded, drawn again for each video; 0 for the faces as they are.
    """

    videos: int = 1
    crops: int | None = None
    degradations: int = 0


@dataclass(frozen=True)
class LabelledFaces:
    """N scored faces.

    Parameters
    ----------
    label
        (N,) 0 real or 1 fake.
    logit
        (N,) raw.
    measures
        (N, 9) in the order of `MEASURES`, NaN for what was not measured.
    video
        (N,) name of the video, and which of its degradations.
    cluster
        (N,) what is resampled as a whole.
    way
        (N,) name of the degradation, empty for none.
    """

    label: Labels
    logit: Floats
    measures: Floats
    video: NDArray[np.str_]
    cluster: NDArray[np.str_]
    way: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.label)

    def __add__(self, other: LabelledFaces) -> LabelledFaces:
        names = self.__dataclass_fields__
        return LabelledFaces(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> LabelledFaces:
        """Return some of the rows.

        Parameters
        ----------
        rows
            Boolean (N,), or positions.
        """
        return type(self)(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def rows(self) -> list[dict[str, float]]:
        """Return each face's measures by name, as the gates take them."""
        return [dict(zip(MEASURES, row, strict=True)) for row in self.measures.tolist()]

    def save(self, path: Path) -> None:
        """Write the rows.

        Parameters
        ----------
        path
            An npz file.
        """
        np.savez_compressed(path, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def load(cls, path: Path) -> LabelledFaces:
        """Read what `save` wrote.

        Parameters
        ----------
        path
            An npz file.
        """
        with np.load(path, allow_pickle=False) as file:
            return cls(*(file[name] for name in cls.__dataclass_fields__))


def score_samples(
    detector: Detector,
    root: Path,
    samples: Mapping[str, FaceSample],
    finder: FaceFinder | None = None,
    cache: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda sample, done, total: None,
) -> LabelledFaces:
    """Score several samples of one set's faces, in their order.

    Parameters
    ----------
    detector, root, finder
        As for `score_faces`.
    samples
        By name.
    cache
        Folder that keeps the scored faces, a file for each sample.
    progress
        Called with a sample's name, and the numbers of its faces that are scored and in all.
    """
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
    parts = []
    for name, sample in samples.items():
        file = None if cache is None else cache / f"{root.resolve().name}-{name}.npz"

        def advance(done: int, total: int, name: str = name) -> None:
            progress(name, done, total)

        parts.append(score_faces(detector, root, sample, finder, file, advance))
    return reduce(add, parts)


def score_faces(
    detector: Detector,
    root: Path,
    sample: FaceSample,
    finder: FaceFinder | None = None,
    cache: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> LabelledFaces:
    """Score and measure the faces of a set of crops, of its only split besides training.

    Crops with a box are cut to the detector's profile, others taken as they are. The finder's confidence and landmarks
    are those on the crop, which is tighter than a frame.

    Parameters
    ----------
    detector
        That scores them.
    root
        Folder of the set.
    sample
        Which of its faces.
    finder
        None to leave out what only a face finder measures.
    cache
        An npz file that grows by 100 rows at a time, so that a run that was stopped goes on.
    progress
        Called with the numbers of faces that are scored and in all.
    """
    crops = CropSet.open(root)
    split = choose_split([record.split for record in crops.records], None, root.name)
    crops = crops.select(split=split) if split else crops
    turns = list(_turns(crops.records, sample))
    done = LabelledFaces.load(cache) if cache is not None and cache.is_file() else None
    while done is None or len(done) < len(turns):
        start = 0 if done is None else len(done)
        part = [
            _score(detector, crops, number, turn, finder) for number, turn in turns[start : start + _CHUNK]
        ]
        rows = LabelledFaces(*(np.array(column) for column in zip(*part, strict=True)))
        done = rows if done is None else done + rows
        if cache is not None:
            done.save(cache)
        progress(len(done), len(turns))
    return done


def _turns(records: Sequence[CropRecord], sample: FaceSample) -> Iterator[tuple[int, int]]:
    """Return (position, number of the degradation; 0 for none) of each row."""
    videos: dict[str, list[int]] = {}
    for position, record in enumerate(records):
        if hash_of(record.source) % sample.videos == 0:
            videos.setdefault(_video(record), []).append(position)
    for positions in videos.values():
        chosen = spread(len(positions), sample.crops or len(positions))
        for turn in range(1, sample.degradations + 1) if sample.degradations else (0,):
            yield from ((positions[place], turn) for place in chosen)


def _video(record: CropRecord) -> str:
    """Name the video of a crop; a crop that names none is a video of its own."""
    return record.extra.get("video") or record.extra.get("path") or record.file


def _score(
    detector: Detector, crops: CropSet, position: int, turn: int, finder: FaceFinder | None
) -> tuple[int, float, list[float], str, str, str]:
    video = _video(crops.records[position])
    # The same for each frame of a video, as a bad camera is.
    face = read_face(crops, position, (0, hash_of(video), turn) if turn else None)
    image, box, record = face.image, face.box, face.record
    # A crop without a box shows what its set shows, whatever the detector's profile.
    shown = face.cut_for(detector.card) if record.box else _square(image)
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
    return (
        record.label,
        float(prediction.logits[0]),
        measures,
        f"{video}/{turn}" if turn else video,
        record.group or record.source,
        face.degradation,
    )


def _square(image: Picture) -> Picture:
    """Cut to a square: reducing rounds the two sides apart."""
    side = min(image.shape[:2])
    return image[:side, :side]


def _middle_face(image: Picture, finder: FaceFinder | None) -> Face | None:
    """Find the face that covers the middle of a crop."""
    if finder is None:
        return None
    y, x = image.shape[0] / 2, image.shape[1] / 2
    faces = finder.find(np.ascontiguousarray(image))
    return next((f for f in faces if f.box[0] < x < f.box[2] and f.box[1] < y < f.box[3]), None)
