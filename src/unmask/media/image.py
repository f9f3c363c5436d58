"""Images by Pillow: checked by their header, turned upright, and brought to 8 bit RGB."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unmask.media.frame import Frame, Limits, MediaError, MediaInfo
from unmask.media.source import Media

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from PIL import Image

_ORIENTATION_TAG = 0x0112
_TRANSPOSE_BY_ORIENTATION = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


class ImageMedia(Media):
    """An image file; ``sample`` gives its only (or first) picture.

    Parameters
    ----------
    path
        A plain file.
    formats
        Pillow's formats that may read it.
    limits
        Bounds on the image's pixels, checked on the header before any pixel is decoded.

    Raises
    ------
    MediaError
        When the header cannot be read or breaks a limit.
    """

    def __init__(self, path: Path, formats: tuple[str, ...], limits: Limits) -> None:
        with _pillow_errors():
            from PIL import Image

            self._image = Image.open(path, formats=formats)
        width, height = self._image.size
        if width * height > limits.image_pixels:
            self.close()
            raise MediaError("too_large", f"{width}x{height} pixels; the limit is {limits.image_pixels}")
        self.info = MediaInfo("image", width, height, codec=(self._image.format or "").lower(), frames=1)

    @property
    def animated(self) -> bool:
        """Whether the file holds more than one picture."""
        with _pillow_errors():
            return bool(getattr(self._image, "is_animated", False))

    def sample(self, count: int) -> Iterator[Frame]:
        """Give the picture as one frame, whatever the count."""
        if count < 1:
            raise ValueError("count must be at least 1")
        with _pillow_errors():
            self._image.load()
            pixels = _upright(_eight_bit_rgb(self._image), self._image)
        yield Frame(0, 0.0, pixels)

    def close(self) -> None:
        """Close the file."""
        self._image.close()


@contextmanager
def _pillow_errors() -> Iterator[None]:
    """Turn whatever Pillow raises on broken input into a MediaError, and keep its warnings quiet."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MediaError:
        raise
    except Image.DecompressionBombError as error:
        raise MediaError("too_large", "more pixels than Pillow opens") from error
    except UnidentifiedImageError as error:
        raise MediaError("unreadable", "the image's header is broken") from error
    except Exception as error:
        # Pillow's plugins raise nearly anything on hostile bytes: OSError, SyntaxError, struct.error,
        # KeyError.
        raise MediaError("unreadable", "the image is broken and cannot be decoded") from error


def _eight_bit_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        image = _eight_bit_grey(image)
    if image.has_transparency_data:
        # Colours under full transparency are arbitrary, so what a viewer would show on white counts.
        picture = image.convert("RGBA")
        paper = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        image = Image.alpha_composite(paper, picture)
    return image.convert("RGB")


def _eight_bit_grey(image: Image.Image) -> Image.Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F":
        # Floating point pictures are stored either in [0, 1] or in [0, 255].
        values = np.nan_to_num(values)
        values = values * (255.0 if values.size and values.max() <= 1.0 else 1.0)
    else:
        values = np.clip(values, 0, 65535) // 257
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _upright(picture: Image.Image, original: Image.Image) -> np.ndarray:
    import numpy as np
    from PIL import Image

    try:
        orientation = original.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        orientation = 1  # Broken EXIF data must not cost the picture.
    transpose = _TRANSPOSE_BY_ORIENTATION.get(orientation)
    if transpose is not None:
        picture = picture.transpose(Image.Transpose[transpose])
    return np.asarray(picture)
