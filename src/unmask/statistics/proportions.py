"""Shares of few items: score intervals of a proportion and of a difference, and a test of the largest gap."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from unmask.statistics.intervals import Estimate


def proportion(count: int, items: int, confidence: float = 0.95) -> Estimate:
    """Return a proportion with its Wilson score interval (Wilson 1927), which has a width at 0 and 1 too.

    Parameters
    ----------
    count
        Items with the property.
    items
        All of them, independent of each other.
    confidence
        Of the two-sided interval, in (0, 1).
    """
    if items == 0:
        return Estimate(None, reason="no items")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / items
    middle = (share + z**2 / (2 * items)) / (1 + z**2 / items)
    half = z / (1 + z**2 / items) * math.sqrt(share * (1 - share) / items + z**2 / (4 * items**2))
    return Estimate(share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)))


def difference_of_proportions(first: Estimate, second: Estimate) -> Estimate:
    """Return first minus second with Newcombe's interval from both Wilson intervals (Newcombe 1998, method 10).

    Parameters
    ----------
    first, second
        Of `proportion`, at the same confidence, of independent items.
    """
    if first.value is None or second.value is None:
        return Estimate(None, reason=first.reason or second.reason)
    assert first.low is not None and first.high is not None
    assert second.low is not None and second.high is not None
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, value - below, value + above)


def chance_of_gap(outcomes: ArrayLike, groups: ArrayLike, permutations: int = 10_000, seed: int = 0) -> float:
    """Return how often the largest gap between groups is as large by chance: a permutation test.

    Parameters
    ----------
    outcomes
        (N,) 0 or 1.
    groups
        (N,) group of each.
    permutations
        Shuffles of the outcomes over the groups.
    seed
        Of the shuffles.

    Returns
    -------
    float
        p value in (0, 1]; 1 with fewer than two groups.
    """
    values = np.asarray(outcomes, np.float64)
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return 1.0
    members = np.eye(len(names))[index]
    sizes = members.sum(axis=0)
    random = np.random.default_rng(seed)
    shuffled = random.permuted(np.tile(values, (permutations, 1)), axis=1)
    gaps = np.ptp(np.vstack([values, shuffled]) @ members / sizes, axis=1)
    return float((np.sum(gaps[1:] >= gaps[0] - 1e-12) + 1) / (permutations + 1))
