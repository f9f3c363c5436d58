"""Images: one picture, checked by its header before any pixel is decoded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from unmask.formats.errors import MediaError
from unmask.formats.facts import FileFacts, facts_of_image
from unmask.formats.jpeg import without_stray_bytes
from unmask.formats.origin import marks_of_image
from unmask.formats.partial import PartialImage, has_empty_tail, partial_image
from unmask.formats.stills import (
    check_pixels,
    displayed,
    displayed_part,
    load_image,
    opened_image,
    pillow_errors,
    present_box,
    strips_of,
)
from unmask.media.frame import Limits, MediaInfo
from unmask.media.picture import Picture
from unmask.media.sampling import Sampling
from unmask.media.source import DecodedMedia

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

_KEPT_IN_PART = ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP")


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
            check_pixels(self._image, limits.image_pixels)
        except MediaError:
            self.close()
            raise
        width, height = self._image.size
        codec = (self._image.format or "").lower()
        marks = marks_of_image(self._image)
        self.info = MediaInfo("image", width, height, codec=codec, frames=1, marks=marks)

    def _header(self) -> Image.Image:
        """Read the header; of WebP, which Pillow opens whole or not at all, what is there."""
        try:
            return opened_image(self._file, self._formats)
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
            upright = displayed(self._image) if partial is None else displayed_part(partial)
            present = None if partial is None else present_box(partial)
        yield Picture(0.0, upright.width, upright.height, strips_of(upright), present=present)
        if partial is not None:
            raise MediaError("unreadable", partial.detail)

    def _loaded(self) -> PartialImage | None:
        """Decode the picture; return what is there of it where that is not all."""
        if self._partial is None:
            try:
                load_image(self._image, self._limits.image_pixels)
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
