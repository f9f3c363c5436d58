"""Reduces large pictures without holding them twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_BAND_ROWS = 512


def shrink(image: np.ndarray, size: tuple[int, int], gap: float) -> np.ndarray:
    """Reduce a picture to a width and a height, to the bit as Pillow does with ``reducing_gap``.

    Pillow copies a picture to 4 bytes a pixel before it reduces it; here only a band of rows at a time.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    size
        Width and height, in pixels.
    gap
        How many times the size the picture keeps at least when whole blocks of pixels are averaged; the rest is done
        by bilinear interpolation with support.

    Returns
    -------
    numpy.ndarray
        (height, width, 3) uint8 RGB.
    """
    import numpy as np
    from PIL import Image

    height, width = image.shape[:2]
    columns, rows = (
        max(1, int(side / wanted / gap)) for side, wanted in zip((width, height), size, strict=True)
    )
    if columns == rows == 1:  # Little larger than wanted: nothing is averaged.
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    step = rows * max(1, _BAND_ROWS // rows)
    bands = (Image.fromarray(image[top : top + step]) for top in range(0, height, step))
    averaged = np.concatenate([np.asarray(band.reduce((columns, rows))) for band in bands])
    whole = (0, 0, width / columns, height / rows)
    return np.asarray(Image.fromarray(averaged).resize(size, Image.Resampling.BILINEAR, box=whole))
