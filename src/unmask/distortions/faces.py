"""Faces made worse on purpose, each in one way and by a drawn amount: what the gates are fitted and tried on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.distortions.codecs import compress_jpeg
from unmask.distortions.photometry import blur
from unmask.faces import Box

Picture = NDArray[np.uint8]
Degrade = Callable[[Picture, Box, np.random.Generator], Picture]


def _shrink(image: Picture, box: Box, rng: np.random.Generator) -> Picture:
    """Reduce until the face's longer side is 16 to 90 pixels, and code as JPEG."""
    side, wanted = _side(box), _log_uniform(rng, 16, 90)
    height, width = image.shape[:2]
    factor = min(1.0, wanted / side)
    size = max(4, round(width * factor)), max(4, round(height * factor))
    return np.asarray(compress_jpeg(Image.fromarray(image).resize(size, Image.Resampling.BOX), 85, 0))


def _defocus(image: Picture, box: Box, rng: np.random.Generator) -> Picture:
    """Blur with a Gaussian of 0.5 to 4 % of the face's longer side."""
    sigma = rng.uniform(0.005, 0.04) * _side(box)
    return np.asarray(blur(Image.fromarray(image), sigma))


def _move(image: Picture, box: Box, rng: np.random.Generator) -> Picture:
    """Smear along one axis by 3 to 20 % of the face's longer side."""
    steps = max(3, int(rng.uniform(0.03, 0.2) * _side(box)))
    axis = int(rng.integers(2))
    total = np.zeros(image.shape, np.float32)
    for step in range(steps):
        total += np.roll(image.astype(np.float32), step - steps // 2, axis=axis)
    return (total / steps).astype(np.uint8)


def _darken(image: Picture, box: Box, rng: np.random.Generator) -> Picture:
    """Multiply by 0.03 to 0.4, with a little noise before rounding."""
    factor = _log_uniform(rng, 0.03, 0.4)
    return _as_picture(np.rint(image.astype(np.float32) * factor + rng.normal(0, 1.5, image.shape)))


def _over_expose(image: Picture, box: Box, rng: np.random.Generator) -> Picture:
    """Multiply by 1.5 to 5 and clip."""
    return _as_picture(image.astype(np.float32) * rng.uniform(1.5, 5))


def _cover(image: Picture, box: Box, rng: np.random.Generator) -> Picture:
    """Cover 25 to 70 % of the face from one side with a softly textured patch."""
    share = rng.uniform(0.25, 0.7)
    x0, y0, x1, y1 = (int(value) for value in box)
    width, height = x1 - x0, y1 - y0
    side = rng.integers(4)
    if side == 0:
        y0 = int(y1 - share * height)
    elif side == 1:
        y1 = int(y0 + share * height)
    elif side == 2:
        x0 = int(x1 - share * width)
    else:
        x1 = int(x0 + share * width)
    covered: Picture = image.copy()
    region = covered[max(0, y0) : y1, max(0, x0) : x1]
    colour = rng.integers(20, 220, 3)
    texture = Image.fromarray(_as_picture(colour + rng.normal(0, 25, (6, 6, 3))))
    size = max(1, region.shape[1]), max(1, region.shape[0])
    region[:] = np.asarray(texture.resize(size, Image.Resampling.BICUBIC))[
        : region.shape[0], : region.shape[1]
    ]
    return covered


def _compress(image: Picture, box: Box, rng: np.random.Generator) -> Picture:
    """Code as JPEG of quality 4 to 34."""
    return np.asarray(compress_jpeg(Image.fromarray(image), int(rng.integers(4, 35))))


def _add_grain(image: Picture, box: Box, rng: np.random.Generator) -> Picture:
    """Add Gaussian noise of 5 to 50 grey levels to each value."""
    return _as_picture(image + rng.normal(0, rng.uniform(5, 50), image.shape))


DEGRADATIONS: dict[str, Degrade] = {
    "small": _shrink,
    "blurred": _defocus,
    "dark": _darken,
    "over-exposed": _over_expose,
    "covered": _cover,
    "compressed": _compress,
    "grainy": _add_grain,
    "moved": _move,
}


def degrade(image: Picture, box: Box, rng: np.random.Generator) -> tuple[str, Picture, Box]:
    """Degrade a face by a method that is drawn.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    box
        Of the face, in its pixels; it may reach beyond it.
    rng
        Draws.

    Returns
    -------
    tuple
        The method's name in `DEGRADATIONS`, the picture and the box in it.
    """
    name = list(DEGRADATIONS)[int(rng.integers(len(DEGRADATIONS)))]
    worse = DEGRADATIONS[name](image, box, rng)
    across, down = worse.shape[1] / image.shape[1], worse.shape[0] / image.shape[0]
    return name, worse, (box[0] * across, box[1] * down, box[2] * across, box[3] * down)


def _side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _as_picture(values: NDArray[np.floating]) -> Picture:
    picture: Picture = np.clip(values, 0, 255).astype(np.uint8)
    return picture
