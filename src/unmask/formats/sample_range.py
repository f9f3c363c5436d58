"""Brings samples of more than 8 bits, signed and floating point ones to 8 bits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# A picture of real numbers in [0, 1] or [0, 255] may overshoot, as filters and sharpening make it: by these shares of
# white below zero and beyond white. One that reaches less than a fifth of 255 is hardly in that range.
_BELOW, _BEYOND = 0.25, 2.0
_LEAST_SHARE = 0.2
_INTEGER_RANGES = (255, 4095, 32_767, 65_535)


def range_of(parts: Iterable[np.ndarray], kind: str, bits: int) -> tuple[float, float]:
    """Return which values of a picture become black and white: by their type where it decides, else by themselves.

    Parameters
    ----------
    parts
        The picture's samples.
    kind
        ``"u"`` for unsigned integers, ``"i"`` for signed ones, ``"f"`` for floating point numbers.
    bits
        Of a sample.
    """
    if kind == "u" and bits <= 16:
        return 0.0, float((1 << bits) - 1)
    return fitting_range(*extent(parts), real=kind == "f")


def extent(parts: Iterable[np.ndarray]) -> tuple[float, float]:
    """Return the least and the greatest finite value of an array; (0, 0) where there is none.

    Parameters
    ----------
    parts
        The array, in pieces of any shape.
    """
    import numpy as np

    low, high = np.inf, -np.inf
    for part in parts:
        values = part
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            values = part[np.isfinite(part)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    return (low, high) if low <= high else (0.0, 0.0)


def fitting_range(low: float, high: float, real: bool) -> tuple[float, float]:
    """Choose the values that become black and white, of samples whose type does not decide.

    Parameters
    ----------
    low, high
        The least and the greatest value.
    real
        Whether they are floating point numbers.

    Returns
    -------
    tuple
        Real numbers: (0, 1) or (0, 255) where all values lie there or a little beyond. Integers: 0 and the largest
        number of 8, 12, 15 or 16 bits, the fewest that hold all values. Otherwise (low, high).
    """
    if not real:
        return next(
            ((0.0, float(white)) for white in _INTEGER_RANGES if low >= 0 and high <= white), (low, high)
        )
    if low >= -_BELOW and high <= _BEYOND:
        return 0.0, 1.0
    if low >= -_BELOW * high and _LEAST_SHARE * 255 <= high <= _BEYOND * 255:
        return 0.0, 255.0
    return low, high


def eight_bit(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """Scale values linearly to [0, 255], rounded down; NaN becomes black.

    Parameters
    ----------
    values
        Of any shape and type.
    black, white
        Become 0 and 255; values beyond are clipped.
    """
    import numpy as np

    if values.dtype == np.uint16 and (black, white) == (0, 65_535):
        whole: np.ndarray = values // 257
        return whole.astype(np.uint8)
    scaled = values.astype(np.float64)
    scaled -= black
    scaled *= 255.0 / (white - black) if white > black else 0.0
    scaled += 1e-6  # So that what is meant to be whole is not rounded down by one.
    np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    np.clip(scaled, 0.0, 255.0, out=scaled)
    return scaled.astype(np.uint8)
