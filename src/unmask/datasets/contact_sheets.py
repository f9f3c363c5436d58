"""Contact sheets: many images on one page, to inspect the result of a data step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def contact_sheet(images: Sequence[np.ndarray], columns: int, gap: int = 2) -> np.ndarray:
    """Lay images out row by row on white.

    Parameters
    ----------
    images
        (H, W, 3) uint8 RGB or masks (H, W), uint8 or float in [0, 1], all of one height and width.
    columns
        At least 1.
    gap
        Around each image, in pixels.

    Returns
    -------
    array
        (rows * (H + gap) + gap, columns * (W + gap) + gap, 3) uint8.

    Raises
    ------
    ValueError
        Without images or columns, or when sizes differ.
    """
    if not images or columns < 1:
        raise ValueError("a contact sheet needs at least one image and one column")
    tiles = [_colour(image) for image in images]
    if len({tile.shape for tile in tiles}) != 1:
        raise ValueError("the images of a contact sheet need one height and width")
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for position, tile in enumerate(tiles):
        y = gap + position // columns * (height + gap)
        x = gap + position % columns * (width + gap)
        sheet[y : y + height, x : x + width] = tile
    return sheet


def _colour(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8:
        image = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
