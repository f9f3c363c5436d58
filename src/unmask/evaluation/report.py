"""The report of an evaluation: figures with intervals, and everything that they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import unmask
from unmask.evaluation.calibration import CalibrationRow
from unmask.evaluation.comparison import Comparison
from unmask.evaluation.fairness import FairnessTable
from unmask.evaluation.family_table import FamilyTable
from unmask.evaluation.predictions import Level, Predictions
from unmask.evaluation.robustness_grid import Robustness
from unmask.evaluation.scans import ScanFigures
from unmask.evaluation.scoring import Rates
from unmask.evaluation.zero_pixel import Control
from unmask.statistics.intervals import Estimate

SCHEMA = 1


@dataclass(frozen=True)
class Result:
    """The figures of one detector on one set (or all), one manipulation (or all), at one level.

    `clusters` is the number of sources or groups that the intervals rest on; `threshold` is the card's.
    """

    dataset: str
    method: str
    level: Level
    real: int
    fake: int
    clusters: int
    metrics: Mapping[str, Estimate]
    threshold: float
    control: Control | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "dataset": self.dataset,
            "method": self.method,
            "level": self.level,
            "real": self.real,
            "fake": self.fake,
            "clusters": self.clusters,
            "threshold": self.threshold,
            "metrics": {name: estimate.to_dict() for name, estimate in self.metrics.items()},
            "zero_pixel_control": self.control.to_dict() if self.control else None,
        }


@dataclass(frozen=True)
class SetSummary:
    """What was evaluated of a set: numbers of inputs and sources, coverage by status, notes, rates, and its rows."""

    name: str
    kind: str
    split: str | None
    items: int
    items_in_split: int
    sources: int
    coverage: Mapping[str, Mapping[str, int]]
    details: Mapping[str, str]
    notes: Sequence[str]
    rates: Rates
    predictions: Predictions

    def to_dict(self) -> dict[str, Any]:
        """Return the fields but the predictions as plain values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "split": self.split,
            "items": self.items,
            "items_in_split": self.items_in_split,
            "sources": self.sources,
            "coverage": {level: dict(counts) for level, counts in self.coverage.items()},
            "details": dict(self.details),
            "notes": list(self.notes),
            "rates": self.rates.to_dict(),
        }


@dataclass(frozen=True)
class Report:
    """Everything that an evaluation found.

    Parameters
    ----------
    detector
        Name, version, sha256, crop profile, threshold.
    settings
        Frames, limit, seed, resamples, confidence.
    sets
        One summary a set.
    results
        Per set and manipulation, frame and video level; pooled over the sets where there are several.
    predictions
        Every row, frames and videos.
    command
        The command that repeats it, where it came from one.
    warnings
        What forbids to take the figures for results.
    calibration
        Per set, and pooled, before and after the card's calibration.
    fairness
        One table for each attribute of each set that names groups.
    robustness
        One grid a set, where asked for.
    scans
        Whole scans of the sets' files, where they were made or read.
    families
        Figures by family of manipulation, and false positives on each set's real items.
    against
        The same of the second detector, where there is one.
    comparisons
        First detector minus second.
    """

    detector: Mapping[str, Any]
    settings: Mapping[str, Any]
    sets: Sequence[SetSummary]
    results: Sequence[Result]
    predictions: Predictions
    command: str | None = None
    warnings: Sequence[str] = ()
    calibration: Sequence[CalibrationRow] = ()
    fairness: Sequence[FairnessTable] = ()
    robustness: Sequence[Robustness] = ()
    scans: Sequence[ScanFigures] = ()
    families: FamilyTable = field(default_factory=lambda: FamilyTable((), ()))
    against: Report | None = None
    comparisons: Sequence[Comparison] = ()

    def result(self, dataset: str, level: Level, method: str = "all") -> Result:
        """Return one result.

        Parameters
        ----------
        dataset, level, method
            As in `Result`.

        Raises
        ------
        KeyError
            There is none.
        """
        for result in self.results:
            if (result.dataset, result.method, result.level) == (dataset, method, level):
                return result
        raise KeyError((dataset, method, level))

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the predictions as plain values."""
        return {
            "schema": SCHEMA,
            "unmask": unmask.__version__,
            "warnings": list(self.warnings),
            "command": self.command,
            "detector": dict(self.detector),
            "settings": dict(self.settings),
            "sets": [summary.to_dict() for summary in self.sets],
            "results": [result.to_dict() for result in self.results],
            "calibration": [row.to_dict() for row in self.calibration],
            "fairness": [table.to_dict() for table in self.fairness],
            "robustness": [grid.to_dict() for grid in self.robustness],
            "scans": [figures.to_dict() for figures in self.scans],
            "families": self.families.to_dict(),
            "against": self.against.to_dict() if self.against else None,
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
        }
