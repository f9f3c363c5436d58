"""Plans a closer search of a picture, in overlapping tiles on ever larger scales, and merges what it finds.

A network that reads a few hundred pixels a side finds a small face only where it is large in what the network reads.
Each level of the search reduces the picture less than the one before, and is cut into tiles. A face that a tile's
border cuts is whole in the neighbouring tile, or, where it is larger than their overlap, was found on a coarser level.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unmask.faces.face import Box, Face

Tile = tuple[int, int, int, int]

MULTIPLE = 32
"""The network halves its input five times, so the sides of its input are multiples of this."""

RELIABLE_SIDE = 24
"""Side of a face, in pixels of the network's input, from which 95 of 100 are found; of those of 20 pixels 84 are."""

TILE_SIDE = 640
"""Longest side of a tile, in pixels of the network's input: a tile takes little more memory than a whole frame."""

TILE_OVERLAP = 96
"""What neighbouring tiles share, in the same pixels: the largest face left to a level, and what surrounds it."""

_MAX_STEP = 2.75  # Ratio of successive scales: faces of 24 to 66 pixels of the input are left to each level.
_LEAST_GAIN = 1.25  # A closer search that enlarges less is not worth its cost.
_ROUNDING = 2  # Pixels by which whole pixels of the picture can make a tile longer.
_BORDER = 3.0  # A box that comes nearer to a tile's inner border, in pixels of the input, may be that of half a face.
_SAME_UNION = 0.3  # Boxes of which more is shared, as intersection over union, are the same face,
_SAME_SMALLER = 0.7  # and those of which more of the smaller is shared: it is a part of the larger.


@dataclass(frozen=True)
class Level:
    """One scale of a closer search.

    Parameters
    ----------
    scale
        Pixels of the network's input per pixel of the picture, at most 1.
    tiles
        (x0, y0, x1, y1) in pixels of the picture.
    """

    scale: float
    tiles: tuple[Tile, ...]

    @property
    def cost(self) -> int:
        """Pixels of input that the network reads."""
        sides = ((x1 - x0, y1 - y0) for x0, y0, x1, y1 in self.tiles)
        return sum(_padded(width * self.scale) * _padded(height * self.scale) for width, height in sides)


def plan(size: tuple[int, int], scale: float, budget: float) -> list[Level]:
    """Plan the levels of a closer search, the coarsest first; the last one is at full size if the budget allows.

    Parameters
    ----------
    size
        Width and height of the picture.
    scale
        That on which the whole picture was searched already.
    budget
        Pixels of input that the network may read on all levels together.
    """
    finest = 1.0
    while finest >= _LEAST_GAIN * scale:
        steps = math.ceil(math.log(finest / scale) / math.log(_MAX_STEP) - 1e-9)
        scales = [scale * (finest / scale) ** (step / steps) for step in range(1, steps)] + [finest]
        if sum(_most_cost(size, one) for one in scales) <= budget:
            return [Level(one, tuple(_tiles(size, one))) for one in scales]
        finest *= 0.97
    return []


def _most_cost(size: tuple[int, int], scale: float) -> int:
    """Return a bound on a level's cost without listing its tiles: a hostile picture could have very many."""
    counts, lengths = zip(*(_division(side, scale) for side in size), strict=True)
    width, height = (_padded(length * scale + _ROUNDING) for length in lengths)
    return int(counts[0] * counts[1] * width * height)


def _padded(side: float) -> int:
    return max(1, math.ceil(round(side) / MULTIPLE)) * MULTIPLE


def _tiles(size: tuple[int, int], scale: float) -> Iterator[Tile]:
    columns, rows = (list(_spans(side, scale)) for side in size)
    return ((x0, y0, x1, y1) for y0, y1 in rows for x0, x1 in columns)


def _division(side: int, scale: float) -> tuple[int, float]:
    """Divide one side into as few equal spans as suffice, each overlapping the next: their number, and length."""
    if side * scale <= TILE_SIDE - _ROUNDING:
        return 1, float(side)
    longest, shared = (TILE_SIDE - _ROUNDING) / scale, TILE_OVERLAP / scale
    count = math.ceil((side - shared) / (longest - shared) - 1e-9)
    return count, (side + (count - 1) * shared) / count


def _spans(side: int, scale: float) -> Iterator[tuple[int, int]]:
    count, length = _division(side, scale)
    for place in range(count):
        start = place * (length - TILE_OVERLAP / scale)
        yield math.floor(start), min(side, math.ceil(start + length))


def is_whole(box: Box, tile: Tile, size: tuple[int, int], scale: float) -> bool:
    """Return whether a box keeps clear of those borders of its tile that lie inside the picture.

    Parameters
    ----------
    box
        In pixels of the picture.
    tile
        The tile in which the box was found.
    size
        (width, height) of the picture, in pixels.
    scale
        Size of the reduced picture over that of the picture.
    """
    gap = _BORDER / scale
    starts = all(low - gap >= start or start == 0 for low, start in zip(box[:2], tile[:2], strict=True))
    ends = zip(box[2:], tile[2:], size, strict=True)
    return starts and all(high + gap <= end or end == side for high, end, side in ends)


def merge(faces: Sequence[Face]) -> list[Face]:
    """Keep the first of the boxes that show the same face, or a part of it.

    Parameters
    ----------
    faces
        In any order.

    Returns
    -------
    list of Face
        Most confident first.
    """
    boxes = np.array([face.box for face in faces], dtype=np.float64).reshape(-1, 4)
    waiting = np.ones(len(faces), dtype=bool)
    kept: list[Face] = []
    for place, face in enumerate(faces):
        if waiting[place]:
            kept.append(face)
            of_union, of_smaller = overlaps(boxes[place], boxes)
            waiting &= (of_union <= _SAME_UNION) & (of_smaller <= _SAME_SMALLER)
    return sorted(kept, key=lambda face: -face.confidence)


def overlaps(box: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare one box with others.

    Parameters
    ----------
    box
        (4,) x0, y0, x1, y1.
    boxes
        (N, 4), likewise.

    Returns
    -------
    of_union
        (N,) area of the intersection, as a share of the union.
    of_smaller
        (N,) the same, as a share of the smaller box.
    """
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.asarray(shared / (area + areas - shared)), np.asarray(shared / np.minimum(area, areas))
