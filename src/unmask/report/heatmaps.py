"""Maps of numbers laid over a face crop as colours that stay apart without colour vision."""

from __future__ import annotations

import io

import numpy as np

# Scales are fixed, so that pictures of different faces and files can be compared.
STRONGEST_PATCH_LOGIT = 12.0
STRONGEST_ERROR = 0.5

# Dark violet over red and orange to pale yellow: brightness rises throughout, as in matplotlib's "inferno".
_RAMP = ((0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164))
_SIDE = 224

Segment = tuple[float, float, float, float]
"""A line from x, y to x, y."""


def strength_of_patches(patch_logits: np.ndarray) -> np.ndarray:
    """Scale patch logits to [0, 1]: 0 where a place does not suggest manipulation, 1 from a logit of 12.

    Parameters
    ----------
    patch_logits
        Of any shape.
    """
    strength: np.ndarray = np.clip(patch_logits / STRONGEST_PATCH_LOGIT, 0, 1)
    return strength


def strength_of_errors(error_map: np.ndarray) -> np.ndarray:
    """Scale an error map to [0, 1]: 1 from a difference of half the range of a pixel.

    Parameters
    ----------
    error_map
        Of any shape, in [0, 1].
    """
    return np.clip(error_map / STRONGEST_ERROR, 0, 1)


def overlay(crop: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Return strengths over a grey crop, (224, 224, 3) uint8.

    Parameters
    ----------
    crop
        (H, W, 3) uint8 RGB.
    strength
        (h, w) in [0, 1].
    """
    from PIL import Image  # Here, so that a scan without a report starts without Pillow.

    size = (_SIDE, _SIDE)
    grey = np.asarray(Image.fromarray(crop).convert("L").resize(size), np.float32)[..., None]
    smooth = Image.fromarray(strength.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    value = np.clip(np.asarray(smooth), 0, 1)
    cover = np.sqrt(value)[..., None] * 0.85
    blended: np.ndarray = np.rint(grey * (1 - cover) + _colours(value) * cover).astype(np.uint8)
    return blended


def outline(mask: np.ndarray, square: tuple[float, float, float, float], least: float = 0.5) -> list[Segment]:
    """Return the segments around the cells of a map whose value is large enough, in pixels of the picture.

    Parameters
    ----------
    mask
        (h, w) in [0, 1].
    square
        x0, y0, x1, y1 that the map covers, pixels of the picture.
    least
        Value from which a cell counts.
    """
    inside = np.pad(mask >= least, 1)
    x0, y0, x1, y1 = square
    rows, columns = mask.shape
    segments: list[Segment] = []
    for turned, changes in ((False, inside[:, 1:] != inside[:, :-1]), (True, (inside[1:] != inside[:-1]).T)):
        for row, column in np.argwhere(changes):
            ends = [(int(column), int(row) - 1 + step) for step in (0, 1)]
            if turned:
                ends = [(y, x) for x, y in ends]
            (ax, ay), (bx, by) = ((x0 + (x1 - x0) * x / columns, y0 + (y1 - y0) * y / rows) for x, y in ends)
            segments.append((ax, ay, bx, by))
    return segments


def scale_bar() -> np.ndarray:
    """Return the colours from 0 to 1, left to right, as they look over mid grey: (8, 120, 3) uint8."""
    value = np.linspace(0, 1, 120, dtype=np.float32)
    cover = np.sqrt(value)[:, None] * 0.85
    row = np.rint(128 * (1 - cover) + _colours(value) * cover).astype(np.uint8)
    return np.broadcast_to(row, (8, 120, 3))


def jpeg(image: np.ndarray, quality: int = 82) -> bytes:
    """Return a picture as JPEG, without any metadata.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    quality
        1 to 95.
    """
    from PIL import Image  # Here, so that a scan without a report starts without Pillow.

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def strongest_place(strength: np.ndarray) -> str:
    """Return in words where a map is strongest, as alternative text.

    Parameters
    ----------
    strength
        (h, w).
    """
    row, column = np.unravel_index(int(np.argmax(strength)), strength.shape)
    height = ("upper", "middle", "lower")[min(2, 3 * int(row) // strength.shape[0])]
    side = ("left", "centre", "right")[min(2, 3 * int(column) // strength.shape[1])]
    if (height, side) == ("middle", "centre"):
        return "the centre"
    return f"the {height} {side}"


def _colours(value: np.ndarray) -> np.ndarray:
    """Return the ramp's colours of values in [0, 1]: (..., 3) float32 in [0, 255]."""
    stops = np.linspace(0, 1, len(_RAMP))
    ramp = np.asarray(_RAMP, np.float32)
    return np.stack([np.interp(value, stops, ramp[:, c]) for c in range(3)], axis=-1).astype(np.float32)
