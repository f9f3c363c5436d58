"""Fakes made of two people: the face of a donor with a like pose, blended into another picture.

After Li et al., "Face X-ray for More General Face Forgery Detection" (CVPR 2020).
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageStat

from unmask.datasets.blending import (
    SelfBlend,
    SelfBlendOptions,
    change_inside,
    draw_mask,
    finish,
    mismatch_colour,
    pick,
    regenerate,
)
from unmask.datasets.crops import CropSet
from unmask.datasets.regions import check_points, five_landmarks
from unmask.distortions import photometry

FACE_BLEND_OPTIONS = SelfBlendOptions(
    regions={"face": 0.4, "brow_to_chin": 0.35, "inner": 0.25}, blend_ratios=(0.75, 1.0, 1.0, 1.0)
)


class FaceBlender:
    """Blends faces of a set of real crops into other faces.

    Of `candidates` drawn at random the `neighbours` of the nearest shape, position and size aside, remain, and of
    these the donor of the nearest mean colour is taken. Shapes are compared by the mesh where the target has one and a
    donor as well, else by five landmarks. `regenerated` is the probability that the donor's face is brought to the
    resolution of a generator first.
    """

    def __init__(
        self,
        donors: CropSet,
        options: SelfBlendOptions | None = None,
        *,
        candidates: int = 200,
        neighbours: int = 6,
        regenerated: float = 0.5,
    ) -> None:
        self.donors = donors.select(where=lambda record: record.label == 0 and record.mask_points is not None)
        self.options = options or FACE_BLEND_OPTIONS
        self.candidates, self.neighbours, self.regenerated = candidates, neighbours, regenerated
        self._groups = np.array([record.group for record in self.donors])
        meshes = [record.mask_points for record in self.donors]
        self._points = [check_points(points) for points in meshes if points is not None]
        self._colours: dict[int, np.ndarray] = {}
        self._shapes = [_shape(points) for points in self._points]
        self._five = [five_landmarks(points) for points in self._points]

    def __call__(
        self, image: np.ndarray, points: np.ndarray, rng: np.random.Generator, group: str = ""
    ) -> SelfBlend:
        """Blend a donor's face into an image (H, W, 3) uint8 RGB with its points (122, 2) or (5, 2).

        Donors of the same `group` are left out. Raises ValueError where no donor is left.
        """
        points = check_points(points)
        picture = Image.fromarray(image)
        for _ in range(4):
            source, covered = self._aligned(picture, points, group, rng)
            region = pick(self.options.regions, rng)
            wanted = draw_mask(points, region, picture.size, self.options, rng)
            mask = ImageChops.multiply(wanted, covered)
            source = photometry.match_colour(source, picture, mask, rng.uniform(0.8, 1.0))
            fake = Image.composite(mismatch_colour(source, rng, 0.4), picture, mask)
            # A donor cut off by its own picture would leave a straight seam, which no real fake has.
            whole = _area(mask) >= 0.95 * _area(wanted)
            if whole and change_inside(picture, fake, mask) >= self.options.least_change:
                break
        return finish(picture, fake, mask, "other_person")

    def _aligned(
        self, picture: Image.Image, points: np.ndarray, group: str, rng: np.random.Generator
    ) -> tuple[Image.Image, Image.Image]:
        index = self._donor(picture, points, group, rng)
        donor = Image.fromarray(self.donors.image(index))
        if self._points[index].shape == points.shape:
            source, covered = _align(donor, self._points[index], points, picture.size)
        else:
            source, covered = _align(donor, self._five[index], five_landmarks(points), picture.size)
        # Where the donor has ended, resampling must mix in skin and not black.
        source = Image.composite(source, picture, covered)
        if rng.random() < self.regenerated:
            source = regenerate(source, points, self.options.face_sides, rng)
        return source, covered

    def _donor(self, picture: Image.Image, points: np.ndarray, group: str, rng: np.random.Generator) -> int:
        drawn = rng.permutation(len(self._points))[: self.candidates]
        others = [int(i) for i in drawn if not (group and self._groups[i] == group)]
        if not others:
            raise ValueError(f"no donor outside group {group!r}")
        alike = [i for i in others if len(points) > 5 and self._points[i].shape == points.shape]
        if alike:
            shape = _shape(points)
            fitting = [(float(np.abs(self._shapes[i] - shape).mean()), i) for i in alike]
        else:
            shape = _shape(five_landmarks(points))
            fitting = [(float(np.abs(_shape(self._five[i]) - shape).mean()), i) for i in others]
        nearest = [index for _, index in sorted(fitting)[: self.neighbours]]
        colour = _face_colour(picture, points)
        return min(nearest, key=lambda index: float(np.abs(self._colour(index) - colour).sum()))

    def _colour(self, index: int) -> np.ndarray:
        if index not in self._colours:
            donor = Image.fromarray(self.donors.image(index))
            self._colours[index] = _face_colour(donor, self._points[index])
        return self._colours[index]


def _align(
    donor: Image.Image, donor_points: np.ndarray, points: np.ndarray, size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """Move a donor by the affine map that brings its points nearest to `points` (least squares).

    Returns the moved donor of `size` (width, height), and its coverage of that picture (mode L, fading over
    a few pixels before the donor ends).
    """
    ours = np.column_stack([points, np.ones(len(points))])
    # Pillow takes the inverse map: from an output pixel to its place in the donor.
    back = np.linalg.lstsq(ours, donor_points, rcond=None)[0].T.ravel()
    data = tuple(float(value) for value in back)
    moved = donor.transform(size, Image.Transform.AFFINE, data, resample=Image.Resampling.BICUBIC)
    whole = Image.new("L", donor.size, 255)
    covered = whole.transform(size, Image.Transform.AFFINE, data)
    if covered.getextrema() == (255, 255):
        return moved, covered
    return moved, covered.filter(ImageFilter.MinFilter(13)).filter(ImageFilter.GaussianBlur(2))


def _shape(points: np.ndarray) -> np.ndarray:
    """Return points with their mean at zero and a mean distance of 1 from it; their turn is kept."""
    arms = points - points.mean(0)
    return np.asarray(arms / max(float(np.hypot(*arms.T).mean()), 1e-6))


def _face_colour(picture: Image.Image, points: np.ndarray) -> np.ndarray:
    """Return the mean RGB (3,) of the square spanned by eyes and mouth."""
    five = np.clip(five_landmarks(points), 0, np.array(picture.size) - 2)
    low, high = five.min(0), five.max(0) + 1
    part = picture.resize((8, 8), Image.Resampling.BOX, box=(low[0], low[1], high[0], high[1]))
    colour: np.ndarray = np.asarray(part, float).mean((0, 1))
    return colour


def _area(mask: Image.Image) -> float:
    return float(ImageStat.Stat(mask).sum[0])
