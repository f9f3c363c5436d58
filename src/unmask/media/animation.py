"""Files of image formats: a single picture, or an animation (GIF, PNG, WebP, AVIF), by the first reader that can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from unmask.formats.errors import MediaError
from unmask.formats.facts import FileFacts
from unmask.formats.layers import Animation, gif_animation, may_be_animated, png_animation, webp_animation
from unmask.formats.stills import pillow_errors
from unmask.media.animated import ENDS_EARLY, SLOWNESS, AvifMedia, LayeredMedia
from unmask.media.frame import Limits
from unmask.media.image import ImageMedia
from unmask.media.picture import Picture
from unmask.media.sampling import Sampling
from unmask.media.source import DecodedMedia, opened
from unmask.media.video import VideoMedia

if TYPE_CHECKING:
    from pathlib import Path

_NO_PICTURE = "the image is broken and cannot be decoded"
_READERS: dict[str, Callable[[bytes], Animation | None]] = {"PNG": png_animation, "WEBP": webp_animation}


def open_image_or_animation(source: Path | int, formats: tuple[str, ...], limits: Limits) -> DecodedMedia:
    """Open a file of an image format, which may hold one picture or many over time.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    formats
        Pillow's formats that may read it.
    limits
        Bounds on the file.

    Raises
    ------
    MediaError
        When it cannot be opened or breaks a limit.
    """
    if formats == ("GIF",):
        return _gif(source, limits)
    if formats in (("PNG",), ("WEBP",)) and _is_animated(source):
        animation = _READERS[formats[0]](_content(source))
        if animation is not None and (len(animation.layers) > 1 or animation.hides_still):
            return _animated(source, formats, animation, limits)
    image = ImageMedia(source, formats, limits)
    if formats == ("AVIF",) and image.animated and _fits(image.info.width, image.info.height, limits):
        image.close()
        return AvifMedia(source, limits)
    return image


def _animated(
    source: Path | int, formats: tuple[str, ...], animation: Animation, limits: Limits
) -> DecodedMedia:
    """Open an animation; of one that is larger than videos may be, the first picture counts."""
    if _fits(animation.width, animation.height, limits):
        return LayeredMedia(source, formats, animation, limits)
    return ImageMedia(source, formats, limits)


def _fits(width: int, height: int, limits: Limits) -> bool:
    return width * height <= min(limits.video_side**2, limits.image_pixels)


def _gif(source: Path | int, limits: Limits) -> DecodedMedia:
    """Open a GIF file by Pillow where it is a still, else by FFmpeg; what one of them refuses the other may read."""
    fewer = replace(limits, decoded_pixels=limits.decoded_pixels // SLOWNESS)
    animation: Animation | None = None

    def by_ffmpeg() -> DecodedMedia:
        if animation is None:
            raise MediaError("unreadable", _NO_PICTURE)  # FFmpeg would give an empty one.
        return VideoMedia(source, ("gif",), fewer)

    def by_layers() -> DecodedMedia:
        if animation is None:
            raise MediaError("unreadable", _NO_PICTURE)
        if not _fits(animation.width, animation.height, limits):
            size = f"{animation.width}x{animation.height}"
            raise MediaError("too_large", f"frames of {size} pixels; the limit is {limits.video_side} a side")
        return LayeredMedia(source, ("GIF",), animation, limits)

    with pillow_errors():
        animation = gif_animation(_content(source))
    try:
        image = ImageMedia(source, ("GIF",), limits)
        moves = image.animated
    except MediaError as error:
        if error.status == "too_large":
            raise
        return EitherMedia(by_layers, by_ffmpeg, still=animation is not None and len(animation.layers) == 1)
    if not moves:
        return EitherMedia(lambda: image, by_layers, by_ffmpeg, still=True)
    image.close()
    if animation is None:
        return VideoMedia(source, ("gif",), fewer)
    readers = [by_ffmpeg, by_layers]
    if animation.enlarged:
        readers.reverse()  # FFmpeg cuts a first picture to the stated size, browsers do not.
    return EitherMedia(*readers, details=(ENDS_EARLY,) if animation.ends_early else ())


class EitherMedia(DecodedMedia):
    """A file that several readers may read: each has its turn where those before it give no picture.

    Parameters
    ----------
    readers
        Each opens the file, or raises MediaError.
    still
        Whether it holds a single picture, whatever a reader says.
    details
        What is to be said about the file.

    Raises
    ------
    MediaError
        The first reader's, when none can open the file.
    """

    def __init__(
        self,
        *readers: Callable[[], DecodedMedia],
        still: bool = False,
        details: tuple[str, ...] = (),
    ) -> None:
        self._readers = list(readers)
        self._media = self._next()
        info = self._media.info
        if still:
            info = replace(info, kind="image", duration=None, frame_rate=None, frames=1)
        self.info = replace(info, details=tuple(dict.fromkeys(info.details + details)))

    def pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Return the pictures of the first reader that gives any."""
        first: MediaError | None = None
        while True:
            given = False
            try:
                for picture in self._media.pictures(sampling):
                    given = True
                    yield picture
                return
            except MediaError as error:
                if given:
                    raise
                first = first or error
            self._media.close()
            try:
                self._media = self._next()
            except MediaError:
                raise first from None

    def facts(self) -> FileFacts:
        """Read the technical facts that the header states."""
        return self._media.facts()

    def close(self) -> None:
        """Close the file."""
        self._media.close()

    def _next(self) -> DecodedMedia:
        first: MediaError | None = None
        while self._readers:
            try:
                return self._readers.pop(0)()
            except MediaError as error:
                first = first or error
        raise first or MediaError("unreadable", _NO_PICTURE)


def _content(source: Path | int) -> bytes:
    with opened(source) as file:
        return file.read()


def _is_animated(source: Path | int) -> bool:
    with opened(source) as file:
        return may_be_animated(file)
