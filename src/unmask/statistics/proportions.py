"""The interval of a rate that was counted."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""


def wilson_interval(share: float, items: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson 1927), which holds for small counts and rates near 0 too.

    Parameters
    ----------
    share
        Measured, in [0, 1].
    items
        Independent items that it was measured on, at least 1.

    Raises
    ------
    ValueError
        When a value is out of its range.
    """
    if not 0 <= share <= 1 or items < 1:
        raise ValueError(f"needs a share in [0, 1] and at least 1 item, not {share} of {items}")
    square = Z95 * Z95 / items
    middle = share + square / 2
    half = Z95 * math.sqrt(share * (1 - share) / items + square / (4 * items))
    return max(0.0, (middle - half) / (1 + square)), min(1.0, (middle + half) / (1 + square))
