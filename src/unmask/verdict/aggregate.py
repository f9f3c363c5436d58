"""Many frame logits into one number: a mean that single bad frames cannot pull away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

TRIM = 0.125


@dataclass(frozen=True)
class TrimmedMean:
    """A trimmed mean with the variance of one value around it.

    ``mean`` and ``variance`` are in units of the values (squared for the variance); ``count`` values went
    in and ``degrees`` are the degrees of freedom that the variance rests on (0: a single value, the
    variance is unknown).
    """

    mean: float
    variance: float
    count: int
    degrees: int


def trimmed_mean(values: ArrayLike, trim: float = TRIM) -> TrimmedMean:
    """Return the mean of values without the share ``trim`` at either end.

    With n values, g = floor(trim n) are dropped at each end: 8 values lose their smallest and their
    largest, fewer than 8 lose none. The variance is that of the winsorised values over (1 - 2g/n)^2, with n
    - 2g - 1 degrees of freedom (Tukey and McLaughlin 1963; Yuen 1974), so that sqrt(variance / n) is the
    mean's standard error.

    Parameters
    ----------
    values
        (n,) finite numbers, n >= 1.
    trim
        In [0, 0.5).

    Raises
    ------
    ValueError
        For no values, values that are not finite, or another trim.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    if ordered.size == 0 or not np.isfinite(ordered).all():
        raise ValueError("a trimmed mean needs at least one value, all of them finite")
    if not 0 <= trim < 0.5:
        raise ValueError(f"trim must lie in [0, 0.5), not {trim}")
    count = ordered.size
    dropped = math.floor(trim * count)
    kept = ordered[dropped : count - dropped]
    winsorised = np.clip(ordered, kept[0], kept[-1])
    variance = float(winsorised.var(ddof=1)) / (1 - 2 * dropped / count) ** 2 if kept.size > 1 else 0.0
    return TrimmedMean(float(kept.mean()), variance, count, kept.size - 1)
