"""Which of several streams is read: the one that a player shows or plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmask.formats.errors import MediaError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Codings of single pictures: where a container counts no frames, they tell a cover that is not marked as one.
_PICTURE_CODECS = frozenset({"mjpeg", "png", "bmp", "gif", "webp", "tiff", "jpeg2000", "jpegxl"})
_MAX_LISTED = 4


def shown_stream(container: InputContainer) -> VideoStream:
    """Return the video stream that a player shows.

    Cover pictures and thumbnails are never shown as the video. Of the other streams those come first that can be
    decoded, then those that have frames, and more than one, then the default ones, then those that are not coded as
    single pictures, then the largest, then the first in the file.

    Parameters
    ----------
    container
        Opened.

    Raises
    ------
    MediaError
        ``unsupported`` when there is sound only or the coding is unknown, ``unreadable`` without any pictures.
    """
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        if container.streams.audio:
            cover = "and a cover picture, which is not scanned"
            raise MediaError(
                "unsupported", f"sound only, {cover if container.streams.video else 'no pictures'}"
            )
        raise MediaError("unreadable", "no pictures in it")
    counted = any(stream.frames for stream in streams)  # Some containers count no frames.
    shown = max(streams, key=lambda stream: _rank(stream, counted))
    if shown.codec_context is None:
        raise MediaError("unsupported", "its video coding is unknown")
    return shown


def heard_stream(container: InputContainer) -> AudioStream | None:
    """Return the audio stream that a player plays; None where none can be decoded.

    The default ones come first, then those that are not made for the deaf or the blind, then the first in the file.

    Parameters
    ----------
    container
        Opened.
    """
    from av.stream import Disposition

    def rank(stream: AudioStream) -> int:
        impaired = bool(stream.disposition & (Disposition.hearing_impaired | Disposition.visual_impaired))
        return bool(stream.disposition & Disposition.default) - impaired

    streams = [
        stream
        for stream in container.streams.audio
        if stream.codec_context is not None
        and stream.codec_context.channels > 0
        and stream.codec_context.sample_rate > 0
    ]
    return max(streams, key=rank, default=None)


def streams_left_out(container: InputContainer, shown: VideoStream) -> tuple[str, ...]:
    """Return a sentence for the user about the video streams that are not scanned; empty when there are none.

    Parameters
    ----------
    container
        Opened.
    shown
        The stream that is scanned.
    """
    others = [stream for stream in container.streams.video if stream is not shown]
    if not others:
        return ()
    listed = [_described(stream) for stream in others[:_MAX_LISTED]]
    if len(others) > _MAX_LISTED:
        listed.append(f"{len(others) - _MAX_LISTED} more")
    return (f"video {_described(shown)} was scanned, left out: {', '.join(listed)}",)


def _rank(stream: VideoStream, counted: bool) -> tuple[int, ...]:
    """Return what the streams are ordered by, ascending; ``counted``: the container states numbers of frames."""
    from av.stream import Disposition

    context, flags = stream.codec_context, stream.disposition
    if context is None:
        return (0,)
    size = max(0, context.width) * max(0, context.height)
    empty = counted and not stream.frames
    still = stream.frames == 1 or bool(flags & Disposition.still_image)
    partial = bool(flags & (Disposition.dependent | Disposition.non_diegetic))
    # Where FFmpeg itself chooses, pictures for the deaf or the blind come after the others, too.
    impaired = bool(flags & (Disposition.hearing_impaired | Disposition.visual_impaired))
    default = bool(flags & Disposition.default)
    return (
        size > 0,
        not empty,
        not still,
        not partial,
        default - impaired,
        context.name not in _PICTURE_CODECS,
        size,
    )


def _is_cover(stream: VideoStream) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _described(stream: VideoStream) -> str:
    context = stream.codec_context
    facts = "of unknown coding" if context is None else f"{context.name} {context.width}x{context.height}"
    return f"stream {stream.index} ({'cover picture, ' if _is_cover(stream) else ''}{facts})"
