"""Face regions as soft masks, drawn from mesh points or from five landmarks."""

from __future__ import annotations

from itertools import accumulate
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.spatial import ConvexHull, QhullError

Region = Literal["face", "brow_to_chin", "inner", "lower_face", "mouth", "eyes"]
REGIONS: tuple[Region, ...] = get_args(Region)

MESH_COUNTS = {
    "oval": 36,
    "lips": 20,
    "left_eye": 16,
    "right_eye": 16,
    "left_brow": 10,
    "right_brow": 10,
    "nose": 14,
}
_ENDS = list(accumulate(MESH_COUNTS.values()))
MESH_GROUPS: dict[str, slice] = {
    name: slice(end - count, end) for (name, count), end in zip(MESH_COUNTS.items(), _ENDS, strict=True)
}
MESH_SIZE = _ENDS[-1]


def check_points(points: np.ndarray) -> np.ndarray:
    """Return points as float64.

    Parameters
    ----------
    points
        Mesh (122, 2) or landmarks (5, 2), in pixels.

    Raises
    ------
    ValueError
        For any other shape, or values that are not finite.
    """
    points = np.asarray(points, np.float64)
    if points.shape not in ((MESH_SIZE, 2), (5, 2)) or not np.isfinite(points).all():
        raise ValueError(f"points must be finite, ({MESH_SIZE}, 2) or (5, 2), found shape {points.shape}")
    return points


def five_landmarks(points: np.ndarray) -> np.ndarray:
    """Return eyes, nose tip and mouth corners (5, 2).

    Parameters
    ----------
    points
        Mesh (122, 2), or these landmarks themselves.
    """
    if len(points) == 5:
        return points
    part = {name: points[group] for name, group in MESH_GROUPS.items()}
    eyes = [part["left_eye"].mean(0), part["right_eye"].mean(0)]
    return np.stack([*eyes, part["nose"][5], part["lips"][0], part["lips"][10]])


def landmark_groups(points: np.ndarray) -> dict[str, np.ndarray]:
    """Return the middles (N, 2) of groups of landmarks, by names for people; left and right as the picture shows them.

    Parameters
    ----------
    points
        (N, 122, 2), mesh points of N faces.
    """
    middle = {name: points[:, group].mean(1) for name, group in MESH_GROUPS.items()}
    oval, lips, nose = (points[:, MESH_GROUPS[name]] for name in ("oval", "lips", "nose"))
    brows = (middle["left_brow"] + middle["right_brow"]) / 2
    return {
        "left eye": middle["left_eye"],
        "right eye": middle["right_eye"],
        "left brow": middle["left_brow"],
        "right brow": middle["right_brow"],
        "nose bridge": nose[:, :2].mean(1),
        "nose": nose[:, 4:].mean(1),
        "mouth": middle["lips"],
        "chin": (oval[:, 18] + lips[:, 5]) / 2,
        "left cheek": (oval[:, 28] + lips[:, 0] + middle["left_eye"]) / 3,
        "right cheek": (oval[:, 8] + lips[:, 10] + middle["right_eye"]) / 3,
        "forehead": (oval[:, 0] + brows) / 2,
    }


def face_frame(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the middle of the eyes, the unit vector from eyes to mouth and their distance in pixels.

    The distance is never below the eyes' own distance times 0.6, which keeps a lowered head from shrinking.

    Parameters
    ----------
    points
        Mesh (122, 2) or landmarks (5, 2), in pixels.
    """
    five = five_landmarks(points)
    eyes, mouth = five[:2].mean(0), five[3:].mean(0)
    down = mouth - eyes
    length = float(np.hypot(*down))
    spread = float(np.hypot(*(five[1] - five[0])))
    down = down / length if length > 1e-6 else np.array([0.0, 1.0])
    return eyes, down, max(length, 0.6 * spread, 1.0)


def outline(points: np.ndarray, region: Region, rng: np.random.Generator) -> np.ndarray:
    """Return the closed outline (K, 2) of a region in pixels, its margin drawn at random.

    Mesh points give convex hulls of their groups; five landmarks give ellipses in the face's own frame.

    Parameters
    ----------
    points
        Mesh (122, 2) or landmarks (5, 2), in pixels.
    region
        Of the face.
    rng
        Draws the margin.
    """
    if len(points) == 5:
        return _ellipse(points, region, rng)
    part = {name: points[group] for name, group in MESH_GROUPS.items()}
    _, down, length = face_frame(points)
    brows = np.concatenate([part["left_brow"], part["right_brow"]])
    raised = brows - down * length * rng.uniform(0.0, 0.35)
    if region == "face":
        return _grow(_hull(np.concatenate([part["oval"], raised])), rng.uniform(0.96, 1.05))
    if region == "inner":
        features = [raised, part["left_eye"], part["right_eye"], part["nose"], part["lips"]]
        return _grow(_hull(np.concatenate(features)), rng.uniform(1.0, 1.2))
    if region == "mouth":
        return _grow(_hull(part["lips"]), rng.uniform(1.1, 1.8))
    if region == "eyes":
        rims = np.concatenate([part["left_eye"], part["right_eye"], brows])
        return _grow(_hull(rims), rng.uniform(1.0, 1.3))
    top = brows.mean(0) if region == "brow_to_chin" else part["nose"][5]
    jaw = part["oval"][(part["oval"] - top) @ down > 0]
    upper = raised if region == "brow_to_chin" else part["lips"]
    return _grow(_hull(np.concatenate([jaw, upper])), rng.uniform(0.94, 1.03))


# Centre along eyes-to-mouth and half axes (across, along), in units of the eye-mouth distance.
_ELLIPSES: dict[Region, tuple[float, float, float]] = {
    "face": (0.45, 1.02, 1.3),
    "brow_to_chin": (0.6, 0.98, 1.05),
    "inner": (0.45, 0.78, 0.85),
    "lower_face": (1.05, 0.8, 0.6),
    "mouth": (1.0, 0.55, 0.32),
    "eyes": (0.0, 0.85, 0.35),
}


def _ellipse(points: np.ndarray, region: Region, rng: np.random.Generator) -> np.ndarray:
    eyes, down, length = face_frame(points)
    centre, across, along = _ELLIPSES[region]
    # A turned head is narrower by as much as its eyes are closer.
    narrow = np.clip(np.hypot(*(points[1] - points[0])) / length, 0.6, 1.05)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    side = np.array([-down[1], down[0]])
    size = length * rng.uniform(0.92, 1.1, 2)
    middle = eyes + down * centre * length + (points[2] - points[[0, 1, 3, 4]].mean(0)) * 0.2
    x, y = np.cos(angles) * across * narrow * size[0], np.sin(angles) * along * size[1]
    return np.asarray(middle + x[:, None] * side + y[:, None] * down)


def _hull(points: np.ndarray) -> np.ndarray:
    try:
        corners = points[ConvexHull(points).vertices]
    except QhullError:
        return points
    # A warp needs vertices all along the outline, not at the corners alone.
    steps = np.linspace(0, 1, 4, endpoint=False)[None, :, None]
    following = np.roll(corners, -1, axis=0)
    return np.asarray((corners[:, None] * (1 - steps) + following[:, None] * steps).reshape(-1, 2))


def _grow(polygon: np.ndarray, factor: float) -> np.ndarray:
    middle = (polygon.min(0) + polygon.max(0)) / 2
    return np.asarray(middle + (polygon - middle) * factor)


def warp_outline(polygon: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Deform an outline elastically: its radius gains waves of 2 to 6 periods.

    Parameters
    ----------
    polygon
        (K, 2) in pixels.
    strength
        Of the waves, as a share of the radius.
    rng
        Draws the waves.
    """
    middle = (polygon.min(0) + polygon.max(0)) / 2
    arms = polygon - middle
    angles = np.arctan2(arms[:, 1], arms[:, 0])
    periods = np.arange(2, 7)
    heights = rng.normal(0, strength, len(periods)) / np.sqrt(periods)
    phases = rng.uniform(0, 2 * np.pi, len(periods))
    waves = (heights * np.cos(angles[:, None] * periods + phases)).sum(1)
    return np.asarray(middle + arms * np.clip(1 + waves, 0.7, 1.3)[:, None])


def soft_mask(polygon: np.ndarray, size: tuple[int, int], softness: float, level: float = 0.5) -> Image.Image:
    """Fill an outline and soften its edge; the image is of mode L.

    Parameters
    ----------
    polygon
        (K, 2) in pixels.
    size
        Width and height of the mask.
    softness
        Standard deviation of the edge, in pixels.
    level
        Below 0.5 dilates the region and above 0.5 erodes it, by up to about `softness`.
    """
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in polygon], fill=255)
    if softness <= 0:
        return mask
    mask = mask.filter(ImageFilter.GaussianBlur(softness))
    if abs(level - 0.5) > 0.01:
        ramp = np.clip((np.arange(256) / 255 - level) * 6 + 0.5, 0, 1) * 255
        mask = mask.point([round(value) for value in ramp]).filter(ImageFilter.GaussianBlur(softness / 2))
    return mask
