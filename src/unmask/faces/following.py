"""Finds faces again where they were a moment ago, which takes a fraction of looking over the whole frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unmask.faces.centerface import overlap
from unmask.faces.face import Box, Face, FaceFinder

if TYPE_CHECKING:
    import numpy as np

_VIEW = 3.0  # Side of the square that is looked at, in sides of the face: it may have moved by a whole side.
_VIEW_PIXELS = 192  # To which the square is reduced.
_MOST_FACES = 3  # Beyond, one look at the whole frame is cheaper.
_SAME_FACE = 0.3
_SAME_SIZE = 1.6


def find_again(finder: FaceFinder, image: np.ndarray, boxes: Sequence[Box]) -> list[Face]:
    """Find the faces of a frame of which an earlier one of the same scene is known.

    Each is looked for around its old place. When that does not give exactly one face each, of about its old size, the
    whole frame is looked over. A face that is new in the frame is missed.

    Parameters
    ----------
    finder
        Does the finding.
    image
        (H, W, 3) uint8 RGB.
    boxes
        Where the faces were, in pixels of the image.

    Returns
    -------
    list of Face
        Most confident first.
    """
    if not 1 <= len(boxes) <= _MOST_FACES:
        return finder.find(image)
    found: list[Face] = []
    for box in boxes:
        face = _around(finder, image, box)
        if face is None or any(_is_same(face, other) for other in found):
            return finder.find(image)
        found.append(face)
    return sorted(found, key=lambda face: -face.confidence)


def _around(finder: FaceFinder, image: np.ndarray, box: Box) -> Face | None:
    """Look for one face around its old place; None unless there is one of about its size."""
    import numpy as np
    from PIL import Image

    height, width = image.shape[:2]
    half = _VIEW * _side(box) / 2
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, right = (min(max(0, round(middle[0] + sign * half)), width) for sign in (-1, 1))
    top, bottom = (min(max(0, round(middle[1] + sign * half)), height) for sign in (-1, 1))
    scale = min(1.0, _VIEW_PIXELS / (2 * half))
    size = round((right - left) * scale), round((bottom - top) * scale)
    if min(size) < 1:
        return None
    view = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))
    small = view.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.5)
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    faces = [_moved(face, (left, top), (across, down)) for face in finder.find(np.asarray(small))]
    whole = [
        face
        for face in faces
        if not _is_cut_off(face.box, (left, top, right, bottom), (width, height))
        and 1 / _SAME_SIZE < _side(face.box) / _side(box) < _SAME_SIZE
    ]
    return min(whole, key=lambda face: _distance(face.box, box), default=None)


def _is_cut_off(box: Box, view: tuple[int, int, int, int], frame: tuple[int, int]) -> bool:
    """Tell whether a face reaches beyond the view where the frame goes on."""
    left, top, right, bottom = view
    return (
        (left > 0 and box[0] <= left + 1)
        or (top > 0 and box[1] <= top + 1)
        or (right < frame[0] and box[2] >= right - 1)
        or (bottom < frame[1] and box[3] >= bottom - 1)
    )


def _moved(face: Face, corner: tuple[int, int], scale: tuple[float, float]) -> Face:
    """Bring a face from the view to the frame."""
    import numpy as np

    (left, top), (across, down) = corner, scale
    x0, y0, x1, y1 = face.box
    box = (x0 / across + left, y0 / down + top, x1 / across + left, y1 / down + top)
    landmarks = (face.landmarks / np.asarray(scale) + np.asarray(corner)).astype(np.float32)
    return Face(box, face.confidence, landmarks)


def _is_same(face: Face, other: Face) -> bool:
    import numpy as np

    return bool(overlap(np.array(face.box), np.array([other.box]))[0] > _SAME_FACE)


def _side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _distance(a: Box, b: Box) -> float:
    return math.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3])
