"""Sets a head upright that is turned in the picture plane, so that it is cut as heads are in training.

The face finder finds most faces at any angle, but its landmarks can be off by any angle where a head is upside down.
Where they say that a head is turned, or the finder is unsure, the face is looked for again in its surroundings turned
by each quarter; the surest find whose landmarks are nearly upright tells the angle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from unmask.faces.crops import CropProfile, cut
from unmask.faces.face import Face, FaceFinder

TURNED = 60.0
"""Degrees from which a head is set upright; heads that are turned less are cut as they are."""

_SUSPECT_ROLL = 45.0  # Degrees: landmarks of heads turned by 60 are off by up to 15 in most cases.
_SUSPECT_CONFIDENCE = 0.75  # Upside down nearly every face is found with less or with landmarks that tell.
_NEARLY_UPRIGHT = 50.0  # Degrees: beyond it another quarter is nearer.
_GAIN = 0.05  # Confidence that turning must bring where the landmarks do not say that the head is turned,
_LOSS = 0.15  # and may cost where they do, and by much the same angle.
_SAME_ANGLE = 45.0
_EXACT_QUARTER = 20.0  # Degrees that heads are tilted anyway: no reason to resample the picture.
_AROUND = CropProfile("around", scale=2.2)  # What is searched again.
_AROUND_SIDE = 160
_TURNED_CUT = CropProfile("turned", scale=3.2)  # What is turned by odd angles: wide crops stay inside.
_LARGEST_TURNED = 1024


@dataclass(frozen=True, eq=False)
class UprightView:
    """A picture on which a face stands upright.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB: the frame itself for a face that was not turned.
    face
        The face, in pixels of this image.
    angle
        Degrees by which the frame was turned counter-clockwise; 0 for not at all.
    """

    image: np.ndarray
    face: Face
    angle: float = 0.0


def roll_of(landmarks: np.ndarray) -> float:
    """Return the angle of a head in the picture plane by its landmarks.

    Parameters
    ----------
    landmarks
        (5, 2) as in `Face`.

    Returns
    -------
    float
        Degrees clockwise in (-180, 180]: 0 where the mouth lies below the eyes, 90 where it lies to their left. NaN
        where the landmarks coincide.
    """
    points = np.asarray(landmarks, np.float64)
    x, y = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    return math.degrees(math.atan2(-x, y)) if x or y else math.nan


def set_upright(image: np.ndarray, face: Face, finder: FaceFinder) -> UprightView:
    """Turn a picture so that a head turned by more than `TURNED` degrees stands upright on it.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    face
        As found on it.
    finder
        Finds the face again; asked only where there is reason to think that the head is turned.

    Returns
    -------
    UprightView
        Image and face as they were given, for a head that is turned less.
    """
    roll = roll_of(face.landmarks)
    if math.isnan(roll) or (abs(roll) <= _SUSPECT_ROLL and face.confidence >= _SUSPECT_CONFIDENCE):
        return UprightView(image, face)
    around = cut(image, face.box, _AROUND, _AROUND_SIDE)
    as_it_is = _middle_face(around, 0, finder)
    suspected = abs(roll) > _SUSPECT_ROLL
    if not suspected and as_it_is and _is_nearly_upright(as_it_is, _SUSPECT_CONFIDENCE):
        return UprightView(image, face)
    finds = {quarter: _middle_face(around, quarter, finder) for quarter in (1, 2, 3)}
    upright = {quarter: found for quarter, found in finds.items() if found and _is_nearly_upright(found)}
    if not upright:
        return UprightView(image, face)
    quarter = max(upright, key=lambda each: upright[each].confidence)
    rest = roll_of(upright[quarter].landmarks)
    angle = _wrapped(rest + 90 * quarter)
    gain = upright[quarter].confidence - (as_it_is.confidence if as_it_is else 0.0)
    agreed = suspected and abs(_wrapped(angle - roll)) <= _SAME_ANGLE
    if abs(angle) <= TURNED or gain < (-_LOSS if agreed else _GAIN):
        return UprightView(image, face)
    turned = None if abs(rest) <= _EXACT_QUARTER else _turned(image, face, angle, finder)
    return turned or _turned_by_quarters(image, face, quarter, upright[quarter])


def _is_nearly_upright(face: Face, confidence: float = 0.0) -> bool:
    return face.confidence >= confidence and abs(roll_of(face.landmarks)) <= _NEARLY_UPRIGHT


def _middle_face(around: np.ndarray, quarter: int, finder: FaceFinder) -> Face | None:
    """Find the face in the middle of a square that is turned counter-clockwise by so many quarters."""
    middle = around.shape[0] / 2
    faces = finder.find(np.ascontiguousarray(np.rot90(around, quarter)))
    inside = (f for f in faces if f.box[0] < middle < f.box[2] and f.box[1] < middle < f.box[3])
    return max(inside, key=lambda found: found.confidence, default=None)


def _turned_by_quarters(image: np.ndarray, face: Face, quarter: int, found: Face) -> UprightView:
    """Turn the whole picture without touching a pixel; ``found`` is on the turned surroundings of the face."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = _AROUND.square(face.box)
    corner = {0: (x0, y0), 1: (y0, width - x1), 2: (width - x1, height - y1), 3: (height - y1, x0)}[quarter]
    moved = _moved(found, corner, (x1 - x0) / _AROUND_SIDE)
    return UprightView(np.rot90(image, quarter), moved, _wrapped(90.0 * quarter))


def _turned(image: np.ndarray, face: Face, angle: float, finder: FaceFinder) -> UprightView | None:
    """Turn the surroundings of a face by any angle; None where it is not found there."""
    x0, _, x1, _ = _TURNED_CUT.square(face.box)
    side = max(_AROUND_SIDE, min(_LARGEST_TURNED, round(x1 - x0)))
    patch = Image.fromarray(cut(image, face.box, _TURNED_CUT, side))
    turned = np.asarray(patch.rotate(angle, Image.Resampling.BICUBIC))
    half = side / _TURNED_CUT.scale / 2
    middle = (side / 2 - half, side / 2 - half, side / 2 + half, side / 2 + half)
    found = _middle_face(cut(turned, middle, _AROUND, _AROUND_SIDE), 0, finder)
    if found is None:
        return None
    left, top, right, _ = _AROUND.square(middle)
    return UprightView(turned, _moved(found, (left, top), (right - left) / _AROUND_SIDE), angle)


def _moved(face: Face, corner: tuple[float, float], scale: float) -> Face:
    """Scale a face and move it by the corner that it was measured from."""
    (x, y), (x0, y0, x1, y1) = corner, face.box
    box = (x0 * scale + x, y0 * scale + y, x1 * scale + x, y1 * scale + y)
    return Face(box, face.confidence, (face.landmarks * scale + corner).astype(np.float32))


def _wrapped(angle: float) -> float:
    """Return the same direction in (-180, 180]."""
    return 180 - (180 - angle) % 360
