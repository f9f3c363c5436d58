"""What the plots draw: the band of a ROC curve, and the bins of a reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unmask.statistics.intervals import (
    Settings,
    cluster_index,
    item_counts,
    too_few_clusters,
)
from unmask.statistics.metrics import ECE_BINS, Floats, Labels, bin_index

#: False positive rates at which the band is given.
GRID = np.linspace(0, 1, 201)


def roc_band(
    labels: Labels, values: Floats, clusters: ArrayLike, settings: Settings
) -> tuple[Floats, Floats] | None:
    """Pointwise interval of the true positive rate at each false positive rate of `GRID`.

    Parameters
    ----------
    labels, values
        (N,) 0 real or 1 fake, and logits; both classes.
    clusters
        (N,) source or group of each item.
    settings
        Resamples, confidence and seed.

    Returns
    -------
    tuple or None
        (low, high), each (201,); None where there is one cluster only.
    """
    index = cluster_index(clusters, len(labels))
    if too_few_clusters(index):
        return None
    order = np.argsort(-values, kind="stable")
    ranked, fake = values[order], labels[order] == 1
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    curves = [_curve(row[order], fake, last) for counts in item_counts(index, settings) for row in counts]
    usable = [curve for curve in curves if curve is not None]
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(usable, [tail, 1 - tail], axis=0)
    return low, high


def _curve(weights: Floats, fake: NDArray[np.bool_], last: NDArray[np.int64]) -> Floats | None:
    """TPR at `GRID` of one resample, linear between the points; None where a class is missing."""
    true = np.cumsum(weights * fake)[last]
    false = np.cumsum(weights * ~fake)[last]
    if not (true[-1] > 0 and false[-1] > 0):
        return None
    # On a vertical step the upper end counts, as it does for TPR at a fixed FPR.
    fpr, tpr = np.r_[0.0, false / false[-1]], np.r_[0.0, true / true[-1]]
    upper = np.r_[fpr[1:] > fpr[:-1], True]
    value: Floats = np.interp(GRID, fpr[upper], tpr[upper])
    return value


@dataclass(frozen=True)
class Reliability:
    """Bins of a reliability diagram that hold an item: (K,) mean score, share of fakes, number of items."""

    score: Floats
    fakes: Floats
    count: NDArray[np.int64]


def reliability(labels: Labels, scores: Floats, bins: int = ECE_BINS) -> Reliability:
    """Sort scores into equally wide bins, as the ECE does.

    Parameters
    ----------
    labels
        (N,) 0 real, 1 fake.
    scores
        (N,) in [0, 1].
    bins
        Their number; empty ones are left out.
    """
    index = bin_index(scores, bins)
    count = np.bincount(index, minlength=bins)
    held = count > 0
    mean = np.bincount(index, weights=scores, minlength=bins)[held] / count[held]
    share = np.bincount(index, weights=labels, minlength=bins)[held] / count[held]
    return Reliability(mean, share, count[held])
