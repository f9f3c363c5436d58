"""How well scores are probabilities, and likelihood ratios: before and after the card's calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unmask.evaluation.predictions import Level, Predictions
from unmask.statistics.intervals import (
    Estimate,
    Scored,
    Settings,
    cluster_index,
    estimate,
    item_counts,
    too_few_clusters,
)
from unmask.statistics.likelihood_ratios import estimate_costs, log10_of_scores
from unmask.statistics.metrics import Floats
from unmask.statistics.weighted import CalibratedMetrics

FIGURES = ("ece", "brier", "log_loss")


@dataclass(frozen=True)
class CalibrationRow:
    """Calibration of one detector on one set (or several pooled), at one level.

    Parameters
    ----------
    dataset
        The set, or `all`, `in domain`, `out of domain` for sets pooled.
    domain
        `in domain` where the card names the set among its data, else `out of domain`; `mixed` where pooled.
    items
        Scored rows.
    before, after
        The figures of `FIGURES`, and the costs of likelihood ratios `COSTS`, with slope 1 and intercept 0, and with
        the card's.
    """

    dataset: str
    domain: str
    level: Level
    items: int
    before: Mapping[str, Estimate]
    after: Mapping[str, Estimate]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "dataset": self.dataset,
            "domain": self.domain,
            "level": self.level,
            "items": self.items,
            "before": {name: figure.to_dict() for name, figure in self.before.items()},
            "after": {name: figure.to_dict() for name, figure in self.after.items()},
        }


def uncalibrated(scored: Scored) -> Scored:
    """Return the same items with the score 1 / (1 + exp(-logit)): slope 1, intercept 0.

    Parameters
    ----------
    scored
        Items.
    """
    scores = np.exp(-np.logaddexp(0, -scored.logits))
    return replace(scored, scores=scores)


def calibration_row(
    dataset: str, domain: str, level: Level, rows: Predictions, threshold: float, settings: Settings
) -> CalibrationRow:
    """Measure calibration before and after.

    Parameters
    ----------
    dataset, domain
        As in the row.
    level
        Level of the rows that count.
    rows
        Predictions of any level and status.
    threshold
        Of the card.
    settings
        Of the intervals.
    """
    rows = rows.at(level).scored
    scored = rows.to_scored(threshold)
    before = _figures(uncalibrated(scored), rows.clusters, settings)
    return CalibrationRow(
        dataset, domain, level, len(rows), before, _figures(scored, rows.clusters, settings)
    )


def _figures(scored: Scored, clusters: Sequence[str] | np.ndarray, settings: Settings) -> dict[str, Estimate]:
    costs = estimate_costs(scored.labels, log10_of_scores(scored.scores), clusters, settings)
    return _probabilities(scored, clusters, settings) | costs


def _probabilities(
    scored: Scored, clusters: Sequence[str] | np.ndarray, settings: Settings
) -> dict[str, Estimate]:
    values = scored.measure()
    if not len(scored.labels):
        return {name: Estimate(None, reason=str(values[name])) for name in FIGURES}
    index = cluster_index(clusters, len(scored.labels))
    too_few = too_few_clusters(index)
    metrics = CalibratedMetrics(scored.labels, scored.scores, scored.threshold)
    blocks = [] if too_few else [metrics(counts) for counts in item_counts(index, settings)]
    return {name: estimate(values[name], _joined(blocks, name), settings, too_few) for name in FIGURES}


def _joined(blocks: Sequence[Mapping[str, Floats]], name: str) -> Floats | None:
    return np.concatenate([block[name] for block in blocks]) if blocks else None
