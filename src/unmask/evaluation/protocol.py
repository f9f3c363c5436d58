"""The whole way from a detector and sets to a report, readable top to bottom."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unmask.detectors import Card
from unmask.distortions.levels import DISTORTIONS
from unmask.evaluation.crops import open_crops
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.families import family_table
from unmask.evaluation.findings import (
    LEVELS,
    ScoredSet,
    attributes_of,
    calibration_of,
    comparisons_of,
    fairness_of,
    pooled,
    results_of,
)
from unmask.evaluation.predictions import by_video
from unmask.evaluation.publishing import publish
from unmask.evaluation.report import Report, SetSummary
from unmask.evaluation.robustness_grid import Robustness, run_grid
from unmask.evaluation.scan_logs import check_detector, read_scans
from unmask.evaluation.scans import ScanFigures, compare_scans, scan_figures, scan_items
from unmask.evaluation.scoring import Scorer, score_set
from unmask.evaluation.sets import EvaluationSet, choose
from unmask.evaluation.training_data import notes_of, warnings_of
from unmask.evaluation.videos import MANIFEST_NAME, open_videos
from unmask.evidence import FaceCropExtractor
from unmask.faces import CenterFace, FaceFinder
from unmask.scanning import Scanner
from unmask.statistics.intervals import Settings
from unmask.verdict import rule_of

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
    robustness
        Whether the sets are scored under distortions too.
    distortions
        Which of `distortions.levels.DISTORTIONS`; all when empty.
    attributes
        Columns of the manifests that name groups of people; the usual ones when empty.
    """

    frames: int = 16
    split: str | None = None
    limit: int | None = None
    intervals: Settings = field(default_factory=Settings)
    robustness: bool = False
    distortions: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.frames < 1 or (self.limit is not None and self.limit < 1):
            raise ValueError("frames and limit must be at least 1")
        for name in self.distortions:
            if name not in DISTORTIONS:
                near = difflib.get_close_matches(name, DISTORTIONS, n=1, cutoff=0.0)[0]
                raise EvaluationError(f"unknown distortion {name!r}; did you mean {near!r}?")


def evaluate(
    detector: Scorer,
    sets: Sequence[str | Path],
    out: Path | None = None,
    options: Options | None = None,
    *,
    against: Scorer | None = None,
    finder: FaceFinder | None = None,
    scanner: Scanner | None = None,
    scans: Sequence[Path] = (),
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
        Frames, split, limit, intervals, robustness, attributes.
    against
        A second detector, to be compared with on the same items.
    finder
        Finds the faces in videos; CenterFace by default.
    scanner
        Scans the files of the sets as well, as a user would; None scans nothing.
    scans
        Logs of `unmask scan --output` that have the sets' files, read in place of scanning. The first must be of this
        detector; further ones, of any, are compared with it.
    command
        The command to print in the report.
    progress
        Called at the start of each set and after each item, with the set's name, items done and items in all.

    Raises
    ------
    EvaluationError
        A set cannot be used, or a log is not of its files or of another detector.
    """
    options = options or Options()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # An unusable folder must show before the work, not after.
    opened = [open_set(Path(folder), detector.card, options, finder) for folder in sets]
    _check(opened, options)
    scored = [_score(detector, part, options, progress) for part in opened]
    report = replace(_report(detector.card, scored, options), command=command)
    if scanner is not None or scans:
        judged = [_scans(detector.card, part, scanner, scans, options, progress) for part in scored]
        report = replace(report, scans=[figures for of_set in judged for figures in of_set])
    if options.robustness:
        report = replace(report, robustness=[_stress(detector, part, options, progress) for part in scored])
    if against is not None:
        report = _set_against(report, detector.card, scored, against, sets, options, finder, progress)
    if out is not None:
        publish(report, out)
    return report


def lists_files(root: Path) -> bool:
    """Return whether a set's manifest lists files to scan (column `path`) and no crops (column `file`).

    Parameters
    ----------
    root
        Folder of the set.

    Raises
    ------
    EvaluationError
        It has no readable manifest.
    """
    columns = _columns(root)
    return "path" in columns and "file" not in columns


def _columns(root: Path) -> list[str]:
    try:
        with (root / MANIFEST_NAME).open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError):
        raise EvaluationError(f"{root} holds no readable {MANIFEST_NAME} with labels") from None


def open_set(root: Path, card: Card, options: Options, finder: FaceFinder | None = None) -> EvaluationSet:
    """Open a folder as a set of crops or of videos, by the columns of its manifest.

    Parameters
    ----------
    root
        Folder of the set.
    card
        Of the detector, which says how faces are cut.
    options
        Split, and number of frames.
    finder
        Face finder for videos; None for CenterFace.

    Raises
    ------
    EvaluationError
        The manifest has neither column, or the set cannot be used.
    """
    manifest, columns = root / MANIFEST_NAME, _columns(root)
    crops = card.face_crops()
    if "file" in columns:
        return open_crops(root, crops.crop_profile, crops.size, options.split)
    if "path" in columns:
        return open_videos(
            root,
            # The threads that read are several already.
            finder or CenterFace(threads=1, effort="quick"),
            FaceCropExtractor(crops),
            options.frames,
            options.split,
        )
    raise EvaluationError(f"{manifest} needs a column file (crops) or path (videos)")


def _check(sets: Sequence[EvaluationSet], options: Options) -> None:
    names = [part.name for part in sets]
    for name in names:
        if names.count(name) > 1:
            raise EvaluationError(f"two sets are called {name}: rename a folder")
    for attribute in options.attributes:
        if not any(attributes_of(part, [attribute]) for part in sets):
            raise EvaluationError(f"no manifest has a column {attribute!r} that says something")


def _score(detector: Scorer, part: EvaluationSet, options: Options, progress: Progress) -> ScoredSet:
    chosen = choose(part.items, options.limit, options.intervals.seed)
    advance = _Count(part.name, len(chosen), progress)
    outcome = score_set(detector, part, chosen, advance)
    videos = by_video(outcome.frames, rule_of(detector.card).calibration.score)
    return ScoredSet(part, chosen, outcome, outcome.frames + videos)


def _scans(
    card: Card,
    scored: ScoredSet,
    scanner: Scanner | None,
    logs: Sequence[Path],
    options: Options,
    progress: Progress,
) -> list[ScanFigures]:
    part, settings = scored.part, options.intervals
    if not logs:
        assert scanner is not None
        advance = _Count(f"{part.name}, scanned", len(scored.chosen), progress)
        return scan_figures(part.name, scan_items(scanner, part, scored.chosen, advance), settings)
    first, *others = [read_scans(log, part, scored.chosen) for log in logs]
    check_detector(first, card, images=True)  # A further log may be of the detector that it is compared with.
    figures = [replace(one, log=logs[0].stem) for one in scan_figures(part.name, first, settings)]
    for log, files in zip(logs[1:], others, strict=True):
        whole = scan_figures(part.name, files, settings)[0]
        figures.append(replace(whole, log=log.stem, auc_difference=compare_scans(files, first, settings)))
    return figures


def _stress(detector: Scorer, scored: ScoredSet, options: Options, progress: Progress) -> Robustness:
    names = options.distortions or tuple(DISTORTIONS)
    cells = sum(len(DISTORTIONS[name].levels) for name in names)
    advance = _Count(f"{scored.part.name}, distorted", cells * len(scored.chosen), progress)
    return run_grid(
        detector, scored.part, scored.chosen, scored.predictions, options.intervals, names, advance
    )


@dataclass
class _Count:
    name: str
    items: int
    progress: Progress
    done: int = 0

    def __post_init__(self) -> None:
        self.progress(self.name, 0, self.items)

    def __call__(self) -> None:
        self.done += 1
        self.progress(self.name, self.done, self.items)


def _report(card: Card, sets: Sequence[ScoredSet], options: Options) -> Report:
    settings = options.intervals
    return Report(
        _about(card),
        _settings(options),
        [_summary(scored, card) for scored in sets],
        results_of(sets, card, settings),
        pooled(sets),
        warnings=[line for scored in sets for line in warnings_of(card, scored.part)],
        calibration=calibration_of(sets, card, settings),
        fairness=fairness_of(sets, card, options.attributes, settings),
        families=family_table(sets, card, settings),
    )


def _set_against(
    report: Report,
    card: Card,
    scored: Sequence[ScoredSet],
    against: Scorer,
    sets: Sequence[str | Path],
    options: Options,
    finder: FaceFinder | None,
    progress: Progress,
) -> Report:
    opened = [open_set(Path(folder), against.card, options, finder) for folder in sets]
    # The same seed and limit draw the same items.
    theirs = [_score(against, part, options, progress) for part in opened]
    other = _report(against.card, theirs, options)
    return replace(
        report,
        against=other,
        comparisons=comparisons_of(scored, theirs, (card, against.card), options.intervals),
        warnings=[*report.warnings, *other.warnings],
    )


def _summary(scored: ScoredSet, card: Card) -> SetSummary:
    part, predictions = scored.part, scored.predictions
    # A published report says nothing of where a machine keeps its sets.
    place = f"{part.root}/"
    return SetSummary(
        name=part.name,
        kind=part.kind,
        split=part.split,
        items=len(scored.chosen),
        items_in_split=len(part.items),
        sources=len({row.cluster for row in predictions}),
        coverage={level: predictions.at(level).coverage for level in LEVELS},
        details={name: detail.replace(place, "") for name, detail in scored.outcome.details.items()},
        notes=[*part.notes, *notes_of(card, part)],
        rates=scored.outcome.rates,
        predictions=predictions,
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
        "split": options.split,
        "limit": options.limit,
        "seed": options.intervals.seed,
        "resamples": options.intervals.resamples,
        "confidence": options.intervals.confidence,
    }
