"""Augmentation: one random draw of cut, colour, degradation and compression for all images of a pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field

from unmask.distortions import codecs, photometry
from unmask.distortions.strong import draw_degradation

Box = tuple[float, float, float, float]
Step = Callable[[Image.Image], Image.Image]
Share = Annotated[float, Field(ge=0, le=1)]
Range = tuple[float, float]


class AugmentOptions(BaseModel):
    """Probabilities of each change and the ranges they are drawn from.

    With a face box a square of `box_scale` times its longer side is cut around it; without one the whole
    crop is zoomed by `zoom`, above 1 meaning nearer. `shift` moves the cut by a share of its side. `jpeg`,
    `webp` and `video` exclude each other (their sum is at most 1). Ranges: qualities 1 to 100, `crf` 0 to 51,
    `noise` a standard deviation in grey levels, `blur_sigma` and `motion_length` in pixels, `hue` in radians.
    `degrade` is the probability of one strong degradation (noise, blur, pixelation, lost blocks, weather, a palette,
    low light, enlargement, coarse coding; see ``distortions.strong``) before the compression.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=224, gt=0)
    flip: Share = 0.5
    box_scale: Range = (0.9, 1.5)
    zoom: Range = (0.94, 1.12)
    shift: Share = 0.04

    colour: Share = 0.5
    brightness: Share = 0.12
    contrast: Share = 0.2
    saturation: Share = 0.3
    hue: float = Field(default=0.12, ge=0)
    gamma: Share = 0.2
    gamma_range: Range = (0.7, 1.4)
    grey: Share = 0.05

    resize: Share = 0.3
    resize_range: Range = (0.25, 0.75)
    blur: Share = 0.15
    blur_sigma: Range = (0.4, 2.0)
    motion: Share = 0.05
    motion_length: tuple[int, int] = (3, 9)
    noise: Share = 0.15
    noise_range: Range = (1.0, 10.0)

    jpeg: Share = 0.35
    jpeg_quality: tuple[int, int] = (30, 95)
    webp: Share = 0.05
    webp_quality: tuple[int, int] = (30, 95)
    video: Share = 0.25
    crf: tuple[int, int] = (18, 40)

    degrade: Share = 0.0


class Augment:
    """Draws one random change and applies it to every image of a pair or larger group.

    Recording comes first (colour), then what happens to a file on its way (resampling, blur, noise,
    compression, at the resolution of the crop), then the cut and the flip.
    """

    def __init__(self, options: AugmentOptions | None = None) -> None:
        self.options = options or AugmentOptions()

    def __call__(
        self, images: Sequence[np.ndarray], rng: np.random.Generator, box: Box | None = None
    ) -> list[np.ndarray]:
        """Change images of one shape (H, W, 3) uint8 RGB alike; returns (size, size, 3) uint8 each.

        `box` is the face in pixels of the images (x0, y0, x1, y1). The same generator state gives the same
        result, whatever the number of images. Raises ValueError where the shapes differ.
        """
        shapes = {image.shape for image in images}
        if len(shapes) != 1:
            raise ValueError(f"the images of a group need one shape, found {sorted(shapes)}")
        height, width = images[0].shape[:2]
        steps = self.draw(rng, (width, height), box)
        return [np.asarray(_applied(Image.fromarray(image), steps)) for image in images]

    def cut_alike(self, mask: np.ndarray, rng: np.random.Generator, box: Box | None = None) -> np.ndarray:
        """Cut and flip a mask of images as a draw of the same generator state cuts and flips them.

        Parameters
        ----------
        mask
            (H, W) uint8.
        rng
            In the state that the images' draw began with.
        box
            Of the face, in pixels.

        Returns
        -------
        array
            (size, size) uint8.
        """
        height, width = mask.shape
        _, steps = self._draw(rng, (width, height), box)
        # Only pictures of three channels are mirrored at their sides.
        return np.asarray(_applied(Image.fromarray(mask).convert("RGB"), steps))[..., 0]

    def draw(self, rng: np.random.Generator, size: tuple[int, int], box: Box | None = None) -> list[Step]:
        """Return the steps of one draw; each maps a picture to a picture.

        Parameters
        ----------
        rng
            Decides all that is random.
        size
            Width and height of the pictures.
        box
            Of the face, in pixels.
        """
        changes, cut = self._draw(rng, size, box)
        return [*changes, *cut]

    def _draw(
        self, rng: np.random.Generator, size: tuple[int, int], box: Box | None
    ) -> tuple[list[Step], list[Step]]:
        """Return the steps that change pixels where they are, and those that move them: the cut and the flip."""
        steps = [*self._colour(rng), *self._degradation(rng, size)]
        if self.options.degrade and rng.random() < self.options.degrade:
            steps += draw_degradation(rng, size)
        steps += self._compression(rng)
        square = self._square(rng, size, box)
        flipped = rng.random() < self.options.flip
        cut: list[Step] = [lambda picture: cut_square(picture, square, self.options.size)]
        return steps, [*cut, ImageOps.mirror] if flipped else cut

    def _colour(self, rng: np.random.Generator) -> list[Step]:
        o = self.options
        steps: list[Step] = []
        wanted = rng.random(3) < (o.colour, o.gamma, o.grey)
        spread = rng.uniform(-1, 1, 4)
        gamma = float(np.exp(rng.uniform(*np.log(o.gamma_range))))
        if wanted[0]:
            steps.append(
                lambda picture: photometry.change_colour(
                    picture,
                    brightness=o.brightness * spread[0],
                    contrast=1 + o.contrast * spread[1],
                    saturation=1 + o.saturation * spread[2],
                    hue=o.hue * spread[3],
                )
            )
        if wanted[1]:
            steps.append(lambda picture: photometry.change_gamma(picture, gamma))
        if wanted[2]:
            steps.append(lambda picture: picture.convert("L").convert("RGB"))
        return steps

    def _degradation(self, rng: np.random.Generator, size: tuple[int, int]) -> list[Step]:
        o = self.options
        steps: list[Step] = []
        if rng.random() < o.resize:
            factor = rng.uniform(*o.resize_range)
            down, up = (photometry.FILTERS[i] for i in rng.integers(len(photometry.FILTERS), size=2))
            steps.append(lambda picture: photometry.resample(picture, factor, down, up))
        if rng.random() < o.blur:
            sigma = rng.uniform(*o.blur_sigma)
            steps.append(lambda picture: photometry.blur(picture, sigma))
        if rng.random() < o.motion:
            length, angle = int(rng.integers(*o.motion_length, endpoint=True)), rng.uniform(0, np.pi)
            steps.append(
                lambda picture: Image.fromarray(photometry.motion_blur(np.asarray(picture), length, angle))
            )
        if rng.random() < o.noise:
            strength = np.float32(rng.uniform(*o.noise_range))
            field = rng.standard_normal((size[1], size[0], 3), dtype=np.float32) * strength
            steps.append(lambda picture: photometry.from_floats(np.asarray(picture, np.float32) + field))
        return steps

    def _compression(self, rng: np.random.Generator) -> list[Step]:
        o = self.options
        chance = rng.random()
        if chance < o.jpeg:
            quality = int(rng.integers(*o.jpeg_quality, endpoint=True))
            subsampling = int(rng.choice([0, 2, 2]))
            return [lambda picture: codecs.compress_jpeg(picture, quality, subsampling)]
        if chance < o.jpeg + o.webp:
            quality = int(rng.integers(*o.webp_quality, endpoint=True))
            return [lambda picture: codecs.compress_webp(picture, quality)]
        if chance < o.jpeg + o.webp + o.video:
            crf = int(rng.integers(*o.crf, endpoint=True))
            x, y = (int(step) for step in rng.integers(-2, 3, size=2))
            return [lambda picture: codecs.compress_video(picture, crf, (x, y))]
        return []

    def _square(self, rng: np.random.Generator, size: tuple[int, int], box: Box | None) -> Box:
        o = self.options
        chances = rng.random(3)
        if box is None:
            side = max(size) / float(_between(chances[0], o.zoom))
            middle = np.array(size) / 2
        else:
            side = max(box[2] - box[0], box[3] - box[1]) * _between(chances[0], o.box_scale)
            middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
        middle = middle + (2 * chances[1:] - 1) * o.shift * side
        x, y = middle - side / 2
        return (float(x), float(y), float(x + side), float(y + side))


def cut_square(picture: Image.Image, square: Box, size: int) -> Image.Image:
    """Cut a square and scale it to (size, size); what is outside the picture is mirrored in.

    Parameters
    ----------
    picture
        RGB.
    square
        x0, y0, x1, y1 in pixels.
    size
        Side of the result, in pixels.
    """
    x0, y0, x1, y1 = square
    over = int(np.ceil(max(0.0, -x0, -y0, x1 - picture.width, y1 - picture.height)))
    if over:
        image = np.asarray(picture)
        picture = Image.fromarray(np.pad(image, ((over, over), (over, over), (0, 0)), mode="symmetric"))
        x0, y0, x1, y1 = x0 + over, y0 + over, x1 + over, y1 + over
    return picture.resize((size, size), Image.Resampling.BILINEAR, box=(x0, y0, x1, y1))


def _applied(picture: Image.Image, steps: Sequence[Step]) -> Image.Image:
    for step in steps:
        picture = step(picture)
    return picture


def _between(chance: float, limits: Range) -> float:
    return limits[0] + (limits[1] - limits[0]) * chance
