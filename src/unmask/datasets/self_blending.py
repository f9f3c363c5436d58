"""Self-blended images: fakes made of one real face and a changed copy of itself.

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (CVPR 2022), widened by changes
that look like re-enactment (a moved mouth) and like swaps (a face generated at a low resolution).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from unmask.datasets import warping
from unmask.datasets.blending import (
    Kind,
    SelfBlend,
    SelfBlendOptions,
    change_inside,
    draw_mask,
    face_width,
    finish,
    mismatch_colour,
    pick,
    regenerate,
    transform,
)
from unmask.datasets.regions import Region, check_points, five_landmarks, outline
from unmask.distortions import photometry


class SelfBlender:
    """Makes a fake of a real face; the same generator state gives the same fake."""

    def __init__(self, options: SelfBlendOptions | None = None) -> None:
        self.options = options or SelfBlendOptions()

    def __call__(self, image: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> SelfBlend:
        """Blend an image (H, W, 3) uint8 RGB with a changed copy of itself.

        `points` are (122, 2) mesh points or (5, 2) landmarks in its pixels; else ValueError.
        """
        points = check_points(points)
        picture = Image.fromarray(image)
        for _ in range(4):
            kind: Kind = pick(self.options.kinds, rng)
            real, source, region = self._change(picture, points, kind, rng)
            mask = draw_mask(points, region, picture.size, self.options, rng)
            fake = Image.composite(source, real, mask)
            if change_inside(real, fake, mask) >= self.options.least_change:
                break
        return finish(real, fake, mask, kind)

    def _change(
        self, picture: Image.Image, points: np.ndarray, kind: Kind, rng: np.random.Generator
    ) -> tuple[Image.Image, Image.Image, Region]:
        """Return the target, the source to be blended into it and the region to blend."""
        if kind == "expression":
            moved, region = self._move_expression(picture, points, rng)
            if rng.random() < 0.6:
                moved = regenerate(moved, points, self.options.face_sides, rng)
            return picture, mismatch_colour(moved, rng, 0.4), region
        region = pick(self.options.regions, rng)
        source = self._move(picture, points, rng)
        if kind == "resampled":
            return (
                picture,
                mismatch_colour(regenerate(source, points, self.options.face_sides, rng), rng, 0.6),
                region,
            )
        if kind == "smoothed":
            source = photometry.blur(source, rng.uniform(0.5, 1.6))
            return picture, mismatch_colour(source, rng, 0.5), region
        # Half of the time the surroundings change instead, so that a normal-looking inside proves nothing.
        if rng.random() < 0.5:
            return picture, transform(source, rng), region
        return transform(picture, rng), source, region

    def _move(self, picture: Image.Image, points: np.ndarray, rng: np.random.Generator) -> Image.Image:
        width = face_width(points)
        shift = rng.uniform(-1, 1, 2) * self.options.translation * width
        angle = np.deg2rad(rng.uniform(-1, 1) * self.options.rotation)
        centre = five_landmarks(points).mean(0)
        moves = warping.affine_moves(picture.size, centre, shift, rng.uniform(*self.options.scale), angle)
        if rng.random() < self.options.elastic:
            moves = moves + warping.elastic_moves(picture.size, rng.uniform(0.003, 0.015) * width, rng)
        return warping.mesh_warp(picture, moves, upwards=rng.random() < 0.5)

    def _move_expression(
        self, picture: Image.Image, points: np.ndarray, rng: np.random.Generator
    ) -> tuple[Image.Image, Region]:
        where = rng.random()
        regions: tuple[Region, ...] = ("mouth", "lower_face", "lower_face", "brow_to_chin", "inner")
        if where > 0.75:
            regions = ("eyes", "inner", "brow_to_chin", "face")
        strength = self.options.expression_strength * rng.uniform(0.4, 1.0)
        if where <= 0.9:
            picture = _warp_part(picture, points, "mouth", strength, rng)
        if where > 0.75:
            picture = _warp_part(picture, points, "eyes", 0.6 * strength, rng)
        return picture, regions[rng.integers(len(regions))]


def _warp_part(
    picture: Image.Image, points: np.ndarray, part: Region, strength: float, rng: np.random.Generator
) -> Image.Image:
    polygon = outline(points, part, rng)
    middle, half = (polygon.min(0) + polygon.max(0)) / 2, np.ptp(polygon, axis=0) / 2
    reach = np.maximum(half, 0.5 * half.max()) * 1.5
    low = np.clip(middle - reach, 0, np.array(picture.size)).round().astype(int)
    high = np.clip(middle + reach, 0, np.array(picture.size)).round().astype(int)
    if (high - low < 8).any():
        return picture
    box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    moves = warping.expression_moves(box, strength, rng)
    return warping.mesh_warp(picture, moves, box, upwards=rng.random() < 0.5)
