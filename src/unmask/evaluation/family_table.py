"""Figures by family of manipulation: those that a detector was trained on, and those that it never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unmask.evaluation.predictions import Level
from unmask.statistics.intervals import Estimate


@dataclass(frozen=True)
class FamilyResult:
    """One family's fakes of one set beside the set's real items, at the card's threshold.

    Parameters
    ----------
    known
        Whether the card names the family as trained on; None where it names none, or the family is not known.
    auc, missed
        Area under the ROC curve; share of the family's fakes below the threshold.
    """

    family: str
    known: bool | None
    dataset: str
    level: Level
    real: int
    fake: int
    auc: Estimate
    missed: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "family": self.family,
            "known": self.known,
            "dataset": self.dataset,
            "level": self.level,
            "real": self.real,
            "fake": self.fake,
            "auc": self.auc.to_dict(),
            "missed": self.missed.to_dict(),
        }


@dataclass(frozen=True)
class FalsePositives:
    """The share of a set's real items that lie above the card's threshold."""

    dataset: str
    level: Level
    real: int
    rate: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {"dataset": self.dataset, "level": self.level, "real": self.real, "rate": self.rate.to_dict()}


@dataclass(frozen=True)
class FamilyTable:
    """All families and all real sets, and the mean and the least AUC of the families."""

    results: tuple[FamilyResult, ...]
    false_positives: tuple[FalsePositives, ...]

    def summary(self, known: bool | None) -> dict[str, float | None]:
        """Return the mean and the least AUC of families; each counts once, with the mean of its sets.

        Parameters
        ----------
        known
            True for families that were trained on, False for those that were not, None for all.
        """
        by_family: dict[str, list[float]] = {}
        for result in self.results:
            if result.auc.value is not None and (known is None or result.known is known):
                by_family.setdefault(result.family, []).append(result.auc.value)
        means = [float(np.mean(values)) for values in by_family.values()]
        return {"mean": float(np.mean(means)) if means else None, "minimum": min(means, default=None)}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "known": self.summary(True),
            "unseen": self.summary(False),
            "all": self.summary(None),
            "results": [result.to_dict() for result in self.results],
            "false_positives": [row.to_dict() for row in self.false_positives],
        }
