"""The AUC alone, with its interval: of one detector, and of two on the same items."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
from unmask.statistics.metrics import Floats, UndefinedMetricError, auc
from unmask.statistics.weighted import RankingMetrics


def auc_estimate(
    labels: NDArray[np.int64], values: Floats, clusters: ArrayLike, settings: Settings | None = None
) -> Estimate:
    """Estimate the AUC alone, as `intervals.bootstrap` does beside all other metrics.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake.
    values
        (N,) higher is more fake.
    clusters
        (N,) cluster of each item.
    settings
        Resamples, confidence and seed.
    """
    settings = settings or Settings()
    try:
        value = auc(labels, values)
    except UndefinedMetricError as error:
        return Estimate(None, reason=str(error))
    index = cluster_index(clusters, len(labels))
    too_few = too_few_clusters(index)
    return estimate(value, None if too_few else auc_draws(labels, values, index, settings), settings, too_few)


def auc_draws(
    labels: NDArray[np.int64], values: Floats, index: NDArray[np.int64], settings: Settings
) -> Floats:
    """Return the AUC (B,) in resamples of clusters.

    Parameters
    ----------
    labels
        (N,) 0 real, 1 fake.
    values
        (N,) higher is more fake.
    index
        (N,) numbers of `intervals.cluster_index`.
    settings
        Resamples and seed.
    """
    ranking = RankingMetrics(labels, values)
    return np.concatenate([ranking.auc(counts) for counts in item_counts(index, settings)])


def auc_difference(
    labels: NDArray[np.int64],
    first: Floats,
    second: Floats,
    clusters: ArrayLike,
    settings: Settings | None = None,
) -> Difference:
    """Compare the AUCs of two detectors on the same items, first minus second, in the same resamples.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake.
    first, second
        (N,) values of the two detectors, higher is more fake.
    clusters
        (N,) cluster of each item.
    settings
        Resamples, confidence and seed.
    """
    settings = settings or Settings()
    try:
        value = auc(labels, first) - auc(labels, second)
    except UndefinedMetricError as error:
        return Difference(None, reason=str(error))
    index = cluster_index(clusters, len(labels))
    if too_few := too_few_clusters(index):
        return Difference(value, reason=too_few)
    draws = [auc_draws(labels, values, index, settings) for values in (first, second)]
    return difference(value, draws[0] - draws[1], settings)
