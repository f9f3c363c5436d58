"""The pixels around faces, kept so that the faces can be cut again after a re-encoding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from unmask.detectors import FaceCrops
from unmask.evidence.units import Patch
from unmask.faces import UprightView, profile

if TYPE_CHECKING:
    from unmask.evidence.found_faces import FoundFace

MOST_PIXELS = 1_000_000
"""Of all patches of one frame; faces beyond it have none."""
BLOCK = 16
"""Pixels of a block of JPEG with halved chroma, and of H.264: patches begin where a block of the frame does."""
LARGEST_SIDE = 3
"""Of the square that is cut, in sides of the crop: beyond it a patch is made smaller."""
_LARGEST_COPY = 4096  # Pixels of a square that is copied whole.


def patches_of(faces: Sequence[FoundFace], spec: FaceCrops) -> list[Patch | None]:
    """Return the patch of each face of a frame, the smallest faces first, as far as `MOST_PIXELS` go.

    Parameters
    ----------
    faces
        Of one frame.
    spec
        How they are cut.
    """
    patches: list[Patch | None] = [None] * len(faces)
    left = MOST_PIXELS
    for position in sorted(range(len(faces)), key=lambda each: _side(faces[each].view, spec)):
        patch = patch_of(faces[position].view, spec)
        left -= patch.image.shape[0] * patch.image.shape[1]
        if left < 0:
            break
        patches[position] = patch
    return patches


def patch_of(view: UprightView, spec: FaceCrops) -> Patch:
    """Return the pixels that a crop of a face is made of, with the blocks around them.

    Parameters
    ----------
    view
        A picture on which the face stands upright.
    spec
        How it is cut.

    Returns
    -------
    Patch
        Its crop is that of the view, to the bit where the face is not larger than `LARGEST_SIDE` allows.
    """
    x0, y0, x1, y1 = profile(spec.crop_profile).square(view.face.box)
    side = x1 - x0
    reach = math.ceil(side / spec.size) + 2  # What the crop's filter reads beyond the square.
    height, width = view.image.shape[:2]
    left, right = _blocks(x0 - reach, x1 + reach, width)
    top, bottom = _blocks(y0 - reach, y1 + reach, height)
    step = math.ceil(side / _LARGEST_COPY)
    image = view.image[top:bottom:step, left:right:step].copy()
    factor = LARGEST_SIDE * spec.size * step / side
    if factor < 1:
        size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
    x, y = image.shape[1] / (right - left), image.shape[0] / (bottom - top)
    x0, y0, x1, y1 = view.face.box
    return Patch(image, ((x0 - left) * x, (y0 - top) * y, (x1 - left) * x, (y1 - top) * y))


def _side(view: UprightView, spec: FaceCrops) -> float:
    x0, _, x1, _ = profile(spec.crop_profile).square(view.face.box)
    return x1 - x0


def _blocks(start: float, end: float, length: int) -> tuple[int, int]:
    """Return the stretch of whole blocks that holds another one, within the picture."""
    first = min(max(0, math.floor(start)), length - 1) // BLOCK * BLOCK
    return first, min(length, max(first + 1, math.ceil(end / BLOCK) * BLOCK))
