"""Risk and coverage: the error rate among the items that are decided, when the least confident ones are left undecided.

El-Yaniv and Wiener (2010); the area under the curve after Geifman and El-Yaniv (2017).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from unmask.statistics.intervals import (
    Difference,
    Estimate,
    Settings,
    cluster_index,
    difference,
    estimate,
    item_counts,
    too_few_clusters,
)
from unmask.statistics.metrics import Floats

COVERAGES = (0.5, 0.7, 0.8, 0.9, 1.0)
_REJECTED = 1e6  # Below every margin of an item that is not rejected.


def log_odds(probability: float, least: float = 1e-12) -> float:
    """Return the log-odds of a probability.

    Parameters
    ----------
    probability
        Moved to within [least, 1 - least] first.
    least
        Above 0.
    """
    inside = min(1 - least, max(least, probability))
    return math.log(inside / (1 - inside))


def margin(
    score: float,
    interval: tuple[float, float],
    threshold: float,
    *,
    rejected: bool = False,
    least: float = 1e-12,
) -> float:
    """Return the confidence of a decision: the distance of its score from the threshold in interval widths.

    Distance and width (towards the threshold) are in log-odds. Rejected items rank below all others, in the same
    order.

    Parameters
    ----------
    score, interval, threshold
        Probabilities.
    rejected
        Whether a gate rejects the item.
    least
        Smallest probability that is distinguished from 0, and its distance from 1.
    """
    value, limit = log_odds(score, least), log_odds(threshold, least)
    end = log_odds(interval[0] if value >= limit else interval[1], least)
    return abs(value - limit) / max(abs(end - value), 1e-9) - (_REJECTED if rejected else 0.0)


@dataclass(frozen=True)
class Curve:
    """A risk-coverage curve, one point for each distinct confidence, from the most confident item to all.

    Parameters
    ----------
    coverage
        (K,) share of items decided, rising to 1.
    risk
        (K,) error rate among them.
    """

    coverage: Floats
    risk: Floats

    @property
    def area(self) -> float:
        """AURC: the mean, over all items, of the error rate among the items that are at least as confident."""
        return float(np.sum(np.diff(self.coverage, prepend=0.0) * self.risk))

    def at(self, coverage: float) -> float:
        """Return the error rate when a share is decided, with as few items more as ties allow.

        Parameters
        ----------
        coverage
            The share, in (0, 1].
        """
        return float(self.risk[np.searchsorted(self.coverage, coverage - 1e-9)])


def risk_coverage(confidence: ArrayLike, wrong: ArrayLike, weights: ArrayLike | None = None) -> Curve:
    """Draw the curve of N items.

    Parameters
    ----------
    confidence
        (N,) larger is more confident; ties are decided together.
    wrong
        (N,) 1 where the decision would be an error, else 0.
    weights
        (N,) how often each item counts; 1 by default.

    Raises
    ------
    ValueError
        There is no item, or the lengths differ.
    """
    sure, errors = np.asarray(confidence, np.float64), np.asarray(wrong, np.float64)
    counts = np.ones(len(sure)) if weights is None else np.asarray(weights, np.float64)
    if not len(sure) == len(errors) == len(counts) or not counts.sum() > 0:
        raise ValueError("a risk-coverage curve needs items, and one confidence and one error for each")
    order = np.argsort(-sure, kind="stable")
    ranked = sure[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    decided = np.cumsum(counts[order])[last]
    failed = np.cumsum((counts * errors)[order])[last]
    held = decided > 0
    return Curve(decided[held] / decided[-1], failed[held] / decided[held])


@dataclass(frozen=True)
class Abstaining:
    """How much better decisions with gates are ordered by confidence than without, on the same items.

    Parameters
    ----------
    items, clusters
        Number of items, and of sources or groups that are resampled.
    without, with_gates
        ``aurc`` and ``risk at 80 %`` and so on, without the gates and with them.
    difference
        With gates minus without, in the same resamples: below 0 the gates help.
    """

    items: int
    clusters: int
    without: Mapping[str, Estimate]
    with_gates: Mapping[str, Estimate]
    difference: Mapping[str, Difference]


def figures(curve: Curve, coverages: Sequence[float] = COVERAGES) -> dict[str, float]:
    """Return the area and the risk at each coverage.

    Parameters
    ----------
    curve
        Of one confidence.
    coverages
        Each in (0, 1].
    """
    return {"aurc": curve.area} | {f"risk at {share:.0%}": curve.at(share) for share in coverages}


def compare_abstaining(
    without: ArrayLike, with_gates: ArrayLike, wrong: ArrayLike, clusters: ArrayLike, settings: Settings
) -> Abstaining:
    """Compare two confidences for the same decisions, with intervals by resampling clusters.

    Parameters
    ----------
    without, with_gates
        (N,) confidences, higher is more confident.
    wrong
        (N,) whether each decision is wrong.
    clusters
        (N,) cluster of each item.
    settings
        Resamples, confidence and seed.
    """
    one, other, errors = (np.asarray(values, np.float64) for values in (without, with_gates, wrong))
    index = cluster_index(clusters, len(errors))
    too_few = too_few_clusters(index)
    values = [figures(risk_coverage(sure, errors)) for sure in (one, other)]
    draws: list[dict[str, Floats] | None] = [None, None]
    if not too_few:
        draws = [resampled_figures(sure, errors, item_counts(index, settings)) for sure in (one, other)]
    estimates = [
        {name: estimate(value[name], draw[name] if draw else None, settings, too_few) for name in value}
        for value, draw in zip(values, draws, strict=True)
    ]
    gaps = {
        name: difference(
            values[1][name] - values[0][name],
            draws[1][name] - draws[0][name] if draws[0] and draws[1] else None,
            settings,
            too_few,
        )
        for name in values[0]
    }
    return Abstaining(len(errors), int(index.max()) + 1, estimates[0], estimates[1], gaps)


def resampled_figures(
    sure: Floats, errors: Floats, blocks: Iterable[Floats], coverages: Sequence[float] = COVERAGES
) -> dict[str, Floats]:
    """Return `figures` under B weightings of N items, (B,) each; the items are sorted once.

    Parameters
    ----------
    sure, errors
        (N,) confidence, and 1 where the decision would be an error, else 0.
    blocks
        (b, N) how often each item was drawn, B rows in all.
    coverages
        As for `figures`.
    """
    order = np.argsort(-sure, kind="stable")
    ranked, failing = sure[order], errors[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    parts = []
    for block in blocks:
        counts = block[:, order]
        decided = np.cumsum(counts, axis=1)[:, last]
        failed = np.cumsum(counts * failing, axis=1)[:, last]
        risk = np.divide(failed, decided, out=np.zeros_like(failed), where=decided > 0)
        coverage = decided / decided[:, -1:]
        values = {"aurc": (np.diff(coverage, prepend=0.0, axis=1) * risk).sum(axis=1)}
        for share in coverages:
            first = np.argmax(coverage >= share - 1e-9, axis=1)
            values[f"risk at {share:.0%}"] = risk[np.arange(len(risk)), first]
        parts.append(values)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
