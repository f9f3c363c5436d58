"""Colour and sharpness changes of a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter, ImageStat

FILTERS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
)
SMOOTH_FILTERS = FILTERS[1:4]
_LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


def change_colour(
    picture: Image.Image,
    *,
    brightness: float = 0.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    hue: float = 0.0,
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Image.Image:
    """Change colours by one affine map of RGB.

    Parameters
    ----------
    picture
        RGB.
    brightness
        Added, as a share of 255.
    contrast
        Stretches around mid-grey.
    saturation
        Scales the distance from grey.
    hue
        Turn in YIQ, in radians.
    shift
        Added to each channel, in grey levels.
    """
    cos, sin = saturation * np.cos(hue), saturation * np.sin(hue)
    turn = np.array([[1.0, 0, 0], [0, cos, -sin], [0, sin, cos]])
    matrix = contrast * (_FROM_YIQ @ turn @ _TO_YIQ)
    offset = 127.5 * (1 - contrast) + 255 * brightness + np.asarray(shift)
    return _apply_colour(picture, matrix, offset)


def _apply_colour(picture: Image.Image, matrix: np.ndarray, offset: np.ndarray) -> Image.Image:
    """Map every RGB pixel p to matrix @ p + offset, clipped; matrix (3, 3), offset (3,) in grey levels."""
    rows = np.column_stack([matrix, offset]).ravel()
    return picture.convert("RGB", tuple(float(value) for value in rows))


def match_colour(
    picture: Image.Image, reference: Image.Image, region: Image.Image, strength: float = 1.0
) -> Image.Image:
    """Return a picture with the reference's mean and deviation per channel, both taken inside a region.

    After Reinhard et al., "Color Transfer between Images" (2001), in RGB; gains stay within [0.4, 1.8].

    Parameters
    ----------
    picture, reference
        RGB, of one size.
    region
        Mode L, of the same size.
    strength
        Of the change, in [0, 1].
    """
    inside = region.point([0] * 128 + [255] * 128)
    if not inside.getbbox():
        return picture
    ours, theirs = ImageStat.Stat(picture, inside), ImageStat.Stat(reference, inside)
    gain = np.clip((np.array(theirs.stddev) + 1) / (np.array(ours.stddev) + 1), 0.4, 1.8) ** strength
    offset = strength * (np.array(theirs.mean) - np.array(ours.mean)) + np.array(ours.mean) * (1 - gain)
    return _apply_colour(picture, np.diag(gain), offset)


def resample(
    picture: Image.Image, factor: float, down: Image.Resampling, up: Image.Resampling
) -> Image.Image:
    """Shrink a picture and enlarge it to its size again.

    Parameters
    ----------
    picture
        RGB.
    factor
        In (0, 1].
    down, up
        Filters.
    """
    small = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(small, down).resize(picture.size, up)


def sharpen(picture: Image.Image, radius: float, amount: float) -> Image.Image:
    """Sharpen by an unsharp mask.

    Parameters
    ----------
    picture
        RGB.
    radius
        In pixels.
    amount
        1 doubles the detail.
    """
    return picture.filter(ImageFilter.UnsharpMask(radius, round(100 * amount), 0))


def blur(picture: Image.Image, sigma: float) -> Image.Image:
    """Blur by a Gaussian (Pillow's box approximation).

    Parameters
    ----------
    picture
        RGB.
    sigma
        Standard deviation, in pixels.
    """
    return picture.filter(ImageFilter.GaussianBlur(sigma))


def motion_blur(image: np.ndarray, length: int, angle: float) -> np.ndarray:
    """Average an image along a line; edges are repeated.

    Parameters
    ----------
    image
        (H, W, 3) uint8.
    length
        In pixels.
    angle
        In radians.
    """
    height, width = image.shape[:2]
    reach = length // 2 + 1
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    total = np.zeros(image.shape, np.uint16)
    steps = np.linspace(-(length - 1) / 2, (length - 1) / 2, length)
    for step in steps:
        x, y = reach + round(step * np.cos(angle)), reach + round(step * np.sin(angle))
        total += padded[y : y + height, x : x + width]
    return ((total + length // 2) // length).astype(np.uint8)


def change_gamma(picture: Image.Image, gamma: float) -> Image.Image:
    """Raise relative intensities to a power.

    Parameters
    ----------
    picture
        RGB.
    gamma
        The power.
    """
    curve = np.round(255 * (np.arange(256) / 255) ** gamma).astype(int)
    return picture.point([int(value) for value in curve] * 3)


def from_floats(values: np.ndarray) -> Image.Image:
    """Return grey levels as a picture: rounded, and clipped to 0 to 255.

    Parameters
    ----------
    values
        (H, W, 3), of any range.
    """
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))
