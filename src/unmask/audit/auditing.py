"""The whole way of an audit, readable top to bottom."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from unmask.audit.columns import fewer_words
from unmask.audit.copies import ALIKE, Copy, count_copies, find_copies, kinds_of
from unmask.audit.decisions import attribute
from unmask.audit.inspection import InspectedSet, inspect_all
from unmask.audit.latents import OpenedDetector
from unmask.audit.leaks import find_leaks
from unmask.audit.listing import Listing, open_listing
from unmask.audit.report import AuditReport, CopyPair, Summary
from unmask.audit.shortcuts import facts_by_auc
from unmask.audit.units import Units, units_of
from unmask.audit.verification import CANDIDATE, Descriptors, verify
from unmask.evaluation.zero_pixel import zero_pixel_control
from unmask.statistics.intervals import Settings
from unmask.statistics.metrics import UndefinedMetricError

#: Called with what is being done, items done and items in all.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Options:
    """What is audited and how.

    Parameters
    ----------
    split
        Split whose facts and decisions are analysed; None for all. Copies and leaks are searched for in all splits.
    detector
        Name or folder of a detector whose decisions are to be traced; None for none.
    training
        Folder of the set that the detector was trained on; None leaves training crops out.
    crops
        Most items of each set that go through the detector, as many of each class.
    columns
        Further columns of the manifest to take for facts.
    workers
        Threads that open files.
    intervals
        Resamples, confidence, seed.
    verify
        Whether near-duplicates have to agree in features and in time, too.
    """

    split: str | None = None
    detector: str | None = None
    training: Path | None = None
    crops: int = 500
    columns: tuple[str, ...] = ()
    workers: int = 2
    intervals: Settings = field(default_factory=lambda: Settings(resamples=1000))
    verify: bool = False


def audit(
    root: Path,
    options: Options | None = None,
    *,
    command: str | None = None,
    progress: Progress = lambda name, done, items: None,
) -> AuditReport:
    """Search for copies, leaks, shortcuts and what drives a detector in a labelled set.

    Parameters
    ----------
    root
        Folder with a `manifest.csv` of crops (column `file`) or of videos (column `path`).
    options
        Split, detector, training set, numbers.
    command
        The command to print in the report.
    progress
        Called after each item.

    Raises
    ------
    EvaluationError
        The set cannot be used; DetectorError where the detector cannot.
    """
    options = options or Options()
    listing = open_listing(root, options.columns)
    chosen = listing.positions(options.split)
    # What cannot be used must show before the work, not after.
    detector = OpenedDetector(options.detector) if options.detector else None
    inspected = _inspect(listing, options, progress)
    training, everything = _training(listing, inspected, options, progress)
    copies, blank = find_copies(everything, CANDIDATE if options.verify else ALIKE)
    if options.verify:
        listings = [listing] if training is None or training[0] is listing else [listing, training[0]]
        describe = Descriptors(listings, options.workers)
        copies = verify(copies, everything, describe, partial(progress, "verifying pairs"))
    units = units_of(inspected, chosen)
    facts, reason = [], None
    try:
        facts = facts_by_auc(units, options.intervals)
    except UndefinedMetricError as error:
        reason = str(error)
    control = zero_pixel_control(units.labels, fewer_words(units.facts), units.clusters, options.intervals)
    drivers = None
    if detector is not None:
        drivers = attribute(
            detector, (listing, inspected, chosen), training, options.crops, options.intervals, progress
        )
    return AuditReport(
        summary=_summary(listing, everything, [everything.rows[index].file for index in blank], units),
        settings=_settings(options),
        counts=count_copies(copies, everything),
        pairs=[_pair(copy, everything) for copy in copies],
        leaks=find_leaks(everything),
        facts=facts,
        facts_reason=reason,
        control=control if reason is None else None,
        drivers=drivers,
        command=command,
    )


def _inspect(listing: Listing, options: Options, progress: Progress) -> InspectedSet:
    done = 0
    progress(f"{listing.name}: files", done, len(listing.rows))

    def advance() -> None:
        nonlocal done
        done += 1
        progress(f"{listing.name}: files", done, len(listing.rows))

    return inspect_all(listing, options.workers, advance)


def _training(
    listing: Listing, inspected: InspectedSet, options: Options, progress: Progress
) -> tuple[tuple[Listing, InspectedSet, list[int]] | None, InspectedSet]:
    """Open the training set, of which the split `train` counts where it has one; give all files of both sets too."""
    if options.training is None:
        return None, inspected
    if options.training.resolve() == listing.root.resolve():
        return (listing, inspected, _training_rows(listing)), inspected
    other = open_listing(options.training, options.columns)
    theirs = _inspect(other, options, progress)
    return (other, theirs, _training_rows(other)), inspected + theirs


def _training_rows(listing: Listing) -> list[int]:
    return listing.positions("train" if "train" in listing.splits else None)


def _summary(listing: Listing, inspected: InspectedSet, blank: Sequence[str], units: Units) -> Summary:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row, place in zip(inspected.rows, inspected.places, strict=True):
        counts[place][_name(row.item.label)] += 1
    return Summary(
        listing.name,
        listing.kind,
        {place: dict(count) for place, count in sorted(counts.items())},
        _sources(inspected),
        inspected.statuses,
        {
            row.file: one.status
            for row, one in zip(inspected.rows, inspected.inspections, strict=True)
            if one.status != "ok"
        },
        list(blank),
        {"real": int((units.labels == 0).sum()), "fake": int(units.labels.sum())},
        len(np.unique(units.clusters)),
    )


def _sources(inspected: InspectedSet) -> int | None:
    """Count sources; None where none is named: a crop without one has its file's name for it, a video nothing."""
    if all(row.item.source in ("", Path(row.file).stem) for row in inspected.rows):
        return None
    return len({(row.item.dataset, row.item.source) for row in inspected.rows})


def _name(label: int) -> str:
    return "fake" if label else "real"


def _pair(copy: Copy, inspected: InspectedSet) -> CopyPair:
    one, other = inspected.rows[copy.first], inspected.rows[copy.second]
    return CopyPair(
        one.file,
        other.file,
        None if copy.exact else copy.distance,
        tuple(sorted(kinds_of(copy, inspected))),
        (_name(one.item.label), _name(other.item.label)),
        (inspected.places[copy.first], inspected.places[copy.second]),
    )


def _settings(options: Options) -> dict[str, object]:
    return {
        "split": options.split,
        "training": None if options.training is None else options.training.name,
        "crops": options.crops,
        "columns": list(options.columns),
        "seed": options.intervals.seed,
        "resamples": options.intervals.resamples,
        "confidence": options.intervals.confidence,
        "verify": options.verify,
    }
