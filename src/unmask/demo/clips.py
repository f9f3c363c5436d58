"""Short clips of one public-domain portrait: as it is, or with its face blended with a changed copy."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageFilter

Pixels = np.ndarray

FACE = (178.0, 62.0, 284.0, 192.0)
_SOFTNESS = 0.25  # Width of the ellipse's edge, in its radii.
"""Box around the portrait's face, brow to chin and ear to ear: (x0, y0, x1, y1) in its 512 x 512 pixels."""


def portrait() -> Image.Image:
    """Open the portrait: 512 x 512 RGB; its licence is in ``portrait.txt`` beside it."""
    with files("unmask.demo").joinpath("portrait.jpg").open("rb") as file:
        return Image.open(file).convert("RGB")


def with_blended_face(picture: Image.Image) -> Image.Image:
    """Blend the face with a changed copy of the whole picture, as a face swap does, without another person.

    The copy is enlarged about the face, shifted, warmer and softer; it is laid in through an ellipse with a
    soft edge (self-blended images, Shiohara and Yamasaki 2022). Size stays.

    Parameters
    ----------
    picture
        RGB; its face lies in `FACE`.
    """
    x0, y0, x1, y1 = FACE
    centre, size = ((x0 + x1) / 2, (y0 + y1) / 2), (x1 - x0, y1 - y0)
    scale, shift = 1.06, (0.03 * size[0], -0.02 * size[1])
    inverse = (
        *(1 / scale, 0.0, centre[0] - (centre[0] + shift[0]) / scale),
        *(0.0, 1 / scale, centre[1] - (centre[1] + shift[1]) / scale),
    )
    copy = picture.transform(picture.size, Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC)
    pixels = np.asarray(copy.filter(ImageFilter.GaussianBlur(0.8)), np.float32)
    warmer = np.clip(pixels * (1.05, 0.98, 0.92) + (6, 0, -6), 0, 255)
    mask = _soft_ellipse(picture.size, centre, (0.46 * size[0], 0.46 * size[1]))[..., None]
    blended = np.asarray(picture, np.float32) * (1 - mask) + warmer * mask
    return Image.fromarray(np.rint(blended).astype(np.uint8))


def write_clip(
    path: str | Path,
    picture: Image.Image,
    size: tuple[int, int] = (640, 640),
    seconds: float = 4.0,
    frame_rate: int = 25,
) -> None:
    """Write an H.264 clip in which a camera slowly moves over a picture.

    It has two key frames and B frames between, as clips of cameras and platforms have.

    Parameters
    ----------
    path
        Of the clip.
    picture
        RGB.
    size
        (width, height) of the clip, even numbers.
    seconds
        Its length.
    frame_rate
        Frames a second.
    """
    frames = round(seconds * frame_rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=frame_rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast", "g": str((frames + 1) // 2), "bf": "2"}
        for pixels in _moving(picture, size, frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def _moving(picture: Image.Image, size: tuple[int, int], count: int) -> Iterator[Pixels]:
    """Show ``count`` frames of a window that wanders over the picture and comes closer."""
    width, height = picture.size
    fit = min(width / size[0], height / size[1])
    for moment in np.linspace(0, 1, count):
        zoom = 0.97 - 0.12 * moment
        view = (fit * size[0] * zoom, fit * size[1] * zoom)
        x = (width - view[0]) * (0.5 + 0.3 * np.sin(2 * np.pi * moment))
        y = (height - view[1]) * 0.3 * (1 - moment)
        box = (x, y, x + view[0], y + view[1])
        yield np.asarray(picture.resize(size, Image.Resampling.BICUBIC, box=box))


def _soft_ellipse(size: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float]) -> Pixels:
    """Return a mask (height, width) float in [0, 1]: 1 inside an ellipse, falling to 0 over its edge."""
    y, x = np.mgrid[: size[1], : size[0]]
    distance = np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1])
    ramp = np.clip((1 + _SOFTNESS / 2 - distance) / _SOFTNESS, 0, 1)
    smooth: Pixels = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    return smooth
