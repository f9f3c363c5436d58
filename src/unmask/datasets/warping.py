"""Smooth geometric changes of a picture, through Pillow's mesh transform."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops
from scipy.ndimage import gaussian_filter

CELLS = 12


def mesh_warp(
    picture: Image.Image,
    moves: np.ndarray,
    box: tuple[int, int, int, int] | None = None,
    *,
    upwards: bool = False,
) -> Image.Image:
    """Move the pixels of a box by a grid of displacements.

    The output at a point is the input at that point plus its move, moves between corners being bilinear. Points that
    would be taken from outside the picture are taken from its edge, so no border appears.

    Parameters
    ----------
    picture
        RGB.
    moves
        (R + 1, C + 1, 2), x and y in pixels at the corners of R x C equal cells.
    box
        In pixels; None: the whole picture.
    upwards
        Round grey levels up; Pillow rounds them down. Drawn at random, it keeps warped pictures from being darker
        than others on average.
    """
    width, height = picture.size
    x0, y0, x1, y1 = box or (0, 0, width, height)
    xs = np.linspace(x0, x1, moves.shape[1]).round()
    ys = np.linspace(y0, y1, moves.shape[0]).round()
    grid = np.stack(np.meshgrid(xs, ys), axis=-1)
    taken, limit = grid + moves, np.array([width, height])
    # A cell whose corners all lie on the far edge would be left black.
    taken = np.where((taken < 0) | (taken > limit), np.clip(taken, 0.01, limit - 0.01), taken)
    quads = np.concatenate([taken[:-1, :-1], taken[1:, :-1], taken[1:, 1:], taken[:-1, 1:]], axis=-1)
    cells = [
        ((int(xs[c]) - x0, int(ys[r]) - y0, int(xs[c + 1]) - x0, int(ys[r + 1]) - y0), tuple(quads[r, c]))
        for r in range(len(ys) - 1)
        for c in range(len(xs) - 1)
        if xs[c + 1] > xs[c] and ys[r + 1] > ys[r]
    ]
    taken_from = ImageChops.invert(picture) if upwards else picture
    part = taken_from.transform(
        (x1 - x0, y1 - y0), Image.Transform.MESH, cells, resample=Image.Resampling.BILINEAR
    )
    part = ImageChops.invert(part) if upwards else part
    if box is None:
        return part
    whole = picture.copy()
    whole.paste(part, (x0, y0))
    return whole


def affine_moves(
    size: tuple[int, int], centre: np.ndarray, shift: np.ndarray, scale: float, angle: float = 0.0
) -> np.ndarray:
    """Return the grid that scales and turns a picture around a centre, then shifts it.

    Parameters
    ----------
    size
        Width and height, in pixels.
    centre
        (2,) in pixels.
    shift
        (2,) in pixels.
    scale
        Above 1 enlarges.
    angle
        In radians.
    """
    grid = _corners(size)
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    arms = grid - centre - shift
    turned = np.stack([cos * arms[..., 0] + sin * arms[..., 1], cos * arms[..., 1] - sin * arms[..., 0]], -1)
    return np.asarray(turned + centre - grid)


def elastic_moves(size: tuple[int, int], strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth random grid.

    Parameters
    ----------
    size
        Width and height, in pixels.
    strength
        Standard deviation of the moves, in pixels.
    rng
        Draws the moves.
    """
    field = gaussian_filter(rng.normal(size=(CELLS + 1, CELLS + 1, 2)), (1.5, 1.5, 0), mode="reflect")
    return np.asarray(field * (strength / max(float(field.std()), 1e-6)))


def expression_moves(box: tuple[int, int, int, int], strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return the grid of a box that changes the expression of what is in it: a mouth, a pair of eyes.

    Opening, widening, slanting and shifting are drawn at random; moves fade to nothing at the box's edge.

    Parameters
    ----------
    box
        In pixels.
    strength
        Largest move, as a share of the box's size.
    rng
        Draws the moves.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    v, u = np.meshgrid(*(np.linspace(-1, 1, CELLS + 1),) * 2, indexing="ij")
    fade = (1 - u**2) ** 2 * (1 - v**2) ** 2
    opening, widening, slant, across, along = rng.uniform(-1, 1, 5)
    dx = widening * u + 0.5 * across + 0.3 * slant * v
    dy = 1.5 * opening * v + 0.6 * along + 0.8 * slant * u
    rough = elastic_moves((width, height), 0.15, rng)
    moves = np.stack([(dx + rough[..., 0]) * width, (dy + rough[..., 1]) * height], -1)
    return np.asarray(moves * fade[..., None] * strength)


def _corners(size: tuple[int, int]) -> np.ndarray:
    xs, ys = (np.linspace(0, side, CELLS + 1).round() for side in size)
    return np.stack(np.meshgrid(xs, ys), axis=-1)
