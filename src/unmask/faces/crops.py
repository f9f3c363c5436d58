"""Crop profiles, and cutting face crops by them."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from unmask.faces.face import Box

_LARGEST_SIDE = 4096  # Pixels of a square that is copied whole.


@dataclass(frozen=True)
class CropProfile:
    """How a face crop is laid around a face box.

    Parameters
    ----------
    name
        The name that a detector's card refers to.
    scale
        Side of the square, in longer sides of the face box.
    shift
        How far the square's centre lies below the box's, in sides of the square.
    fill
        What stands for pixels outside the picture: ``"reflect"`` mirrors the picture at its border.
    size
        Side of the finished crop in pixels.
    """

    name: str
    scale: float
    shift: float = 0.0
    fill: str = "reflect"
    size: int = 224

    def square(self, box: Box) -> Box:
        """Return the square that is cut for a face.

        Parameters
        ----------
        box
            The face's box, in pixels of the picture.

        Returns
        -------
        tuple
            (x0, y0, x1, y1) in pixels of the picture; it may reach beyond it.
        """
        x0, y0, x1, y1 = box
        side = self.scale * max(x1 - x0, y1 - y0)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2 + self.shift * side
        return x - side / 2, y - side / 2, x + side / 2, y + side / 2


# "tight" is the view of the crops in dfdc-faces: measured by finding the faces in those crops with
# CenterFace. "close" fits into more pictures that are themselves cut around a face. "mesh" is what MediaPipe's
# face mesh reads.
PROFILES = {
    profile.name: profile
    for profile in (
        CropProfile("tight", scale=0.94, shift=0.027),
        CropProfile("wide", scale=1.3),
        CropProfile("close", scale=1.17),
        CropProfile("mesh", scale=1.5, size=192),
    )
}


def profile(name: str) -> CropProfile:
    """Return a crop profile.

    Parameters
    ----------
    name
        One of `PROFILES`.

    Raises
    ------
    ValueError
        For an unknown name; the message names the nearest known one.
    """
    if name not in PROFILES:
        near = difflib.get_close_matches(name, PROFILES, n=1, cutoff=0.0)[0]
        raise ValueError(f"unknown crop profile {name!r}; did you mean {near!r}?")
    return PROFILES[name]


def cut(image: np.ndarray, box: Box, profile: CropProfile, size: int | None = None) -> np.ndarray:
    """Cut one face crop, at the precision of floats and with antialiasing.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    box
        Face box (x0, y0, x1, y1) in pixels of the image.
    profile
        Which view to cut.
    size
        Side of the crop in pixels; the profile's own when left out.

    Returns
    -------
    numpy.ndarray
        (size, size, 3) uint8 RGB.
    """
    size = size or profile.size
    x0, y0, x1, y1 = profile.square(box)
    if not (math.isfinite(x0 + y0 + x1 + y1) and x1 > x0):
        raise ValueError(f"a face box must be finite and have an area, not {box}")
    # The resampling filter reads a little beyond the square, the more the stronger the reduction.
    reach = math.ceil((x1 - x0) / size) + 2
    left, top = math.floor(x0) - reach, math.floor(y0) - reach
    right, bottom = math.ceil(x1) + reach, math.ceil(y1) + reach
    # A square around a hostile picture's "face" can be any size; every step-th pixel will do for a crop so small.
    step = math.ceil((x1 - x0) / max(_LARGEST_SIDE, 4 * size))
    region = _region(image, left, top, right, bottom, step)
    crop = Image.fromarray(region).resize(
        (size, size),
        Image.Resampling.BILINEAR,
        box=((x0 - left) / step, (y0 - top) / step, (x1 - left) / step, (y1 - top) / step),
        reducing_gap=3.0,
    )
    return np.asarray(crop)


def _region(image: np.ndarray, left: int, top: int, right: int, bottom: int, step: int = 1) -> np.ndarray:
    """Copy every step-th pixel of a rectangle of the image; what lies outside is mirrored at the border."""
    height, width = image.shape[:2]
    if step > 1:
        rows, columns = (_mirrored(*ends, step) for ends in ((top, bottom, height), (left, right, width)))
        return np.ascontiguousarray(image[rows[:, None], columns])
    rows = _mirrored(top, bottom, height)
    columns = _mirrored(left, right, width)
    if top >= 0 and left >= 0 and bottom <= height and right <= width:
        return np.ascontiguousarray(image[top:bottom, left:right])
    # What is mirrored lies within these bounds: whole rows of a wide picture are never copied.
    low, left = int(rows.min()), int(columns.min())
    within = image[low : int(rows.max()) + 1, left : int(columns.max()) + 1]
    return np.ascontiguousarray(within[rows - low][:, columns - left])


def _mirrored(start: int, stop: int, length: int, step: int = 1) -> np.ndarray:
    """Return the places start .. stop - 1, or every step-th of them.

    Those outside are mirrored once, and beyond that held at the edge. The border pixel itself is not
    repeated, as in numpy's pad mode "reflect".
    """
    places = np.abs(np.arange(start, stop, step))
    places = np.where(places >= length, 2 * (length - 1) - places, places)
    return np.clip(places, 0, length - 1)
