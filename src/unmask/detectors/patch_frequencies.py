"""Frequencies of each patch of a crop, side by side with a trunk's tokens: where a texture stands, and which."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PATCH_FREQUENCIES = "patches.log_dct"
"""What a card calls them among the results of a trunk's blocks."""
PATCH = 16
"""Side of the trunk's patches, in pixels."""
FLOOR = 1e-3
"""Added before the logarithm. About the deviation that rounding to 8 bits leaves in each coefficient of pixels in
[0, 1], below which there is nothing to read."""


def dct_matrix(side: int) -> npt.NDArray[np.float64]:
    """Return the orthonormal DCT-II, (side, side): a row a frequency.

    Parameters
    ----------
    side
        Number of values.
    """
    places = np.arange(side, dtype=np.float64)
    matrix: npt.NDArray[np.float64] = (
        np.cos(np.pi / side * np.outer(places, places + 0.5)) * (2 / side) ** 0.5
    )
    matrix[0] /= 2**0.5
    return matrix


def patch_log_dct(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the logarithm of the absolute DCT coefficients of each patch, (N, places, 3 x 16 x 16).

    Places run row by row from top left. A place has the coefficients of red, green and blue, each row by row from
    frequency 0.

    Parameters
    ----------
    crops
        (N, S, S, 3) uint8 RGB, S a multiple of 16.
    """
    count, cells = len(crops), crops.shape[1] // PATCH
    pixels = crops.reshape(count, cells, PATCH, cells, PATCH, 3).astype(np.float32) / np.float32(255)
    patches = pixels.transpose(0, 1, 3, 5, 2, 4).reshape(count, cells * cells, 3, PATCH, PATCH)
    matrix = dct_matrix(PATCH).astype(np.float32)
    magnitudes = np.abs(matrix @ patches @ matrix.T)
    logarithms: npt.NDArray[np.float32] = np.log(magnitudes + np.float32(FLOOR)).reshape(count, cells**2, -1)
    return logarithms
