"""Strong degradations for training: what strangers' pictures went through before they arrive.

Each is drawn once and applied alike to every picture of a pair, so that none of them separates real from fake.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from unmask.distortions import codecs, photometry

Step = Callable[[Image.Image], Image.Image]
Size = tuple[int, int]


def draw_degradation(rng: np.random.Generator, size: Size) -> list[Step]:
    """Draw one degradation, at a resolution that is drawn as well.

    A face is often smaller where it was degraded than where it is analysed: in half of the cases the picture is
    reduced by up to 0.35 first and enlarged again afterwards.

    Parameters
    ----------
    rng
        Draws.
    size
        Width and height of the pictures.
    """
    scale = rng.uniform(0.35, 1.0) if rng.random() < 0.5 else 1.0
    small = (max(16, round(size[0] * scale)), max(16, round(size[1] * scale)))
    kinds = list(DEGRADATIONS)
    steps = DEGRADATIONS[kinds[rng.integers(len(kinds))]](rng, small)
    if small == size:
        return steps
    up = photometry.FILTERS[rng.integers(len(photometry.FILTERS))]
    return [
        lambda picture: picture.resize(small, Image.Resampling.BOX),
        *steps,
        lambda picture: picture.resize(size, up),
    ]


def _noise(rng: np.random.Generator, size: Size) -> list[Step]:
    """Gaussian noise of 5 to 60 grey levels; half of it alike in all channels, as film grain is."""
    strength = np.exp(rng.uniform(np.log(5.0), np.log(60.0)))
    channels = 1 if rng.random() < 0.3 else 3
    field = rng.standard_normal((size[1], size[0], channels), dtype=np.float32) * np.float32(strength)
    return [lambda picture: photometry.from_floats(np.asarray(picture, np.float32) + field)]


def _blur(rng: np.random.Generator, size: Size) -> list[Step]:
    """Blur by a Gaussian of 0.8 to 4 pixels."""
    sigma = rng.uniform(0.8, 4.0)
    return [lambda picture: photometry.blur(picture, sigma)]


def _pixelation(rng: np.random.Generator, size: Size) -> list[Step]:
    """Reduce by 2 to 6 and enlarge again, with hard or soft edges."""
    factor = rng.uniform(2.0, 6.0)
    down, up = (photometry.FILTERS[i] for i in rng.integers(2, size=2))
    return [lambda picture: photometry.resample(picture, 1 / factor, down, up)]


def _blocks(rng: np.random.Generator, size: Size) -> list[Step]:
    """Cover 4 to 60 squares with one colour each, as lost blocks of a transmission are."""
    count, side = int(rng.integers(4, 61)), int(rng.integers(4, 13))
    places = rng.integers(0, np.maximum(1, np.array(size) - side), size=(count, 2))
    grey = rng.random() < 0.6
    colours = np.full((count, 3), 128) if grey else rng.integers(0, 256, size=(count, 3))

    def cover(picture: Image.Image) -> Image.Image:
        covered = picture.copy()
        pen = ImageDraw.Draw(covered)
        for (x, y), colour in zip(places.tolist(), colours.tolist(), strict=True):
            pen.rectangle((x, y, x + side - 1, y + side - 1), fill=tuple(colour))
        return covered

    return [cover]


def _fog(rng: np.random.Generator, size: Size) -> list[Step]:
    """Mix in a smooth bright veil of 0.2 to 0.7."""
    veil = _smooth_field(rng, size, 4)
    strength = rng.uniform(0.2, 0.7)
    share = (strength * (0.5 + 0.5 * veil))[..., None]
    colour = np.float32(rng.uniform(170, 250))
    return [
        lambda picture: photometry.from_floats(np.asarray(picture, np.float32) * (1 - share) + colour * share)
    ]


def _rain_or_snow(rng: np.random.Generator, size: Size) -> list[Step]:
    """Draw bright streaks or flakes over the picture and soften them."""
    snow = rng.random() < 0.5
    layer = Image.new("L", size)
    pen = ImageDraw.Draw(layer)
    count = int(rng.integers(20, 200))
    angle = rng.uniform(-0.5, 0.5)
    for x, y in rng.uniform(0, 1, size=(count, 2)) * size:
        if snow:
            radius = rng.uniform(0.5, 3.0)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=int(rng.integers(150, 256)))
        else:
            length = rng.uniform(4, 24)
            end = (x + length * np.sin(angle), y + length * np.cos(angle))
            pen.line((x, y, *end), fill=int(rng.integers(90, 220)), width=1)
    share = np.asarray(photometry.blur(layer, rng.uniform(0.3, 1.2)), np.float32)[..., None] / 255
    return [
        lambda picture: photometry.from_floats(np.asarray(picture, np.float32) * (1 - share) + 235 * share)
    ]


def _palette(rng: np.random.Generator, size: Size) -> list[Step]:
    """Reduce to 16 to 256 colours with or without dithering, as a GIF has them."""
    colours = int(rng.choice([16, 32, 64, 128, 256]))
    dither = Image.Dither.FLOYDSTEINBERG if rng.random() < 0.6 else Image.Dither.NONE

    def reduce(picture: Image.Image) -> Image.Image:
        palette = picture.quantize(colours)
        return picture.quantize(palette=palette, dither=dither).convert("RGB")

    return [reduce]


def _low_light(rng: np.random.Generator, size: Size) -> list[Step]:
    """Darken to 0.15 to 0.5 of the light and add the sensor's noise."""
    light = np.float32(rng.uniform(0.15, 0.5))
    field = rng.standard_normal((size[1], size[0], 3), dtype=np.float32) * np.float32(rng.uniform(2, 10))
    gain = np.float32(1.0 if rng.random() < 0.6 else rng.uniform(1.0, 1 / light))
    return [lambda picture: photometry.from_floats((np.asarray(picture, np.float32) * light + field) * gain)]


def _enlarged(rng: np.random.Generator, size: Size) -> list[Step]:
    """Enlarge a face that was 24 to 80 pixels large, often after a JPEG of that size."""
    side = rng.uniform(24, 80)
    factor = min(1.0, side / max(size))
    quality = int(rng.integers(30, 96))
    coded = rng.random() < 0.6

    def enlarge(picture: Image.Image) -> Image.Image:
        small = picture.resize(
            (max(8, round(size[0] * factor)), max(8, round(size[1] * factor))), Image.Resampling.BICUBIC
        )
        if coded:
            small = codecs.compress_jpeg(small, quality)
        return small.resize(size, Image.Resampling.BICUBIC)

    return [enlarge]


def _twice_coded(rng: np.random.Generator, size: Size) -> list[Step]:
    """Code as JPEG twice, or as coarse H.264: what the web does to what it is given."""
    if rng.random() < 0.5:
        crf = int(rng.integers(30, 43))
        return [lambda picture: codecs.compress_video(picture, crf)]
    first, second = (int(quality) for quality in rng.integers(12, 90, size=2))
    return [lambda picture: codecs.compress_jpeg(codecs.compress_jpeg(picture, first), second)]


DEGRADATIONS: dict[str, Callable[[np.random.Generator, Size], list[Step]]] = {
    "noise": _noise,
    "more noise": _noise,  # Twice: what costs most, on material that was not trained on.
    "blur": _blur,
    "pixelation": _pixelation,
    "blocks": _blocks,
    "fog": _fog,
    "rain or snow": _rain_or_snow,
    "palette": _palette,
    "low light": _low_light,
    "enlarged": _enlarged,
    "coded twice": _twice_coded,
}


def _smooth_field(rng: np.random.Generator, size: Size, cells: int) -> np.ndarray:
    """Return a smooth random field (height, width) float32 in [-1, 1]."""
    coarse = rng.uniform(-1, 1, size=(cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)).clip(-1, 1)
