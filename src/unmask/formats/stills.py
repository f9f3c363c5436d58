"""Still pictures by Pillow: their header, their pixels as viewers show them, and what its errors mean."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from unmask.formats.errors import NO_MEMORY, MediaError
from unmask.formats.jpeg import unread_coding, without_stray_bytes
from unmask.formats.partial import PartialImage
from unmask.formats.sample_range import eight_bit, range_of

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

_STRIP_BYTES = 4_000_000
_MISSING = (128, 128, 128)
_ORIENTATION_TAG = 0x0112
_SAMPLE_BITS_TAG, _PHOTOMETRIC_TAG, _SAMPLE_FORMAT_TAG = 258, 262, 339
_SAMPLE_LETTERS = {1: "u", 2: "i", 3: "f"}
_TRANSPOSE_BY_ORIENTATION = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def strips_of(image: Image.Image) -> Iterator[bytes]:
    """Yield the pixels in strips of a few megabytes, so that no second copy of the whole is made.

    Parameters
    ----------
    image
        Loaded.
    """
    rows = max(1, _STRIP_BYTES // (len(image.getbands()) * image.width))
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        yield image.crop((0, top, image.width, bottom)).tobytes()


def opened_image(file: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    """Open a picture, reading no more than its header.

    Parameters
    ----------
    file
        At its beginning.
    formats
        Pillow's formats as which it is read.

    Raises
    ------
    MediaError
        ``unsupported`` for a coding that is not read.
    """
    from PIL import Image

    if formats == ("HEIF",):
        from unmask.formats.heif import open_heif

        return open_heif(file)
    if formats == ("AVIF",):
        from PIL.AvifImagePlugin import AvifImageFile

        return AvifImageFile(file)  # Image.open knows it by some of its brands only.
    if formats == ("TIFF",):
        from unmask.formats.tiff import AnyTiffImageFile

        return AnyTiffImageFile(file)
    if "JPEG" in formats:
        file = without_stray_bytes(file)
    try:
        return Image.open(file, formats=formats)
    except Exception:
        if "JPEG" in formats and (what := unread_coding(file)) is not None:
            raise MediaError("unsupported", what) from None
        raise


def load_image(image: Image.Image, most_pixels: int) -> None:
    """Decode a picture; what it really is may be larger than its header said.

    Parameters
    ----------
    image
        Opened.
    most_pixels
        Allowed.

    Raises
    ------
    MediaError
        ``too_large`` beyond them; HEIC as `load_heif`.
    """
    if image.format == "HEIF":
        from unmask.formats.heif import load_heif

        load_heif(image)
    else:
        image.load()
    check_pixels(image, most_pixels)


def check_pixels(image: Image.Image, most_pixels: int) -> None:
    """Check the size of a picture.

    Parameters
    ----------
    image
        Opened.
    most_pixels
        Allowed.

    Raises
    ------
    MediaError
        ``too_large`` beyond them.
    """
    width, height = image.size
    if width * height > most_pixels:
        raise MediaError("too_large", f"{width}x{height} pixels; the limit is {most_pixels}")


def displayed(image: Image.Image) -> Image.Image:
    """Return a loaded picture as viewers show it: upright, in 8 bit RGB, on white.

    Parameters
    ----------
    image
        Loaded.
    """
    return _upright(_eight_bit_rgb(image), image)


def displayed_part(partial: PartialImage) -> Image.Image:
    """Return the decoded part of a picture as viewers show it; the rest is grey.

    Parameters
    ----------
    partial
        What could be decoded.
    """
    picture = _eight_bit_rgb(partial.image)
    for top, bottom in ((0, partial.top), (partial.bottom, picture.height)):
        picture.paste(_MISSING, (0, top, picture.width, bottom))
    return _upright(picture, partial.image)


def present_box(partial: PartialImage) -> tuple[int, int, int, int] | None:
    """Return where, in the upright picture, the decoded pixels are; None for everywhere.

    Parameters
    ----------
    partial
        What could be decoded.

    Returns
    -------
    (left, top, right, bottom)
        In pixels.
    """
    from PIL import Image

    width, height = partial.image.size
    if (partial.top, partial.bottom) == (0, height):
        return None
    mask = Image.new("L", (width, height))
    mask.paste(255, (0, partial.top, width, partial.bottom))
    return _upright(mask, partial.image).getbbox()


@contextmanager
def pillow_errors() -> Iterator[None]:
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
        raise MediaError("too_large", NO_MEMORY) from error
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
    """Bring deep samples of grey to 8 bits, in bands of rows so that no second copy of the whole is made."""
    import numpy as np
    from PIL import Image

    kind, bits = _sample_type(image)
    rows = max(1, _STRIP_BYTES // (4 * image.width))
    boxes = [(0, top, image.width, min(top + rows, image.height)) for top in range(0, image.height, rows)]

    def band(box: tuple[int, int, int, int]) -> np.ndarray:
        values = np.asarray(image.crop(box))
        return values.view(np.uint32) if (kind, bits) == ("u", 32) else values

    black, white = range_of((band(box) for box in boxes), kind, bits)
    grey = Image.new("L", image.size)
    for box in boxes:
        grey.paste(Image.fromarray(eight_bit(band(box), black, white)), box)
    return grey.point(lambda value: 255 - value) if _zero_is_white(image) else grey


def _sample_type(image: Image.Image) -> tuple[str, int]:
    """Return the letter (u, i, f) and the bits of a picture's samples, by a TIFF's tags or else by Pillow's mode."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        return _SAMPLE_LETTERS.get(tags.get(_SAMPLE_FORMAT_TAG, (1,))[0], "u"), tags.get(
            _SAMPLE_BITS_TAG, (16,)
        )[0]
    return {"F": ("f", 32), "I": ("i", 32)}.get(image.mode, ("u", 16))


def _zero_is_white(image: Image.Image) -> bool:
    """Return whether a TIFF says so; Pillow gives deep samples as they are stored."""
    return bool(getattr(image, "tag_v2", {}).get(_PHOTOMETRIC_TAG, 1) == 0)


def _upright(picture: Image.Image, original: Image.Image) -> Image.Image:
    from PIL import Image

    try:
        orientation = original.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        orientation = 1  # Broken EXIF data must not cost the picture.
    transpose = _TRANSPOSE_BY_ORIENTATION.get(orientation)
    return picture if transpose is None else picture.transpose(Image.Transpose[transpose])
