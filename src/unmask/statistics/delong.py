"""DeLong's variance of an AUC, and the test of two AUCs on the same items.

DeLong, DeLong and Clarke-Pearson (1988), in the fast form with midranks of Sun and Xu (2014). Items are
taken as independent: where several share a source, `intervals.paired_bootstrap` is the honest one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from unmask.statistics.metrics import Floats, UndefinedMetricError, check, single_class_reason


@dataclass(frozen=True)
class DeLong:
    """Outcome of the test: AUC of first minus second, its standard error, z and two-sided p."""

    difference: float
    standard_error: float
    z: float
    p: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the fields as a plain dictionary; an infinite z is None."""
        z = self.z if np.isfinite(self.z) else None
        return {"difference": self.difference, "standard_error": self.standard_error, "z": z, "p": self.p}


def delong_test(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> DeLong:
    """Test whether two detectors have the same AUC on the same items.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake, at least two of each.
    first, second
        (N,) values of the two detectors.
    """
    areas, covariance = _covariance(labels, [first, second])
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    error = max(variance, 0.0) ** 0.5
    if error < 1e-12:
        # The same order twice: no difference, and none could be seen.
        return DeLong(
            difference, 0.0, 0.0 if abs(difference) < 1e-12 else float("inf"), float(abs(difference) < 1e-12)
        )
    z = difference / error
    return DeLong(difference, error, z, float(2 * stats.norm.sf(abs(z))))


def _covariance(labels: ArrayLike, detectors: list[ArrayLike]) -> tuple[Floats, Floats]:
    placements = [_placements(labels, values) for values in detectors]
    fakes = np.stack([fake for fake, _ in placements])
    reals = np.stack([real for _, real in placements])
    covariance = np.atleast_2d(np.cov(fakes)) / fakes.shape[1] + np.atleast_2d(np.cov(reals)) / reals.shape[1]
    return fakes.mean(axis=1), covariance


def _placements(labels: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    """Of each fake the share of reals under it, of each real the share of fakes over it; ties one half."""
    label_array, value_array = check(labels, values)
    reason = single_class_reason(label_array)
    fake, real = value_array[label_array == 1], value_array[label_array == 0]
    if reason or min(fake.size, real.size) < 2:
        raise UndefinedMetricError(reason or "a variance needs two items of each class")
    everyone = stats.rankdata(np.concatenate([fake, real]))
    over_reals = (everyone[: fake.size] - stats.rankdata(fake)) / real.size
    under_fakes = 1 - (everyone[fake.size :] - stats.rankdata(real)) / fake.size
    return over_reals, under_fakes
