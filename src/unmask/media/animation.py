"""Animated GIF, PNG, WebP and AVIF files: frames over time, composed as browsers compose them."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from unmask.formats.errors import MediaError
from unmask.formats.facts import FileFacts
from unmask.formats.layers import Animation, Layer, gif_animation, png_animation, webp_animation
from unmask.media import plan
from unmask.media.frame import Limits, MediaInfo
from unmask.media.image import ImageMedia, displayed, pillow_errors, strips_of
from unmask.media.picture import Picture
from unmask.media.sampling import Sampling
from unmask.media.source import DecodedMedia
from unmask.media.video import VideoMedia

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

SLOWNESS = (
    8  # A frame depends on those before it and is decoded on one thread, so many times slower than a video's.
)

HELD_SECONDS = 0.25  # Pictures that are held so long in the mean are slides.

_LEAST_WORK = (
    100_000  # Pixels that a layer counts for at least: opening one costs as much as decoding so many.
)
_READERS: dict[str, Callable[[bytes], Animation | None]] = {
    "GIF": gif_animation,
    "PNG": png_animation,
    "WEBP": webp_animation,
}


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
    if formats in (("PNG",), ("WEBP",)) and _may_be_animated(source):
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
    return EitherMedia(*readers, details=(_ENDS_EARLY,) if animation.ends_early else ())


_NO_PICTURE = "the image is broken and cannot be decoded"
_ENDS_EARLY = "the file breaks off; the pictures that are whole were looked at"


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
        raise first or MediaError("unreadable", "the image is broken and cannot be decoded")


class AnimatedMedia(DecodedMedia):
    """An animation whose frames' times are known before any is decoded.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    formats
        Pillow's formats that may read it.
    limits
        Bounds on the work.
    """

    def __init__(self, source: Path | int, formats: tuple[str, ...], limits: Limits) -> None:
        self._source = source
        self._formats = formats
        self._limits = limits
        self._pixels_left = limits.decoded_pixels // SLOWNESS

    @abstractmethod
    def _times(self) -> list[float]:
        """Return when each frame comes up, in seconds, and when the last one ends."""

    @abstractmethod
    def _frame(self, number: int) -> Image.Image | None:
        """Return a frame as RGB; None when it cannot be decoded."""

    def pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Return pictures by the plan of short videos; only what they need is decoded."""
        chosen = self._chosen(sampling)
        self._pixels_left = self._limits.decoded_pixels // SLOWNESS
        given = broken = 0
        for time, number in chosen:
            try:
                with pillow_errors():
                    frame = self._frame(number)
            except MediaError as error:
                if given and sampling.every_frame and error.status == "too_large":
                    return
                raise
            if frame is None:
                broken += 1
                continue
            given += 1
            yield Picture(time, frame.width, frame.height, strips_of(frame))
        if given == 0 and chosen:
            raise MediaError("unreadable", "no frame of the animation can be decoded")
        if broken and not sampling.every_frame:
            raise MediaError("unreadable", f"{broken} of {len(chosen)} frames cannot be decoded")

    def _chosen(self, sampling: Sampling) -> list[tuple[float, int]]:
        """Choose the frames, as (seconds, number), from their times alone."""
        times = self._times()
        end = times.pop()
        shown = [(time, number) for number, time in enumerate(times)]
        if sampling.every_frame:
            return [(time, number) for time, number in shown if time <= sampling.end(0.0, math.inf)]
        if not sampling.near_keyframes:
            return list(plan.nearest(shown, sampling.moments(0.0, end)))
        if end < HELD_SECONDS * len(times):
            survey = plan.Survey(0.0, end, len(times), ((0, 0.0),))
            return list(plan.following(shown, plan.cheap_moments(survey, sampling.parts(0.0, end))))
        # Slides: what is on show in the middle of each part, each picture once.
        numbers = {bisect_right(times, (low + high) / 2) - 1 for low, high in sampling.parts(0.0, end)}
        return [shown[number] for number in sorted(numbers) if shown[number][0] not in sampling.exclude]

    def _spend(self, pixels: int) -> None:
        """Count work; MediaError beyond the limit."""
        self._pixels_left -= pixels
        if self._pixels_left < 0:
            raise MediaError("too_large", "decoding more of the animation takes too much work")

    def facts(self) -> FileFacts:
        """Read the technical facts that the header states."""
        with ImageMedia(self._source, self._formats, self._limits) as image:
            facts = image.facts()
        duration, frames = self.info.duration, self.info.frames
        streams = tuple(
            replace(stream, kind="video", frames=frames, frame_rate=self.info.frame_rate)
            for stream in facts.streams
        )
        return replace(facts, duration=duration, streams=streams)

    def _stated(self, width: int, height: int, codec: str, details: tuple[str, ...] = ()) -> MediaInfo:
        times = self._times()
        frames, duration = len(times) - 1, times[-1]
        if frames == 1:
            return MediaInfo("image", width, height, codec=codec, frames=1, details=details)
        return MediaInfo("video", width, height, duration, frames / duration, codec, frames, details)

    def close(self) -> None:
        """Close the file."""


class LayeredMedia(AnimatedMedia):
    """An animated GIF, PNG or WebP file: its layers, decoded one by one by Pillow, drawn onto a canvas.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    formats
        Pillow's format of its layers.
    animation
        Its layers.
    limits
        Bounds on the work.
    """

    def __init__(
        self, source: Path | int, formats: tuple[str, ...], animation: Animation, limits: Limits
    ) -> None:
        super().__init__(source, formats, limits)
        self._animation = animation
        self._key_numbers = animation.keys
        self._canvas: Image.Image | None = None
        self._drawn = -1
        self._behind: Image.Image | None = None
        details = (_ENDS_EARLY,) if animation.ends_early else ()
        self.info = self._stated(animation.width, animation.height, formats[0].lower(), details)

    def _times(self) -> list[float]:
        return self._animation.times

    def _frame(self, number: int) -> Image.Image | None:
        """Draw the layers up to a number, from the last one that depends on none before it."""
        from bisect import bisect_right

        from PIL import Image

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
        """Draw a layer; tell whether it can be decoded."""
        from PIL import Image

        self._spend(max(_LEAST_WORK, layer.width * layer.height))
        right, bottom = (
            min(layer.left + layer.width, canvas.width),
            min(layer.top + layer.height, canvas.height),
        )
        if right <= layer.left or bottom <= layer.top:
            return True  # Outside of the canvas.
        if layer.disposal == "restore":
            self._behind = canvas.crop((layer.left, layer.top, right, bottom))
        if layer.width * layer.height > self._limits.image_pixels:
            return False
        try:
            with (
                pillow_errors(),
                Image.open(BytesIO(self._animation.extract(layer)), formats=self._formats) as image,
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


class AvifMedia(AnimatedMedia):
    """An AVIF image sequence, by Pillow; its frames' times by FFmpeg.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    limits
        Bounds on the work.
    """

    def __init__(self, source: Path | int, limits: Limits) -> None:
        super().__init__(source, ("AVIF",), limits)
        self._decoded = -1
        with pillow_errors():
            from PIL import Image

            self._file = _opened(source)
            self._image = Image.open(self._file, formats=("AVIF",))
            frames: int = self._image.n_frames  # type: ignore[attr-defined]
        self._stamps = _avif_times(source, frames)
        self.info = self._stated(*self._image.size, "avif")

    def _times(self) -> list[float]:
        return list(self._stamps)

    def _frame(self, number: int) -> Image.Image | None:
        behind = number - self._decoded if number > self._decoded else number + 1
        self._spend(behind * self._image.width * self._image.height)
        self._decoded = number
        try:
            with pillow_errors():
                self._image.seek(number)
                self._image.load()
                return displayed(self._image)
        except MediaError as error:
            if error.status == "too_large":
                raise
            return None

    def close(self) -> None:
        """Close the file."""
        self._image.close()
        self._file.close()


def _avif_times(source: Path | int, frames: int) -> list[float]:
    """Return when each frame of an AVIF sequence comes up, and when the last one ends; in tenths where nothing says."""
    import av
    from av.error import FFmpegError

    try:
        with _opened(source) as file, av.open(file, format="mov") as container:
            streams = [stream for stream in container.streams.video if stream.frames == frames]
            packets = [p for p in container.demux(streams[0]) if p.pts is not None][:frames]
            times = sorted(float((p.pts or 0) * (p.time_base or 0)) for p in packets)
            end = times[-1] + float((packets[-1].duration or 0) * (packets[-1].time_base or 0))
            start = times[0]
    except (FFmpegError, IndexError, ValueError):
        times = []
    if len(times) < frames or len(set(times)) < frames:
        return [number * 0.1 for number in range(frames + 1)]
    return [time - start for time in times] + [max(end, times[-1] + 1e-3) - start]


def _rgba(image: Image.Image) -> Image.Image:
    """Decode a layer."""
    image.load()
    if image.mode.startswith(("I", "F")):
        image = displayed(image)
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _may_be_animated(source: Path | int) -> bool:
    """Return whether the header of a PNG or WebP file says that it is animated."""
    with _opened(source) as file:
        head = file.read(21)
        if head[:4] == b"RIFF":
            return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 0x02)
        place = 8
        while True:
            file.seek(place)
            chunk = file.read(8)
            if len(chunk) < 8 or chunk[4:] in (b"IDAT", b"IEND"):
                return False
            if chunk[4:] == b"acTL":
                return True
            place += 12 + int.from_bytes(chunk[:4], "big")


def _content(source: Path | int) -> bytes:
    with _opened(source) as file:
        return file.read()


def _opened(source: Path | int) -> BinaryIO:
    try:
        if isinstance(source, int):
            os.lseek(source, 0, os.SEEK_SET)
        return open(source, "rb", closefd=not isinstance(source, int))
    except OSError as error:
        raise MediaError("unreadable", (error.strerror or "cannot be opened").lower()) from error
