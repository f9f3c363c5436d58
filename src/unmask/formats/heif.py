"""HEIC and HEIF pictures, by pillow-heif (libheif); what it could encode is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from unmask.formats.errors import NO_MEMORY, MediaError

if TYPE_CHECKING:
    from PIL import Image


def open_heif(file: BinaryIO) -> Image.Image:
    """Open the primary picture of a file, upright already, and none of its other pictures, thumbnails and depth maps.

    The library is loaded here, by the first file that needs it: the decoding process may read its folder. Pillow's own
    list of formats is not changed.

    Parameters
    ----------
    file
        At its beginning.

    Raises
    ------
    MediaError
        ``unsupported`` where the library cannot be loaded, or does not know the coding.
    """
    try:
        from pillow_heif import HeifImageFile, options
    except ImportError as error:
        raise MediaError("unsupported", "HEIC images need pillow-heif, which cannot be loaded") from error
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    try:
        image: Image.Image = HeifImageFile(file)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise _refusal(error) from error
    return image


def load_heif(image: Image.Image) -> None:
    """Decode the picture.

    Parameters
    ----------
    image
        Of `open_heif`.

    Raises
    ------
    MediaError
        When it cannot be decoded.
    """
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> MediaError:
    """Return what libheif's message means: it tells unknown codings and its own limits from broken files."""
    text = str(error).lower()
    if "security limit" in text or "memory" in text:
        return MediaError("too_large", NO_MEMORY)
    if "unsupported file" in text or "unsupported feature" in text or "not identified" in text:
        return MediaError("unsupported", "a HEIF image in a coding that is not read; save it as JPEG or PNG")
    return MediaError("unreadable", "the image is broken and cannot be decoded")
