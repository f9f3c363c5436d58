"""Intervals: the bootstrap over clusters (sources or groups), alone and paired for two detectors.

Crops of one video, and videos of one person, resemble each other, so whole clusters are drawn with
replacement and all items of a drawn cluster come along (Field and Welsh, 2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unmask.statistics import metrics
from unmask.statistics.metrics import NAMES, Floats, UndefinedMetricError
from unmask.statistics.weighted import CalibratedMetrics, RankingMetrics

RESAMPLES = 2_000
#: With fewer usable resamples than this share, an interval would describe the lucky ones only.
USABLE_SHARE = 0.9
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Settings:
    """How intervals are drawn: number of resamples, confidence in (0, 1), seed."""

    resamples: int = RESAMPLES
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise ValueError("resamples must be at least 1")
        if not 0 < self.confidence < 1:
            raise ValueError("confidence must lie between 0 and 1")


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; whatever is missing is None and `reason` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, float | str | None]:
        """Return the fields as a plain dictionary."""
        return {"value": self.value, "low": self.low, "high": self.high, "reason": self.reason}


@dataclass(frozen=True)
class Difference:
    """A difference of two detectors (first minus second) with its interval and two-sided p value."""

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, float | str | None]:
        """Return the fields as a plain dictionary."""
        return {"value": self.value, "low": self.low, "high": self.high, "p": self.p, "reason": self.reason}


@dataclass(frozen=True)
class Scored:
    """What one detector said about N items.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake.
    logits
        (N,) raw outputs.
    scores
        (N,) calibrated probabilities in [0, 1].
    threshold
        Frozen operating point on the score.
    """

    labels: NDArray[np.int64]
    logits: Floats
    scores: Floats
    threshold: float

    def measure(self) -> dict[str, float | UndefinedMetricError]:
        """Point value of every metric."""
        return metrics.measure(self.labels, self.logits, self.scores, self.threshold)

    def resampled(self, counts: Iterator[Floats]) -> dict[str, Floats]:
        """Return every metric under every weighting, (B,) each; NaN where a resample has no value.

        Parameters
        ----------
        counts
            Blocks (b, N) of how often each item was drawn, B rows in all.
        """
        ranking = RankingMetrics(self.labels, self.logits)
        calibrated = CalibratedMetrics(self.labels, self.scores, self.threshold)
        parts = [{**ranking(weights), **calibrated(weights)} for weights in counts]
        return {name: np.concatenate([part[name] for part in parts]) for name in NAMES}


def bootstrap(scored: Scored, clusters: ArrayLike, settings: Settings | None = None) -> dict[str, Estimate]:
    """Estimate every metric with a percentile interval by resampling clusters.

    Parameters
    ----------
    scored
        Labels, logits and scores of N items.
    clusters
        (N,) cluster of each item: its source, or the group of sources it belongs to.
    settings
        Resamples, confidence and seed.

    Returns
    -------
    dict
        `metrics.NAMES` -> Estimate.
    """
    settings = settings or Settings()
    values = scored.measure()
    if all(isinstance(value, UndefinedMetricError) for value in values.values()):
        return {name: Estimate(None, reason=str(value)) for name, value in values.items()}
    index = cluster_index(clusters, len(scored.labels))
    too_few = too_few_clusters(index)
    draws = {} if too_few else scored.resampled(item_counts(index, settings))
    return {name: estimate(values[name], draws.get(name), settings, too_few) for name in NAMES}


def estimate(
    value: float | UndefinedMetricError, draws: Floats | None, settings: Settings, too_few: str | None = None
) -> Estimate:
    """Return a value with the interval of its resamples.

    Parameters
    ----------
    value
        Of the items, or why there is none.
    draws
        (B,) of the resamples, NaN where undefined; None where none could be made.
    settings
        Confidence.
    too_few
        Why there are no draws.
    """
    if isinstance(value, UndefinedMetricError):
        return Estimate(None, reason=str(value))
    if draws is None:
        return Estimate(value, reason=too_few)
    low, high, reason = percentiles(draws, settings)
    return Estimate(value, low, high, reason)


def paired_bootstrap(
    first: Scored, second: Scored, clusters: ArrayLike, settings: Settings | None = None
) -> dict[str, Difference]:
    """Compare two detectors on the same items: both see the same resamples.

    Parameters
    ----------
    first, second
        Scores of the same N items in the same order.
    clusters
        (N,) cluster of each item.
    settings
        Resamples, confidence and seed.

    Returns
    -------
    dict
        Metric name -> Difference, first minus second.

    Raises
    ------
    ValueError
        The labels differ, so the items are not the same.
    """
    settings = settings or Settings()
    if not np.array_equal(first.labels, second.labels):
        raise ValueError("the two detectors must have scored the same items in the same order")
    one, other = first.measure(), second.measure()
    index = cluster_index(clusters, len(first.labels)) if len(first.labels) else np.zeros(0, dtype=np.int64)
    too_few = too_few_clusters(index)
    draws: dict[str, Floats] = {}
    if not too_few:
        ours = first.resampled(item_counts(index, settings))
        theirs = second.resampled(item_counts(index, settings))
        draws = {name: ours[name] - theirs[name] for name in NAMES}
    return {name: _compared(one[name], other[name], draws.get(name), settings, too_few) for name in NAMES}


def _compared(
    one: float | UndefinedMetricError,
    other: float | UndefinedMetricError,
    draws: Floats | None,
    settings: Settings,
    too_few: str | None,
) -> Difference:
    if isinstance(one, UndefinedMetricError) or isinstance(other, UndefinedMetricError):
        return Difference(None, reason=str(one if isinstance(one, UndefinedMetricError) else other))
    return difference(one - other, draws, settings, too_few)


def difference(
    value: float, draws: Floats | None, settings: Settings, too_few: str | None = None
) -> Difference:
    """Return a difference with the interval of its resamples and its p value.

    The p value is twice the smaller share of the resamples on either side of 0.

    Parameters
    ----------
    value
        Of the items.
    draws
        (B,) of the resamples, NaN where undefined; None where none could be made.
    settings
        Confidence.
    too_few
        Why there are no draws.
    """
    if draws is None:
        return Difference(value, reason=too_few)
    low, high, reason = percentiles(draws, settings)
    if reason:
        return Difference(value, reason=reason)
    usable = draws[np.isfinite(draws)]
    # A share of resamples can be 0, a p value cannot: one more resample is counted on either side.
    tail = (min((usable <= 0).sum(), (usable >= 0).sum()) + 1) / (usable.size + 1)
    return Difference(value, low, high, p=float(min(1.0, 2 * tail)))


def cluster_index(clusters: ArrayLike, items: int) -> NDArray[np.int64]:
    """Return the number, 0 .. C - 1, of each item's cluster in sorted order of names, (N,).

    Parameters
    ----------
    clusters
        (N,) names.
    items
        Their number N.

    Raises
    ------
    ValueError
        When there are not as many names as items.
    """
    names = np.asarray(clusters)
    if names.shape != (items,):
        raise ValueError(f"clusters {names.shape} must name one cluster for each of {items} items")
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def item_counts(index: NDArray[np.int64], settings: Settings, cells: int = 0) -> Iterator[Floats]:
    """Yield, in blocks (b, N) that sum to `settings.resamples` rows, how often each item was drawn.

    Parameters
    ----------
    index
        (N,) numbers of `cluster_index`.
    settings
        Resamples and seed.
    cells
        Number of values that the caller makes of a row, where it is more than N: blocks are cut to it.
    """
    for counts in cluster_counts(int(index.max()) + 1, settings, max(len(index), cells)):
        yield counts[:, index]


def cluster_counts(clusters: int, settings: Settings, cells: int = 0) -> Iterator[Floats]:
    """Yield, in blocks (b, C) that sum to `settings.resamples` rows, how often each cluster was drawn.

    Parameters
    ----------
    clusters
        Their number C.
    settings
        Resamples and seed.
    cells
        Number of values that the caller makes of a row, where it is more than C: blocks are cut to it.
    """
    random = np.random.default_rng(settings.seed)
    block = max(1, _CELLS_AT_ONCE // max(clusters, cells))
    for start in range(0, settings.resamples, block):
        rows = min(block, settings.resamples - start)
        drawn = random.multinomial(clusters, np.full(clusters, 1 / clusters), size=rows)
        yield drawn.astype(np.float64)


def too_few_clusters(index: NDArray[np.int64]) -> str | None:
    """Return why items have no interval, or None where they have one.

    Parameters
    ----------
    index
        (N,) numbers of `cluster_index`.
    """
    clusters = int(index.max()) + 1 if index.size else 0
    return None if clusters > 1 else f"an interval needs two sources or groups, and there is {clusters}"


def percentiles(draws: Floats, settings: Settings) -> tuple[float | None, float | None, str | None]:
    """Return (low, high, None), or (None, None, reason) where too few draws have a value.

    Parameters
    ----------
    draws
        (B,) NaN where undefined.
    settings
        Confidence.
    """
    usable = draws[np.isfinite(draws)]
    if usable.size < USABLE_SHARE * draws.size:
        return None, None, f"{draws.size - usable.size} of {draws.size} resamples lack a class"
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(usable, [tail, 1 - tail])
    return float(low), float(high), None
