"""The table of predictions: one row for every input, scored or not."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from unmask.report import Status
from unmask.statistics.intervals import Scored
from unmask.statistics.metrics import Floats
from unmask.verdict import sigmoid, trimmed_mean

Level = Literal["frame", "video"]
#: What identifies a video. A folder name alone would merge the manipulations of one source.
VideoKey = tuple[str, str, str]

REAL_METHOD = "real"


def cluster_of(dataset: str, group: str, source: str, path: str) -> str:
    """Return the name of what is resampled as a whole: the group where known, else the source, else the video itself.

    Parameters
    ----------
    dataset, group, source, path
        Of the item, as in `Prediction`.
    """
    if group:
        return f"{dataset}/group/{group}"
    return f"{dataset}/source/{source}" if source else f"{dataset}/path/{path}"


@dataclass(frozen=True)
class Prediction:
    """One row: what a detector said about a frame or a video, or why it said nothing.

    Parameters
    ----------
    dataset, method, path
        The video's key; method is `real` for untouched videos and may be empty for fakes of unknown making.
    source
        The untouched clip that the item was made from.
    group
        People or clips that belong together, where known; else empty.
    label
        0 real, 1 fake.
    level
        `frame` or `video`.
    status
        `ok`, or why there is no score.
    logit
        Raw output, None unless the status is ok.
    score
        Calibrated probability in [0, 1], None unless the status is ok.
    frame
        Position among the video's sampled frames; None for a video.
    """

    dataset: str
    method: str
    path: str
    source: str
    group: str
    label: int
    level: Level
    status: Status
    logit: float | None = None
    score: float | None = None
    frame: int | None = None

    def __post_init__(self) -> None:
        if self.label not in (0, 1):
            raise ValueError(f"label must be 0 (real) or 1 (fake), not {self.label!r}")
        if self.level not in get_args(Level) or self.status not in get_args(Status):
            raise ValueError(f"unknown level or status: {self.level!r}, {self.status!r}")
        if self.status != "ok":
            if self.logit is not None or self.score is not None:
                raise ValueError(f"a row of status {self.status} has no logit and no score")
        elif self.logit is None or self.score is None:
            raise ValueError("a row of status ok needs a logit and a score")
        elif not (math.isfinite(self.logit) and 0 <= self.score <= 1):
            raise ValueError(f"logit {self.logit} must be finite and score {self.score} in [0, 1]")

    @property
    def video(self) -> VideoKey:
        """The key of the video that the row belongs to."""
        return self.dataset, self.method, self.path

    @property
    def cluster(self) -> str:
        """What is resampled as a whole; see `cluster_of`."""
        return cluster_of(self.dataset, self.group, self.source, self.path)


@dataclass(frozen=True)
class Predictions:
    """Rows of one level or of both, in the order of the set; a video never has two labels."""

    rows: tuple[Prediction, ...]

    def __post_init__(self) -> None:
        labels: dict[VideoKey, int] = {}
        for row in self.rows:
            if labels.setdefault(row.video, row.label) != row.label:
                raise ValueError(f"video {row.video} is labelled both real and fake")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.rows)

    def __add__(self, other: Predictions) -> Predictions:
        return Predictions(self.rows + other.rows)

    def where(self, keep: Callable[[Prediction], bool]) -> Predictions:
        """Return some of the rows.

        Parameters
        ----------
        keep
            Whether to keep a row.
        """
        return Predictions(tuple(row for row in self.rows if keep(row)))

    def at(self, level: Level) -> Predictions:
        """Return the rows of one level.

        Parameters
        ----------
        level
            The level.
        """
        return self.where(lambda row: row.level == level)

    @property
    def scored(self) -> Predictions:
        """The rows of status ok."""
        return self.where(lambda row: row.status == "ok")

    @property
    def coverage(self) -> dict[str, int]:
        """Number of rows of each status that occurs, `ok` always among them."""
        return {"ok": 0, **Counter(row.status for row in self.rows)}

    @property
    def methods(self) -> list[str]:
        """Names of the manipulations, sorted."""
        return sorted({row.method for row in self.rows if row.label == 1 and row.method})

    def of_method(self, method: str) -> Predictions:
        """Return one manipulation's fakes, and the real rows of the datasets in which it occurs.

        Parameters
        ----------
        method
            Name of the manipulation.
        """
        datasets = {row.dataset for row in self.rows if row.label == 1 and row.method == method}
        return self.where(
            lambda row: row.method == method if row.label == 1 else row.dataset in datasets,
        )

    def to_scored(self, threshold: float) -> Scored:
        """Return arrays of the rows of status ok, for the metrics.

        Parameters
        ----------
        threshold
            On the score.
        """
        rows = self.scored.rows
        return Scored(
            np.array([row.label for row in rows], dtype=np.int64),
            _floats(row.logit for row in rows),
            _floats(row.score for row in rows),
            threshold,
        )

    @property
    def clusters(self) -> NDArray[np.str_]:
        """(N,) cluster of each row of status ok."""
        return np.array([row.cluster for row in self.scored], dtype=np.str_)

    def to_csv(self, path: Path) -> None:
        """Write one line a row; empty cells are None.

        Parameters
        ----------
        path
            The file.
        """
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Prediction)])
            writer.writeheader()
            writer.writerows(asdict(row) for row in self.rows)

    @classmethod
    def from_csv(cls, path: Path) -> Predictions:
        """Read what `to_csv` wrote.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        ValueError
            A column is missing or a cell cannot be read; the message names the line.
        """
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = {field.name for field in fields(Prediction)} - set(reader.fieldnames or ())
            if missing:
                raise ValueError(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
            return cls(tuple(_row(cells, path.name, reader.line_num) for cells in reader))


def _floats(values: Iterable[float | None]) -> Floats:
    return np.array(list(values), dtype=np.float64)


def _row(cells: dict[str, Any], name: str, line: int) -> Prediction:
    try:
        text = {field.name: cells[field.name] for field in fields(Prediction)}
        text["label"] = int(text["label"])
        text["logit"] = float(text["logit"]) if text["logit"] else None
        text["score"] = float(text["score"]) if text["score"] else None
        text["frame"] = int(text["frame"]) if text["frame"] else None
        return Prediction(**text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}, line {line}: {error}") from error


def by_video(frames: Predictions, calibrate: Callable[[float], float] = sigmoid) -> Predictions:
    """Merge frame rows into one row a video, whose logit is their mean, trimmed as the verdict trims it.

    A video counts as scored when one of its frames is; otherwise it keeps the status of its frames.

    Parameters
    ----------
    frames
        Rows of level frame.
    calibrate
        Turns the video's logit into its score, as the detector's card says.
    """
    videos: dict[VideoKey, list[Prediction]] = {}
    for row in frames.at("frame"):
        videos.setdefault(row.video, []).append(row)
    merged = []
    for rows in videos.values():
        logits = [row.logit for row in rows if row.logit is not None]
        status, logit, score = rows[0].status, None, None
        if logits:
            logit = trimmed_mean(logits).mean
            status, score = "ok", float(calibrate(logit))
        merged.append(replace(rows[0], level="video", frame=None, status=status, logit=logit, score=score))
    return Predictions(tuple(merged))


def pair(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Return the rows that both detectors scored, in the same order, for paired comparisons.

    Parameters
    ----------
    first, second
        Predictions of the two detectors.

    Raises
    ------
    ValueError
        A row occurs twice in one of them, or they share none.
    """
    ours, theirs = _by_key(first), _by_key(second)
    shared = [key for key in ours if key in theirs]
    if not shared:
        raise ValueError("the two sets of predictions share no scored item")
    return (
        Predictions(tuple(ours[key] for key in shared)),
        Predictions(tuple(theirs[key] for key in shared)),
    )


def _by_key(predictions: Predictions) -> dict[tuple[object, ...], Prediction]:
    rows: dict[tuple[object, ...], Prediction] = {}
    for row in predictions.scored:
        key = (row.level, *row.video, row.frame)
        if key in rows:
            raise ValueError(f"two rows of {row.level} {row.video}")
        rows[key] = row
    return rows
