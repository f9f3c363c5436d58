"""Shares of groups with score intervals, their differences, and a test of the largest gap."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from unmask.statistics.intervals import Estimate
from unmask.statistics.proportions import wilson_interval


def proportion(count: int, items: int) -> Estimate:
    """Return a proportion with its 95 % score interval; none of no items.

    Parameters
    ----------
    count
        Items with the property.
    items
        All of them, independent of each other.
    """
    if items == 0:
        return Estimate(None, reason="no items")
    return Estimate(count / items, *wilson_interval(count / items, items))


def difference_of_proportions(first: Estimate, second: Estimate) -> Estimate:
    """Return first minus second with Newcombe's interval from both Wilson intervals (Newcombe 1998, method 10).

    Parameters
    ----------
    first, second
        Of `proportion`, of independent items.
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
