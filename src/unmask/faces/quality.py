"""What a face looks like as a picture: its size, sharpness and exposure, and how it is turned."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from unmask.faces.crops import PROFILES, cut
from unmask.faces.face import Box

PATCH_SIDE = 96
"""Side in pixels of the tight cut that a face is measured on."""

_MARGIN = PATCH_SIDE // 8  # Hair and background at the chip's border say nothing about the face.
_FLAT = 1.0  # Mean squared step, in grey levels, below which there is nothing to be sharp or blurred.
_WHITE = 250


@dataclass(frozen=True)
class FaceQuality:
    """Measures of one face on one frame; NaN for what could not be measured.

    Parameters
    ----------
    side
        Longer side of the face box, in pixels of the frame.
    detail
        Fine structure of the face: mean squared step between neighbours on the chip of 96 pixels over that on the
        same chip at 48. 0.25 for a wholly smooth picture, 1 and more for grain; does not depend on contrast.
    brightness
        Mean luma of the face, 0 .. 255.
    contrast
        Distance of the 5th and the 95th percentile of its luma, 0 .. 255.
    overexposed_share
        Share of its pixels of which a channel is (nearly) white, in [0, 1].
    turn
        How far the nose tip lies off the middle between the eyes along their line, in distances from eyes to
        mouth: 0 for a face seen from the front, above 0.5 for a profile.
    confidence
        The face finder's, in [0, 1].
    outside_share
        Share of the square around its box that lies beyond the picture's edge, in [0, 1].
    """

    side: float
    detail: float
    brightness: float
    contrast: float
    overexposed_share: float
    turn: float
    confidence: float
    outside_share: float = math.nan

    def to_dict(self) -> dict[str, float]:
        """Return the measures by name."""
        return asdict(self)


def measure(
    image: np.ndarray,
    box: Box,
    landmarks: np.ndarray | None = None,
    confidence: float = math.nan,
    side: float | None = None,
    outside_share: float = math.nan,
) -> FaceQuality:
    """Measure one face.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    box
        Face box (x0, y0, x1, y1) in pixels of the image.
    landmarks
        (5, 2) as in `Face`; None where they are not known.
    confidence
        The face finder's, in [0, 1].
    side
        Longer side of the face in the original, where the image is an enlarged or reduced cut of it.
    outside_share
        Of the face in the original, `outside_share_of`.
    """
    chip = cut(image, box, PROFILES["tight"], PATCH_SIDE)
    inner = chip[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    grey = Image.fromarray(chip).convert("L")
    luma = np.asarray(grey, np.float32)
    half = np.asarray(grey.resize((PATCH_SIDE // 2, PATCH_SIDE // 2), Image.Resampling.BOX), np.float32)
    face = luma[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    low, high = np.quantile(face, (0.05, 0.95))
    return FaceQuality(
        side=float(side if side is not None else max(box[2] - box[0], box[3] - box[1])),
        detail=_detail(face, half[_MARGIN // 2 : -_MARGIN // 2, _MARGIN // 2 : -_MARGIN // 2]),
        brightness=float(face.mean()),
        contrast=float(high - low),
        overexposed_share=float((inner.max(axis=2) >= _WHITE).mean()),
        turn=turn_of(landmarks),
        confidence=float(confidence),
        outside_share=float(outside_share),
    )


def outside_share_of(box: Box, width: int, height: int) -> float:
    """Return the share of the square around a face's box that lies beyond the picture's edge, in [0, 1].

    Parameters
    ----------
    box
        (x0, y0, x1, y1) in pixels of the picture; the square has its middle and its longer side.
    width, height
        Of the picture.
    """
    x0, y0, x1, y1 = box
    half = max(x1 - x0, y1 - y0) / 2
    if not half > 0:
        return math.nan
    shown = 1.0
    for middle, end in (((x0 + x1) / 2, width), ((y0 + y1) / 2, height)):
        shown *= max(0.0, min(end, middle + half) - max(0.0, middle - half)) / (2 * half)
    return 1 - shown


def turn_of(landmarks: np.ndarray | None) -> float:
    """Return a face's turn to the side (see `FaceQuality`).

    Parameters
    ----------
    landmarks
        (5, 2) in pixels, or None.

    Returns
    -------
    float
        NaN where the landmarks coincide or are missing.
    """
    if landmarks is None:
        return math.nan
    points = np.asarray(landmarks, np.float64)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    down = mouth - eyes
    height = float(np.hypot(*down))
    if not height > 0:
        return math.nan
    # Across the axis from the eyes to the mouth: the line between the eyes has no direction in a profile.
    across = np.array([-down[1], down[0]]) / height
    return float(abs((points[2] - eyes) @ across) / height)


def _detail(fine: np.ndarray, coarse: np.ndarray) -> float:
    of_coarse = _squared_steps(coarse)
    return _squared_steps(fine) / of_coarse if of_coarse >= _FLAT else math.nan


def _squared_steps(grey: np.ndarray) -> float:
    return float((np.diff(grey, axis=0) ** 2).mean() + (np.diff(grey, axis=1) ** 2).mean())
