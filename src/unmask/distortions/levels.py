"""Distortions of pictures in circulation: DeeperForensics-1.0's seven at five levels, JPEG, WebP and resizing.

The seven follow the published code beside Jiang et al. (2020), arXiv 2001.03024, section 4.2, less its rounding down.
Each takes and gives (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from unmask.distortions.codecs import compress_jpeg, compress_video, compress_webp

Picture = NDArray[np.uint8]
Values = NDArray[np.floating]

BLOCK = 8
BLOCK_GREY = 128
#: FFmpeg's own default, which DeeperForensics-1.0 used.
PRESET = "medium"

#: Weights of R, G and B in luma (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114])
#: RGB in [0, 255] from YCbCr of studio range in [0, 1], without the offset (BT.601).
RGB_FROM_YCBCR = 255 * np.array(
    [
        [255 / 219, 0.0, 255 / 224 * 1.402],
        [255 / 219, -255 / 224 * 1.772 * 0.114 / 0.587, -255 / 224 * 1.402 * 0.299 / 0.587],
        [255 / 219, 255 / 224 * 1.772, 0.0],
    ]
)


def _as_picture(values: Values) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def saturate(image: Picture, factor: float) -> Picture:
    """Multiply both chroma channels of YCbCr.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    factor
        0 leaves grey.
    """
    # Y + factor * (RGB - Y) is the same as the way through YCbCr and back.
    luma = (image @ LUMA)[..., None]
    return _as_picture(luma + factor * (image - luma))


def change_contrast(image: Picture, factor: float) -> Picture:
    """Multiply every value, which darkens as well, as DeeperForensics-1.0 does.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    factor
        In [0, 1].
    """
    return _as_picture(image * np.float32(factor))


def cover_blocks(image: Picture, count: float, random: np.random.Generator) -> Picture:
    """Cover random places with grey blocks of 8x8 pixels.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    count
        Blocks for every 256 pixels of the shorter side.
    random
        Draws the places.
    """
    height, width = image.shape[:2]
    covered: Picture = image.copy()
    for _ in range(round(count * min(height, width) / 256)):
        top = random.integers(0, max(1, height - BLOCK + 1))
        left = random.integers(0, max(1, width - BLOCK + 1))
        covered[top : top + BLOCK, left : left + BLOCK] = BLOCK_GREY
    return covered


def add_noise(image: Picture, variance: float, random: np.random.Generator) -> Picture:
    """Add Gaussian noise to Y, Cb and Cr, independently.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    variance
        Of studio range in [0, 1].
    random
        Draws the noise.
    """
    noise = random.standard_normal(image.shape, dtype=np.float32) * np.float32(math.sqrt(variance))
    return _as_picture(image + noise @ RGB_FROM_YCBCR.T.astype(np.float32))


def blur(image: Picture, kernel: float) -> Picture:
    """Blur with a Gaussian of sigma `kernel` / 6, mirrored at the border.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    kernel
        Side of the kernel, in pixels.
    """
    radius = (int(kernel) - 1) // 2
    sigma = (kernel / 6, kernel / 6)
    return _as_picture(
        ndimage.gaussian_filter(image.astype(np.float32), sigma, radius=radius, mode="mirror", axes=(0, 1))
    )


def pixelate(image: Picture, factor: float) -> Picture:
    """Reduce and enlarge again, both bilinearly and without antialiasing.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    factor
        At least 1.
    """
    height, width = image.shape[:2]
    small = max(1, int(height / factor)), max(1, int(width / factor))
    return _as_picture(_interpolate(_as_picture(_interpolate(image, small)), (height, width)))


def _interpolate(image: Picture, size: tuple[int, int]) -> Values:
    rows = _between(image.shape[0], size[0])
    columns = _between(image.shape[1], size[1])
    values = image.astype(np.float32)
    for axis, (before, after, part) in enumerate((rows, columns)):
        part = part.reshape([-1 if axis == place else 1 for place in range(3)])
        values = values.take(before, axis) * (1 - part) + values.take(after, axis) * part
    return values


def _between(length: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the two neighbours of each wanted pixel's centre, and how far it is towards the second."""
    places = np.clip((np.arange(wanted) + 0.5) * length / wanted - 0.5, 0, length - 1)
    before = np.floor(places).astype(np.int64)
    return before, np.minimum(before + 1, length - 1), (places - before).astype(np.float32)


def encode_h264(image: Picture, crf: float) -> Picture:
    """Encode as a predicted frame of an H.264 video by libx264; whole videos go through `recoding.recode`.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    crf
        Rate factor.
    """
    if min(image.shape[:2]) < 2:
        return image
    return np.asarray(compress_video(Image.fromarray(image), int(crf), preset=PRESET))


def encode_jpeg(image: Picture, quality: float) -> Picture:
    """Encode as JPEG (4:2:0) and decode again.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    quality
        1 to 95.
    """
    return np.asarray(compress_jpeg(Image.fromarray(image), int(quality)))


def encode_webp(image: Picture, quality: float) -> Picture:
    """Encode as lossy WebP and decode again.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    quality
        1 to 100.
    """
    return np.asarray(compress_webp(Image.fromarray(image), int(quality)))


def resize(image: Picture, factor: float) -> Picture:
    """Make the picture smaller (bicubic, antialiased) and leave it so, as an upload would.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    factor
        In (0, 1].
    """
    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class Distortion:
    """One way of distorting, and its parameter at level 1 .. 5.

    `apply` takes the picture, the parameter and a generator. Where `whole_video` holds, a video file is recoded as
    a whole, and `apply` is for pictures alone.
    """

    name: str
    parameter: str
    levels: tuple[float, ...]
    apply: Callable[[Picture, float, np.random.Generator], Picture]
    whole_video: bool = False


def _still(function: Callable[[Picture, float], Picture]) -> Callable[..., Picture]:
    return lambda image, value, random: function(image, value)


DISTORTIONS = {
    distortion.name: distortion
    for distortion in (
        Distortion("saturation", "factor", (0.4, 0.3, 0.2, 0.1, 0.0), _still(saturate)),
        Distortion("contrast", "factor", (0.85, 0.725, 0.6, 0.475, 0.35), _still(change_contrast)),
        Distortion("blocks", "count", (16, 32, 48, 64, 80), cover_blocks),
        Distortion("noise", "variance", (0.001, 0.002, 0.005, 0.01, 0.05), add_noise),
        Distortion("blur", "kernel", (7, 9, 13, 17, 21), _still(blur)),
        Distortion("pixelation", "factor", (2, 3, 4, 5, 6), _still(pixelate)),
        Distortion("h264", "CRF", (30, 32, 35, 38, 40), _still(encode_h264), whole_video=True),
        Distortion("jpeg", "quality", (95, 80, 65, 50, 30), _still(encode_jpeg)),
        Distortion("resize", "factor", (0.75, 0.625, 0.5, 0.375, 0.25), _still(resize)),
        Distortion("webp", "quality", (90, 75, 60, 45, 30), _still(encode_webp)),
    )
}


@dataclass(frozen=True)
class Change:
    """A distortion at one level 1 .. 5, the same for the same seed, item and frame."""

    distortion: Distortion
    level: int
    seed: int = 0

    @property
    def value(self) -> float:
        """The distortion's parameter."""
        return self.distortion.levels[self.level - 1]

    def __call__(self, image: Picture, item: int, frame: int = 0) -> Picture:
        """Distort one picture."""
        random = np.random.default_rng((self.seed, self.level, item, frame))
        return self.distortion.apply(image, self.value, random)
