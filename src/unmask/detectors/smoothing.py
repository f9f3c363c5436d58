"""Noise of a crop, and the smoothing of noisy crops before a network reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from unmask.detectors.inputs import Smoothing

Crop = npt.NDArray[np.uint8]

_DEVIATION_OF_MEDIAN = 0.6745  # Of the absolute value of a normal variable with deviation 1.
_GAIN = 6.0  # Deviation of the mask's output for noise of deviation 1.


def noise_of(crop: Crop) -> float:
    """Estimate the standard deviation of the noise of a crop, in grey levels.

    Immerkaer's mask (Fast Noise Variance Estimation, 1996), which answers neither to flat nor to sloping surfaces, on
    the mean of the colours; the median in place of his mean, so that edges and hair count little.

    Parameters
    ----------
    crop
        (H, W, 3) uint8 RGB, both sides at least 3.
    """
    grey = crop.astype(np.int32).sum(axis=2)
    rows = grey[:-2] - 2 * grey[1:-1] + grey[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.median(np.abs(both))) / (3 * _GAIN * _DEVIATION_OF_MEDIAN)


def smoothed(crop: Crop, options: Smoothing) -> Crop:
    """Smooth a crop by its noise.

    Parameters
    ----------
    crop
        (H, W, 3) uint8 RGB.
    options
        Of the detector's card.

    Returns
    -------
    array
        (H, W, 3) uint8 RGB; the crop itself where its noise is at most ``starts_at``.
    """
    share = (noise_of(crop) - options.starts_at) / (options.saturates_at - options.starts_at)
    if share <= 0:
        return crop
    blur = ImageFilter.GaussianBlur(options.sigma * min(1.0, share))
    return np.asarray(Image.fromarray(crop).filter(blur))
