"""The whole way from a detector and sets to a report, readable top to bottom."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unmask.detectors import Card
from unmask.evaluation.crops import open_crops
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.intervals import Settings, bootstrap
from unmask.evaluation.predictions import Level, Predictions, VideoKey, by_video
from unmask.evaluation.report import Report, Result, SetSummary
from unmask.evaluation.scoring import Outcome, Scorer, score_set
from unmask.evaluation.sets import EvaluationSet, choose
from unmask.evaluation.videos import MANIFEST_NAME, open_videos
from unmask.evaluation.zero_pixel import Control, Metadata, zero_pixel_control
from unmask.faces import CenterFace, FaceFinder, profile
from unmask.verdict import rule_of

ALL = "all"
LEVELS: tuple[Level, ...] = ("frame", "video")

#: Called with the set's name, items done and items in all.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Options:
    """What is evaluated and how.

    Parameters
    ----------
    frames
        Frames sampled from each video.
    split
        Split of the sets; None takes the only one that is not for training.
    limit
        Most items a set, drawn by the seed; a trial, no result.
    intervals
        Resamples, confidence, seed.
    """

    frames: int = 16
    split: str | None = None
    limit: int | None = None
    intervals: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if self.frames < 1 or (self.limit is not None and self.limit < 1):
            raise ValueError("frames and limit must be at least 1")


def evaluate(
    detector: Scorer,
    sets: Sequence[str | Path],
    out: Path | None = None,
    options: Options | None = None,
    *,
    finder: FaceFinder | None = None,
    command: str | None = None,
    progress: Progress = lambda name, done, items: None,
) -> Report:
    """Measure a detector on sets of crops or videos.

    Nothing is fitted on the sets: threshold and calibration are the card's.

    Parameters
    ----------
    detector
        The detector, with its card.
    sets
        Folders with a `manifest.csv` of crops (column `file`) or of videos (column `path`).
    out
        Folder to write the report into; None writes nothing.
    options
        Frames, split, limit and intervals.
    finder
        Finds the faces in videos; CenterFace by default.
    command
        The command to print in the report.
    progress
        Called after each item.

    Raises
    ------
    EvaluationError
        A set cannot be used.
    """
    options = options or Options()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # An unusable folder must show before the work, not after.
    opened = [open_set(Path(folder), detector.card, options, finder) for folder in sets]
    _check_names(opened)
    parts = [_evaluate_set(detector, part, options, progress) for part in opened]
    predictions = sum((part.predictions for part in parts), Predictions(()))
    results = [result for part in parts for result in part.results]
    if len(parts) > 1:
        pooled = [_result(predictions, ALL, ALL, level, detector.card, options) for level in LEVELS]
        results = pooled + results
    report = Report(
        _about(detector.card),
        _settings(options),
        [part.summary for part in parts],
        results,
        predictions,
        command,
    )
    if out is not None:
        report.save(out)
    return report


def open_set(root: Path, card: Card, options: Options, finder: FaceFinder | None = None) -> EvaluationSet:
    """Open a folder as a set of crops or of videos, by the columns of its manifest."""
    manifest = root / MANIFEST_NAME
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            columns = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError):
        raise EvaluationError(f"{root} holds no readable {MANIFEST_NAME} with labels") from None
    if "file" in columns:
        return open_crops(root, card.crop_profile, card.input_size, options.split)
    if "path" in columns:
        return open_videos(
            root,
            # The threads that read are several already.
            finder or CenterFace(threads=1),
            profile(card.crop_profile),
            card.input_size,
            options.frames,
            options.split,
        )
    raise EvaluationError(f"{manifest} needs a column file (crops) or path (videos)")


def _check_names(sets: Sequence[EvaluationSet]) -> None:
    names = [part.name for part in sets]
    for name in names:
        if names.count(name) > 1:
            raise EvaluationError(f"two sets are called {name}: rename a folder")


@dataclass(frozen=True)
class _Part:
    predictions: Predictions
    results: Sequence[Result]
    summary: SetSummary


def _evaluate_set(detector: Scorer, part: EvaluationSet, options: Options, progress: Progress) -> _Part:
    chosen = choose(part.items, options.limit, options.intervals.seed)
    done = 0

    def on_item() -> None:
        nonlocal done
        done += 1
        progress(part.name, done, len(chosen))

    outcome = score_set(detector, part, chosen, on_item)
    videos = by_video(outcome.frames, rule_of(detector.card).calibration.score)
    predictions = outcome.frames + videos
    facts = dict(zip((part.items[index].video for index in chosen), outcome.metadata, strict=True))
    results = []
    for method in [ALL, *videos.methods] if len(videos.methods) > 1 else [ALL]:
        rows = predictions if method == ALL else predictions.of_method(method)
        control = _control(rows, facts, options.intervals)
        results += [
            _result(rows, part.name, method, level, detector.card, options, control) for level in LEVELS
        ]
    return _Part(predictions, results, _summary(part, chosen, outcome, predictions))


def _control(rows: Predictions, facts: dict[VideoKey, Metadata], settings: Settings) -> Control:
    videos = rows.at("video").rows
    return zero_pixel_control(
        np.array([row.label for row in videos], dtype=np.int64),
        [facts[row.video] for row in videos],
        np.array([row.cluster for row in videos], dtype=np.str_),
        settings,
    )


def _result(
    rows: Predictions,
    dataset: str,
    method: str,
    level: Level,
    card: Card,
    options: Options,
    control: Control | None = None,
) -> Result:
    scored = rows.at(level).scored
    fakes = sum(row.label for row in scored)
    metrics = bootstrap(scored.to_scored(card.threshold), scored.clusters, options.intervals)
    clusters = len(set(scored.clusters))
    return Result(dataset, method, level, len(scored) - fakes, fakes, clusters, metrics, control)


def _summary(
    part: EvaluationSet, chosen: Sequence[int], outcome: Outcome, predictions: Predictions
) -> SetSummary:
    return SetSummary(
        name=part.name,
        kind=part.kind,
        split=part.split,
        items=len(chosen),
        items_in_split=len(part.items),
        sources=len({row.cluster for row in predictions}),
        coverage={level: predictions.at(level).coverage for level in LEVELS},
        details=outcome.details,
        notes=list(part.notes),
        rates=outcome.rates,
    )


def _about(card: Card) -> dict[str, Any]:
    return {
        "name": card.name,
        "version": card.version,
        "sha256": card.sha256,
        "identity": card.identity,
        "crop_profile": card.crop_profile,
        "input_size": card.input_size,
        "threshold": card.threshold,
        "calibration": card.calibration.model_dump(),
    }


def _settings(options: Options) -> dict[str, Any]:
    return {
        "frames": options.frames,
        "limit": options.limit,
        "seed": options.intervals.seed,
        "resamples": options.intervals.resamples,
        "confidence": options.intervals.confidence,
    }
