"""The metrics of `metrics` under many weightings at once, which is what a bootstrap needs.

A bootstrap resample is a count of how often each item was drawn. The items are sorted once and the counts
weigh them, so 2,000 resamples take a few array operations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unmask.statistics.metrics import (
    CALIBRATED,
    ECE_BINS,
    RANKING,
    Floats,
    Labels,
    bin_index,
    negative_log_likelihood,
)


class RankingMetrics:
    """AUC, AP, EER and TPR at fixed FPR of one list of items, for any weights.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake.
    values
        (N,) finite, higher is more fake.
    """

    def __init__(self, labels: Labels, values: Floats) -> None:
        self._order = np.argsort(-values, kind="stable")
        ranked = values[self._order]
        self._ties = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        self._fake = labels[self._order].astype(np.float64)

    def auc(self, weights: NDArray[np.floating]) -> Floats:
        """Return the AUC alone, (B,); NaN where a class has no weight.

        Parameters
        ----------
        weights
            (B, N) >= 0.
        """
        positives, negatives = self._classes(weights)
        return _area(positives, negatives, negatives.cumsum(axis=1))

    def __call__(self, weights: NDArray[np.floating]) -> dict[str, Floats]:
        """Metrics of `RANKING`, each (B,), of weights (B, N) >= 0; NaN where a class has no weight."""
        positives, negatives = self._classes(weights)
        true, false = positives.cumsum(axis=1), negatives.cumsum(axis=1)
        fakes, reals = true[:, -1:], false[:, -1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            values = {
                "auc": _area(positives, negatives, false),
                "ap": (positives * _precision(true, false)).sum(axis=1) / fakes[:, 0],
                "eer": _equal_error_rate(false / reals, true / fakes),
                "tpr_at_fpr_1": _tpr_at(false / reals, true / fakes, 0.01),
                "tpr_at_fpr_5": _tpr_at(false / reals, true / fakes, 0.05),
            }
        both = (fakes > 0)[:, 0] & (reals > 0)[:, 0]
        return {name: np.where(both, values[name], np.nan) for name in RANKING}

    def _classes(self, weights: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Return the weight (B, K) of the fake and of the real items with each distinct value, the largest first."""
        ranked = np.asarray(weights, dtype=np.float64)[:, self._order]
        positives = np.add.reduceat(ranked * self._fake, self._ties, axis=1)
        return positives, np.add.reduceat(ranked, self._ties, axis=1) - positives


def _area(positives: Floats, negatives: Floats, false: Floats) -> Floats:
    """Return the AUC (B,) of weights (B, K) by class and distinct value, and the real ones' running sum."""
    reals = false[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        area = (positives * (reals - false + negatives / 2)).sum(axis=1)
        value: Floats = area / (positives.sum(axis=1) * reals[:, 0])
    return value


def auc_of_labellings(ranked: Floats, labels: Floats) -> Floats:
    """Return the AUC (B, M) of M rankings of the same items under many labellings, as a permutation test needs it.

    Parameters
    ----------
    ranked
        (N, M) ranks from 1 on; equal values share their mean rank.
    labels
        (B, N) 0 real or 1 fake; NaN results where a labelling has one class.
    """
    fakes = labels.sum(axis=1, keepdims=True)
    reals = labels.shape[1] - fakes
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Floats = (labels @ ranked - fakes * (fakes + 1) / 2) / (fakes * reals)
    return value


def _precision(true: Floats, false: Floats) -> Floats:
    called = true + false
    return np.divide(true, called, out=np.zeros_like(true), where=called > 0)


def _equal_error_rate(fpr: Floats, tpr: Floats) -> Floats:
    origin = np.zeros((len(fpr), 1))
    fpr, tpr = np.hstack([origin, fpr]), np.hstack([origin, tpr])
    gap = 1 - tpr - fpr
    after = np.maximum(np.argmax(gap <= 0, axis=1), 1)
    rows = np.arange(len(fpr))
    high, low = gap[rows, after - 1], gap[rows, after]
    start = fpr[rows, after - 1]
    value: Floats = start + high / (high - low) * (fpr[rows, after] - start)
    return value


def _tpr_at(fpr: Floats, tpr: Floats, limit: float) -> Floats:
    value: Floats = np.where(fpr <= limit + 1e-12, tpr, 0.0).max(axis=1)
    return value


class CalibratedMetrics:
    """Rates at the frozen threshold, Brier score, log loss and ECE of one list of items, for any weights.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake.
    scores
        (N,) probabilities in [0, 1].
    threshold
        A score at or over it counts as fake.
    """

    def __init__(self, labels: Labels, scores: Floats, threshold: float) -> None:
        fake, called = labels == 1, scores >= threshold
        counts = [fake & called, fake & ~called, ~fake & called, ~fake & ~called]
        self._parts = np.stack(
            [*counts, (scores - labels) ** 2, negative_log_likelihood(labels, scores)], axis=1
        )
        self._gaps = np.zeros((len(labels), ECE_BINS))
        self._gaps[np.arange(len(labels)), bin_index(scores)] = scores - labels

    def __call__(self, weights: NDArray[np.floating]) -> dict[str, Floats]:
        """Metrics of `CALIBRATED`, each (B,), of weights (B, N) >= 0; NaN where one has no value."""
        weights = np.asarray(weights, dtype=np.float64)
        hit, miss, alarm, quiet, square, surprised = (weights @ self._parts).T
        total = hit + miss + alarm + quiet
        with np.errstate(divide="ignore", invalid="ignore"):
            fpr, fnr = alarm / (alarm + quiet), miss / (hit + miss)
            values = {
                "accuracy": (hit + quiet) / total,
                "balanced_accuracy": 1 - (fpr + fnr) / 2,
                "fpr": fpr,
                "fnr": fnr,
                "brier": square / total,
                "log_loss": surprised / total,
                "ece": np.abs(weights @ self._gaps).sum(axis=1) / total,
            }
        return {name: values[name] for name in CALIBRATED}
