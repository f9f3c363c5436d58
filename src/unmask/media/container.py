"""FFmpeg's containers: opened with nothing but the one file, and what their headers say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unmask.formats.display import Display
from unmask.formats.errors import MediaError
from unmask.formats.stream_selection import heard_stream, shown_stream, streams_left_out
from unmask.media.audio import AudioInfo
from unmask.media.frame import MediaInfo

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

BROKEN = "the video is broken and cannot be read"


@contextmanager
def opened_container(
    source: Path | int, formats: tuple[str, ...], extent: tuple[int, int] | None
) -> Iterator[InputContainer]:
    """Open a container; what FFmpeg raises there or in the context is a MediaError.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    formats
        FFmpeg's demuxers that may read it.
    extent
        (first byte, last byte + 1) of the video in the file; None is all of it.
    """
    import av
    from av.error import FFmpegError

    # An absolute path behind "file:" is never taken for a protocol of FFmpeg's, whatever the name.
    url, protocol, options = "fd:", "fd", {"fd": str(source)}
    if isinstance(source, int):
        os.lseek(source, 0, os.SEEK_SET)
    else:
        url, protocol, options = f"file:{source.absolute()}", "file", {}
    if extent is not None:
        start, end = extent
        url, protocol = f"subfile,,start,{start},end,{end},,:{url}", f"subfile,{protocol}"
    try:
        yield av.open(
            url,
            options=options,
            container_options={"format_whitelist": ",".join(formats), "protocol_whitelist": protocol},
        )
    except (FFmpegError, UnicodeError) as error:
        raise MediaError("unreadable", BROKEN) from error


def picture_stream(container: InputContainer) -> VideoStream:
    """Return the stream of pictures that is scanned, and let the demuxer drop the packets of all others.

    Parameters
    ----------
    container
        Opened.

    Raises
    ------
    MediaError
        As `shown_stream`.
    """
    stream = shown_stream(container)
    discard_others(container, stream)
    return stream


def discard_others(container: InputContainer, stream: Stream) -> None:
    """Let the demuxer drop the packets of all streams but one.

    Parameters
    ----------
    container
        Opened.
    stream
        Whose packets are kept.
    """
    from av.stream import Discard

    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all


def header_of(container: InputContainer, stream: VideoStream, start: float) -> MediaInfo:
    """Return what the header says.

    Parameters
    ----------
    container
        Opened.
    stream
        Of pictures.
    start
        Time of the first frame, in seconds of the container.
    """
    duration = 0.0
    if container.format.name == "mpegvideo":
        pass  # A bare stream has no header; FFmpeg guesses from the bit rate, far off.
    elif stream.duration and stream.time_base:
        duration = float(stream.duration * stream.time_base)
    elif container.duration:
        duration = container.duration / 1e6
    rate = float(stream.average_rate or 0)
    return MediaInfo(
        kind="video",
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        duration=duration if duration > 0 else None,
        frame_rate=rate or None,
        codec=stream.codec_context.name,
        frames=stream.frames or None,
        details=streams_left_out(container, stream) + Display(stream).details(),
        audio=_audio_header(container, start),
    )


def _audio_header(container: InputContainer, origin: float) -> AudioInfo | None:
    """Return what the header says about the sound; ``origin`` is the time of the first frame, in seconds."""
    stream = heard_stream(container)
    if stream is None:
        return None
    tick, context = float(stream.time_base or 0), stream.codec_context
    start = origin if stream.start_time is None else stream.start_time * tick
    duration = (stream.duration or 0) * tick or (container.duration or 0) / 1e6
    return AudioInfo(
        context.name,
        context.sample_rate,
        context.channels,
        start - origin,
        duration if duration > 0 else None,
    )
