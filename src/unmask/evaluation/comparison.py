"""Two detectors on the same items: paired bootstrap over sources or groups, and DeLong's test of the AUCs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unmask.evaluation.predictions import Level, Predictions, pair
from unmask.statistics.delong import DeLong, delong_test
from unmask.statistics.intervals import Difference, Settings, paired_bootstrap
from unmask.statistics.metrics import UndefinedMetricError


@dataclass(frozen=True)
class Comparison:
    """Differences, first detector minus second, on what both have scored.

    Parameters
    ----------
    dataset, method, level
        What was compared, as in `Result`.
    items
        Rows that both scored.
    clusters
        Sources or groups among them.
    only_first, only_second
        Rows that one alone scored; they are left out.
    differences
        Metric -> difference with interval and p, by bootstrap over clusters.
    delong
        DeLong's test on the AUCs, which takes items as independent; None where there is none.
    reason
        Why there is no comparison, or no DeLong test.
    """

    dataset: str
    method: str
    level: Level
    items: int
    clusters: int
    only_first: int
    only_second: int
    differences: Mapping[str, Difference] = field(default_factory=dict)
    delong: DeLong | None = None
    reason: str | None = None

    @property
    def independent(self) -> bool:
        """Whether each item has a source or group of its own, as DeLong's test takes for granted."""
        return self.items == self.clusters

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "dataset": self.dataset,
            "method": self.method,
            "level": self.level,
            "items": self.items,
            "clusters": self.clusters,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "differences": {name: difference.to_dict() for name, difference in self.differences.items()},
            "delong": self.delong.to_dict() if self.delong else None,
            "items_independent": self.independent,
            "reason": self.reason,
        }


def compare(
    dataset: str,
    method: str,
    level: Level,
    rows: tuple[Predictions, Predictions],
    thresholds: tuple[float, float],
    settings: Settings | None = None,
) -> Comparison:
    """Compare two detectors on one set and one manipulation (or all), at one level.

    Parameters
    ----------
    dataset, method, level
        What is compared.
    rows
        Predictions of the first and of the second detector.
    thresholds
        The operating point of each, from its card.
    settings
        Resamples, confidence and seed.
    """
    mine, theirs = (predictions.at(level).scored for predictions in rows)
    try:
        first, second = pair(mine, theirs)
    except ValueError as error:
        return Comparison(dataset, method, level, 0, 0, len(mine), len(theirs), reason=str(error))
    one, other = first.to_scored(thresholds[0]), second.to_scored(thresholds[1])
    delong, reason = None, None
    try:
        delong = delong_test(one.labels, one.logits, other.logits)
    except UndefinedMetricError as error:
        reason = str(error)
    return Comparison(
        dataset,
        method,
        level,
        len(first),
        len(set(first.clusters)),
        len(mine) - len(first),
        len(theirs) - len(second),
        paired_bootstrap(one, other, first.clusters, settings),
        delong,
        reason,
    )
