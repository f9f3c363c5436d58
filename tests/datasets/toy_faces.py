"""Toy crops: a face drawn from ellipses, whose mesh points are known."""

import numpy as np
from PIL import Image, ImageDraw

from unmask.datasets.regions import MESH_COUNTS


def _ring(count, x, y, across, along, start=-np.pi / 2):
    angles = start + np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([x + across * np.cos(angles), y + along * np.sin(angles)])


def mesh_of(x=128.0, y=135.0, size=60.0):
    """Points (122, 2) of an upright face around (x, y) whose oval is `size` wide to either side."""
    parts = {
        "oval": _ring(36, x, y, size, 1.3 * size),
        # The mesh's lips begin at one corner and reach the other with the eleventh point.
        "lips": _ring(20, x, y + 0.62 * size, 0.4 * size, 0.16 * size, start=np.pi),
        "left_eye": _ring(16, x - 0.45 * size, y - 0.3 * size, 0.2 * size, 0.1 * size),
        "right_eye": _ring(16, x + 0.45 * size, y - 0.3 * size, 0.2 * size, 0.1 * size),
        "left_brow": _ring(10, x - 0.45 * size, y - 0.55 * size, 0.28 * size, 0.06 * size),
        "right_brow": _ring(10, x + 0.45 * size, y - 0.55 * size, 0.28 * size, 0.06 * size),
        "nose": np.column_stack([np.full(14, x), np.linspace(y - 0.3 * size, y + 0.3 * size, 14)]),
    }
    return np.concatenate([parts[name] for name in MESH_COUNTS]).astype(np.float32)


def picture_of(points, seed=0, side=256):
    """A textured picture (side, side, 3) uint8 with a face at the points."""
    rng = np.random.default_rng(seed)
    small = rng.integers(60, 200, (side // 8, side // 8, 3), dtype=np.uint8)
    picture = Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    tone = tuple(int(value) for value in rng.integers(120, 230, 3))
    for part, colour in ((slice(0, 36), tone), (slice(36, 56), (150, 40, 60)), (slice(56, 72), (30, 30, 30))):
        draw.polygon([tuple(point) for point in points[part].tolist()], fill=colour)
    noise = rng.normal(0, 6, (side, side, 3))
    return np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
