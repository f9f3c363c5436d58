"""Measures of likelihood ratios: their cost, how much of it is calibration, curves, and how far they can be trusted.

A likelihood ratio is the probability of the evidence if an item is fake over that if it is real. It is given here as
its logarithm to base 10, finite. Label 1 is fake, 0 is real.

The cost is Cllr (Brümmer and du Preez 2006): 0 is perfect, a system that always says 1 has 1. Its least value under any
rising transform of the ratios is found by pooling adjacent violators (PAV).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unmask.statistics.intervals import (
    Estimate,
    Settings,
    cluster_index,
    estimate,
    item_counts,
    too_few_clusters,
)
from unmask.statistics.metrics import Floats, Labels, UndefinedMetricError, check_both, single_class_reason

COSTS = ("cllr", "cllr_min", "cllr_cal")
"""The cost, its least value after PAV, and the difference, which is the loss by calibration."""
STEP = 0.01
"""Distance of the thresholds, in log10, at which bounds are sought."""


def cllr(labels: ArrayLike, log10_lr: ArrayLike) -> float:
    """Return the cost of likelihood ratios in bits.

        Cllr = (mean over fakes of log2(1 + 1 / LR) + mean over reals of log2(1 + LR)) / 2

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake, both present.
    log10_lr
        (N,) finite.

    Raises
    ------
    UndefinedMetricError
        A class is missing.
    """
    label_array, values = check_both(labels, log10_lr)
    costs = _item_costs(label_array, values)
    return float((costs[label_array == 1].mean() + costs[label_array == 0].mean()) / 2)


def cllr_min(labels: ArrayLike, log10_lr: ArrayLike) -> float:
    """Return the cost after the best rising transform of the ratios: what discrimination alone allows, in [0, 1].

    Parameters
    ----------
    labels, log10_lr
        As in `cllr`, with the same errors.
    """
    label_array, values = check_both(labels, log10_lr)
    return float(LikelihoodRatioCosts(label_array, values)(np.ones((1, len(values))))["cllr_min"][0])


def calibration_loss(labels: ArrayLike, log10_lr: ArrayLike) -> float:
    """Return the part of the cost that a better calibration would spare: `cllr` less `cllr_min`, at least 0.

    Parameters
    ----------
    labels, log10_lr
        As in `cllr`, with the same errors.
    """
    return cllr(labels, log10_lr) - cllr_min(labels, log10_lr)


def pav(labels: ArrayLike, values: ArrayLike) -> Floats:
    """Return the log10 likelihood ratios of the pool-adjacent-violators algorithm (PAV), (N,).

    -inf and inf occur at the ends, where a pooled block holds one class only.

    Parameters
    ----------
    labels, values
        As in `cllr`, with the same errors; any values of which a higher one is more fake.
    """
    label_array, value_array = check_both(labels, values)
    _, cell = np.unique(value_array, return_inverse=True)
    fake = np.bincount(cell, label_array).astype(np.float64)
    real = np.bincount(cell, 1 - label_array).astype(np.float64)
    fakes, reals, _, size = _pool(fake, real, np.zeros(len(fake), np.int64))
    with np.errstate(divide="ignore"):
        pooled = np.log10(fakes / fakes.sum()) - np.log10(reals / reals.sum())
    return np.repeat(pooled, size)[cell]


def tippett(labels: ArrayLike, log10_lr: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return the points of a Tippett plot.

    Parameters
    ----------
    labels, log10_lr
        As in `cllr`, with the same errors.

    Returns
    -------
    tuple
        (threshold, fakes, reals), (K,) each: the occurring log10 ratios in rising order, and the shares of fakes and
        of reals whose ratio is at least that.
    """
    label_array, values = check_both(labels, log10_lr)
    thresholds = np.unique(values)
    fakes, reals = np.sort(values[label_array == 1]), np.sort(values[label_array == 0])
    above = [1 - np.searchsorted(part, thresholds, side="left") / len(part) for part in (fakes, reals)]
    return thresholds, above[0], above[1]


def empirical_cross_entropy(labels: ArrayLike, log10_lr: ArrayLike, log10_prior_odds: ArrayLike) -> Floats:
    """Return the empirical cross-entropy in bits at each of the prior odds (Ramos et al. 2013).

    Not the expected calibration error that is called ECE elsewhere here. At prior odds of 1 it is `cllr`.

    Parameters
    ----------
    labels, log10_lr
        As of `cllr`; infinite ratios of the right sign are allowed, as `pav` gives them.
    log10_prior_odds
        (K,) log10 odds of fake to real.

    Returns
    -------
    Floats
        (K,)
    """
    label_array, values = np.asarray(labels, np.int64), np.asarray(log10_lr, np.float64)
    odds = np.asarray(log10_prior_odds, np.float64)
    costs = _item_costs(label_array, values[None, :] + odds[:, None])
    prior = 1 / (1 + 10.0**-odds)
    fakes, reals = (costs[:, label_array == label].mean(axis=1) for label in (1, 0))
    entropy: Floats = prior * fakes + (1 - prior) * reals
    return entropy


def empirical_bounds(labels: ArrayLike, log10_lr: ArrayLike) -> tuple[float, float]:
    """Return the log10 likelihood ratios beyond which the data cannot support a statement: ELUB.

    One misleading item beyond each threshold is added to each class. A ratio is supported where deciding by it at
    that threshold still costs no more than deciding without evidence (Vergeer et al. 2016). With n items of a class no
    bound lies beyond log10(n + 1).

    Parameters
    ----------
    labels, log10_lr
        As in `cllr`, with the same errors.

    Returns
    -------
    tuple
        (low, high), low <= 0 <= high; multiples of `STEP`.
    """
    label_array, values = check_both(labels, log10_lr)
    fakes, reals = np.sort(values[label_array == 1]), np.sort(values[label_array == 0])
    lowest = max(values.min(), -np.log10(len(fakes) + 1))
    highest = min(values.max(), np.log10(len(reals) + 1))
    first, last = min(0, int(lowest // STEP)), max(0, int(highest // STEP) + 1)
    thresholds = np.linspace(first * STEP, last * STEP, last - first + 1)
    missed = (np.searchsorted(fakes, thresholds, side="right") + 1) / (len(fakes) + 1)
    called = (len(reals) - np.searchsorted(reals, thresholds, side="right") + 1) / (len(reals) + 1)
    # Without evidence everything is called fake below a threshold of 1, and nothing above it.
    lost = np.minimum(1, 10**thresholds) < missed + 10**thresholds * called
    low = np.max(thresholds[lost & (thresholds <= 0)] + STEP, initial=thresholds[0])
    high = np.min(thresholds[lost & (thresholds >= 0)] - STEP, initial=thresholds[-1])
    return min(float(low), 0.0), max(float(high), 0.0)


class LikelihoodRatioCosts:
    """The costs of `COSTS` of one list of items, for many weightings at once, as a bootstrap needs them.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake.
    log10_lr
        (N,) finite.
    """

    def __init__(self, labels: Labels, log10_lr: Floats) -> None:
        self._order = np.argsort(log10_lr, kind="stable")
        ranked = log10_lr[self._order]
        self._ties = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        self._fake = labels[self._order].astype(np.float64)
        costs, fake = _item_costs(labels, log10_lr), labels == 1
        self._parts = np.stack([costs * fake, fake, costs * ~fake, ~fake], axis=1).astype(np.float64)

    def __call__(self, weights: NDArray[np.floating]) -> dict[str, Floats]:
        """Return the costs, (B,) each, of weights (B, N) >= 0; NaN where a class has no weight."""
        drawn = np.asarray(weights, dtype=np.float64)
        of_fakes, fakes, of_reals, reals = (drawn @ self._parts).T
        with np.errstate(divide="ignore", invalid="ignore"):
            cost: Floats = (of_fakes / fakes + of_reals / reals) / 2
            least = self._least(drawn, fakes, reals)
        return dict(zip(COSTS, (cost, least, cost - least), strict=True))

    def _least(self, weights: Floats, fakes: Floats, reals: Floats) -> Floats:
        ranked = weights[:, self._order]
        fake = np.add.reduceat(ranked * self._fake, self._ties, axis=1)
        real = np.add.reduceat(ranked, self._ties, axis=1) - fake
        row, cell = np.nonzero(fake + real)
        fake, real, row, _ = _pool(fake[row, cell], real[row, cell], row)
        share, other = fake / fakes[row], real / reals[row]
        both = share + other
        bits = np.where(fake > 0, share * np.log2(both / share), 0.0)
        bits += np.where(real > 0, other * np.log2(both / other), 0.0)
        least = np.bincount(row, bits, len(weights)) / 2
        return np.where((fakes > 0) & (reals > 0), least, np.nan)


def estimate_costs(
    labels: Labels, log10_lr: Floats, clusters: ArrayLike, settings: Settings | None = None
) -> dict[str, Estimate]:
    """Estimate the costs of `COSTS` with percentile intervals by resampling clusters.

    Parameters
    ----------
    labels, log10_lr
        (N,) 0 real or 1 fake, and finite log10 likelihood ratios.
    clusters
        (N,) source or group of each item.
    settings
        Resamples, confidence and seed.

    Returns
    -------
    dict
        Each name of `COSTS` -> Estimate.
    """
    settings = settings or Settings()
    reason = single_class_reason(labels) if len(labels) else "no scored item"
    if reason:
        return {name: estimate(UndefinedMetricError(reason), None, settings) for name in COSTS}
    costs, index = LikelihoodRatioCosts(labels, log10_lr), cluster_index(clusters, len(labels))
    values = costs(np.ones((1, len(labels))))
    too_few = too_few_clusters(index)
    blocks = [] if too_few else [costs(counts) for counts in item_counts(index, settings)]
    return {
        name: estimate(
            float(values[name][0]),
            np.concatenate([block[name] for block in blocks]) if blocks else None,
            settings,
            too_few,
        )
        for name in COSTS
    }


def log10_of_scores(scores: ArrayLike, least: float = 1e-12) -> Floats:
    """Return the log10 likelihood ratios that scores stand for: probabilities at even prior odds.

    Parameters
    ----------
    scores
        (N,) in [0, 1]; moved to within [least, 1 - least] first.
    least
        Smallest probability that is distinguished from 0, and its distance from 1.
    """
    held = np.clip(np.asarray(scores, np.float64), least, 1 - least)
    ratios: Floats = np.log10(held / (1 - held))
    return ratios


def _item_costs(labels: Labels, log10_lr: Floats) -> Floats:
    """Return log2(1 + 1 / LR) of fakes and log2(1 + LR) of reals, (..., N) as the ratios."""
    costs: Floats = np.logaddexp2(0, np.where(labels == 1, -log10_lr, log10_lr) * np.log2(10))
    return costs


def _pool(
    fake: Floats, real: Floats, row: NDArray[np.int64]
) -> tuple[Floats, Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Pool adjacent violators of many rows at once.

    Neighbours whose share of fakes does not rise belong to one block of the solution, whatever their order of pooling,
    so whole runs of them are joined at a time until none are left.

    Parameters
    ----------
    fake, real
        (K,) weights of each class in cells of rising value, not both 0.
    row
        (K,) number of the row that a cell belongs to, rising.

    Returns
    -------
    tuple
        (fake, real, row, number of cells) of the blocks, in which the share of fakes rises strictly within a row.
    """
    size = np.ones(len(fake), np.int64)
    while True:
        share = fake / (fake + real)
        joined = (share[1:] <= share[:-1]) & (row[1:] == row[:-1])
        if not joined.any():
            return fake, real, row, size
        first = np.flatnonzero(np.r_[True, ~joined])
        fake, real, size = (np.add.reduceat(part, first) for part in (fake, real, size))
        row = row[first]
