"""Draws the layers of an animation onto its canvas, as browsers do."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from io import BytesIO

from PIL import Image

from unmask.formats.errors import MediaError
from unmask.formats.layers import Animation, Layer
from unmask.formats.stills import displayed, pillow_errors

# Pixels that a layer counts for at least: opening one costs as much as decoding so many.
_LEAST_WORK = 100_000


class Canvas:
    """The canvas of one animation; it goes forward from the last picture drawn where that is possible.

    Parameters
    ----------
    animation
        Its layers.
    pillow_format
        Pillow's format of the layers.
    most_pixels
        Larger layers are not decoded.
    spend
        Called with the pixels of each layer before it is decoded; what it raises ends the drawing.
    """

    def __init__(
        self, animation: Animation, pillow_format: str, most_pixels: int, spend: Callable[[int], None]
    ) -> None:
        self._animation = animation
        self._format = pillow_format
        self._most_pixels = most_pixels
        self._spend = spend
        self._key_numbers = animation.keys
        self._canvas: Image.Image | None = None
        self._drawn = -1
        self._behind: Image.Image | None = None

    def picture(self, number: int) -> Image.Image | None:
        """Draw the layers up to a number, from the last one that depends on none before it.

        Parameters
        ----------
        number
            Of the layer, from 0.

        Returns
        -------
        PIL.Image.Image or None
            The picture as RGB; None when its layer cannot be decoded.
        """
        key = self._key_numbers[bisect_right(self._key_numbers, number) - 1]
        if self._canvas is None or self._drawn > number or key > self._drawn:
            self._canvas = Image.new("RGBA", (self._animation.width, self._animation.height))
            self._canvas.info["exif"] = self._animation.exif
            self._behind = None
            self._drawn = key - 1
            clean = True
        else:
            clean = False
        whole = True
        while self._drawn < number:
            if not clean:
                self._dispose(self._canvas, self._animation.layers[self._drawn])
            clean = False
            self._drawn += 1
            whole = self._draw(self._canvas, self._animation.layers[self._drawn])
        return displayed(self._canvas) if whole else None

    def _dispose(self, canvas: Image.Image, layer: Layer) -> None:
        """Take a layer away as it asks."""
        if layer.disposal == "clear":
            right, bottom = layer.left + layer.width, layer.top + layer.height
            canvas.paste((0, 0, 0, 0), (layer.left, layer.top, right, bottom))
        elif layer.disposal == "restore" and self._behind is not None:
            canvas.paste(self._behind, (layer.left, layer.top))
        self._behind = None

    def _draw(self, canvas: Image.Image, layer: Layer) -> bool:
        """Draw a layer, and return whether it can be decoded."""
        self._spend(max(_LEAST_WORK, layer.width * layer.height))
        right, bottom = (
            min(layer.left + layer.width, canvas.width),
            min(layer.top + layer.height, canvas.height),
        )
        if right <= layer.left or bottom <= layer.top:
            return True  # Outside of the canvas.
        if layer.disposal == "restore":
            self._behind = canvas.crop((layer.left, layer.top, right, bottom))
        if layer.width * layer.height > self._most_pixels:
            return False
        try:
            with (
                pillow_errors(),
                Image.open(BytesIO(self._animation.extract(layer)), formats=(self._format,)) as image,
            ):
                picture = _rgba(image).crop((0, 0, right - layer.left, bottom - layer.top))
        except MediaError as error:
            if error.status == "too_large":
                raise
            return False
        if layer.over:
            canvas.alpha_composite(picture, (layer.left, layer.top))
        else:
            canvas.paste(picture, (layer.left, layer.top))
        return True


def _rgba(image: Image.Image) -> Image.Image:
    """Decode a layer."""
    image.load()
    if image.mode.startswith(("I", "F")):
        image = displayed(image)
    return image if image.mode == "RGBA" else image.convert("RGBA")
