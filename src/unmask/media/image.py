"""Images by Pillow: checked by their header, turned upright, and brought to 8 bit RGB."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from unmask.formats.errors import MediaError
from unmask.formats.facts import FileFacts, facts_of_image
from unmask.formats.jpeg import unread_coding, without_stray_bytes
from unmask.formats.partial import PartialImage, has_empty_tail, partial_image
from unmask.formats.sample_range import eight_bit, range_of
from unmask.media.frame import Limits, MediaInfo
from unmask.media.picture import CHANNELS, Box, Picture
from unmask.media.sampling import Sampling
from unmask.media.source import DecodedMedia

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

_STRIP_BYTES = 4_000_000
_KEPT_IN_PART = ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP")
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
        with pillow_errors():
            if isinstance(source, int):
                os.lseek(source, 0, os.SEEK_SET)
            self._file = open(source, "rb", closefd=not isinstance(source, int))  # noqa: SIM115
            self._formats, self._limits = formats, limits
            self._partial: PartialImage | None = None
            try:
                self._image = self._header()
            except BaseException:
                self._file.close()
                raise
        try:
            _check_pixels(self._image, limits)
        except MediaError:
            self.close()
            raise
        width, height = self._image.size
        self.info = MediaInfo("image", width, height, codec=(self._image.format or "").lower(), frames=1)

    def _header(self) -> Image.Image:
        """Read the header; of WebP, which Pillow opens whole or not at all, what is there."""
        try:
            return _opened(self._file, self._formats)
        except (OSError, SyntaxError):
            if self._formats != ("WEBP",):
                raise
        self._partial = self._part()
        return self._partial.image

    @property
    def animated(self) -> bool:
        """Whether the file holds more than one picture."""
        with pillow_errors():
            return bool(getattr(self._image, "is_animated", False))

    def pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Return the only (or first) picture, whatever the order; none when it was taken already.

        Of one that breaks off, what is there comes, and then the error that says so.
        """
        if sampling.exclude:
            return
        with pillow_errors():
            partial = self._loaded()
            upright = displayed(self._image) if partial is None else _displayed_part(partial)
            present = None if partial is None else _present(partial)
        yield Picture(0.0, upright.width, upright.height, strips_of(upright), present=present)
        if partial is not None:
            raise MediaError("unreadable", partial.detail)

    def _loaded(self) -> PartialImage | None:
        """Decode the picture; return what is there of it where that is not all."""
        if self._partial is None:
            try:
                _load(self._image, self._limits)
                if self._formats[0] != "JPEG" or not has_empty_tail(self._file):
                    return None
            except (MemoryError, MediaError):
                raise
            except Exception:  # Pillow's plugins raise nearly anything on hostile bytes.
                if self._formats[0] not in _KEPT_IN_PART:
                    raise
                self._image._im = None  # Its memory is needed for the second try.
            self._partial = self._part()
        return self._partial

    def _part(self) -> PartialImage:
        self._file.seek(0)
        file = without_stray_bytes(self._file) if "JPEG" in self._formats else self._file
        return partial_image(file, self._formats, self._limits.image_pixels)

    def facts(self) -> FileFacts:
        """Read the technical facts that the header states."""
        with pillow_errors():
            return facts_of_image(self._image)

    def close(self) -> None:
        """Close the file."""
        self._image.close()
        self._file.close()


def strips_of(image: Image.Image) -> Iterator[bytes]:
    """Return the pixels in strips of a few megabytes, so that no second copy of the whole is made."""
    rows = max(1, _STRIP_BYTES // (CHANNELS * image.width))
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        yield image.crop((0, top, image.width, bottom)).tobytes()


def _opened(file: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    """Open a picture as one of Pillow's formats, reading no more than its header."""
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


def _load(image: Image.Image, limits: Limits) -> None:
    """Decode a picture; what it really is may be larger than its header said."""
    if image.format == "HEIF":
        from unmask.formats.heif import load_heif

        load_heif(image)
    else:
        image.load()
    _check_pixels(image, limits)


def _check_pixels(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.image_pixels:
        raise MediaError("too_large", f"{width}x{height} pixels; the limit is {limits.image_pixels}")


def displayed(image: Image.Image) -> Image.Image:
    """Return a loaded picture as viewers show it: upright, in 8 bit RGB, on white."""
    return _upright(_eight_bit_rgb(image), image)


def _displayed_part(partial: PartialImage) -> Image.Image:
    """Return what is there of a picture as viewers show it; the rest is grey."""
    picture = _eight_bit_rgb(partial.image)
    for top, bottom in ((0, partial.top), (partial.bottom, picture.height)):
        picture.paste(_MISSING, (0, top, picture.width, bottom))
    return _upright(picture, partial.image)


def _present(partial: PartialImage) -> Box | None:
    """Return where, in the upright picture, the decoded pixels are; None for everywhere."""
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
    """Whether a TIFF says so; Pillow gives deep samples as they are stored."""
    return bool(getattr(image, "tag_v2", {}).get(_PHOTOMETRIC_TAG, 1) == 0)


def _upright(picture: Image.Image, original: Image.Image) -> Image.Image:
    from PIL import Image

    try:
        orientation = original.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        orientation = 1  # Broken EXIF data must not cost the picture.
    transpose = _TRANSPOSE_BY_ORIENTATION.get(orientation)
    return picture if transpose is None else picture.transpose(Image.Transpose[transpose])
