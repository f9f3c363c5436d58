"""Images by Pillow: checked by their header, turned upright, and brought to 8 bit RGB."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unmask.media.facts import FileFacts, facts_of_image
from unmask.media.frame import Limits, MediaError, MediaInfo
from unmask.media.picture import CHANNELS, Picture
from unmask.media.sampling import Sampling
from unmask.media.source import DecodedMedia

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

_STRIP_BYTES = 4_000_000
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


class ImageMedia(DecodedMedia):
    """An image file; ``sample`` gives its only (or first) picture.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    formats
        Pillow's formats that may read it.
    limits
        Bounds on the image's pixels, checked on the header before any pixel is decoded.

    Raises
    ------
    MediaError
        When the header cannot be read or breaks a limit.
    """

    def __init__(self, source: Path | int, formats: tuple[str, ...], limits: Limits) -> None:
        with _pillow_errors():
            from PIL import Image

            if isinstance(source, int):
                os.lseek(source, 0, os.SEEK_SET)
            self._file = open(source, "rb", closefd=not isinstance(source, int))  # noqa: SIM115
            try:
                self._image = Image.open(self._file, formats=formats)
            except BaseException:
                self._file.close()
                raise
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

    def pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Give the only (or first) picture, whatever the order; none when it was taken already."""
        if sampling.taken:
            return
        with _pillow_errors():
            self._image.load()
            upright = _upright(_eight_bit_rgb(self._image), self._image)
        yield Picture(0.0, upright.width, upright.height, _strips(upright))

    def facts(self) -> FileFacts:
        """Read the technical facts that the header states."""
        with _pillow_errors():
            return facts_of_image(self._image)

    def close(self) -> None:
        """Close the file."""
        self._image.close()
        self._file.close()


def _strips(image: Image.Image) -> Iterator[bytes]:
    """Give the pixels in strips of a few megabytes, so that no second copy of the whole is made."""
    rows = max(1, _STRIP_BYTES // (CHANNELS * image.width))
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        yield image.crop((0, top, image.width, bottom)).tobytes()


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
    except MemoryError as error:
        raise MediaError("too_large", "decoding it takes more memory than is allowed") from error
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
        picture = image if image.mode == "RGBA" else image.convert("RGBA")
        paper = Image.new("RGB", picture.size, (255, 255, 255))
        paper.paste(picture, mask=picture)
        return paper
    return image if image.mode == "RGB" else image.convert("RGB")  # Converting copies, whatever the mode.


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


def _upright(picture: Image.Image, original: Image.Image) -> Image.Image:
    from PIL import Image

    try:
        orientation = original.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        orientation = 1  # Broken EXIF data must not cost the picture.
    transpose = _TRANSPOSE_BY_ORIENTATION.get(orientation)
    return picture if transpose is None else picture.transpose(Image.Transpose[transpose])
