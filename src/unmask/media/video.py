"""Videos: sampled frames, without decoding what nobody looks at."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unmask.media import decoding, plan
from unmask.media.display import Display
from unmask.media.facts import FileFacts, facts_of_video
from unmask.media.frame import Limits, MediaError, MediaInfo
from unmask.media.picture import Picture
from unmask.media.sampling import Sampling
from unmask.media.source import DecodedMedia
from unmask.media.stream_selection import shown_stream, streams_left_out

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

# Longer videos are sampled by seeking to key frames, shorter ones by decoding in order: on a clip with few
# key frames every seek decodes half a clip, on a long video nearly all of the decoding would be for nothing.
SEEK_BEYOND_SECONDS = 60.0

_FRAMES_PER_SEEK = 600

# Bare streams without time stamps: a frame's time is its number among all, so none can be left out.
_UNTIMED = frozenset({"h264", "hevc", "vvc"})


class VideoMedia(DecodedMedia):
    """A video file; ``sample`` decodes lazily and holds a few pictures at a time.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    formats
        FFmpeg's demuxers that may read it.
    limits
        Bounds on the frame size and on the work spent.

    Raises
    ------
    MediaError
        When the header cannot be read, there is no picture stream, or a limit is broken.
    """

    def __init__(self, source: Path | int, formats: tuple[str, ...], limits: Limits) -> None:
        self._source = source
        self._formats = formats
        self._limits = limits
        self._container: InputContainer | None = None
        with self._open() as container:
            self.info = _header(container, _picture_stream(container))
        if min(self.info.width, self.info.height) < 1:
            raise MediaError("unreadable", "the video states no frame size")
        decoding.check_side(self.info.width, self.info.height, limits)

    def pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Give pictures of the time that the file really covers.

        Clips up to ``SEEK_BEYOND_SECONDS`` are surveyed packet by packet, then decoded in order: each target
        gets the nearest decoded frame; groups of pictures without a target, and frames that no other frame
        refers to, are not decoded. In longer videos each target is sought: what lies shortly behind the key frame
        before it is taken if it is less than half the distance between targets away, else the first decoded frame
        that is. A long video that turns out shorter than its header says is treated like a clip.
        """
        nothing = True
        if sampling.whole:
            yield from self._whole(sampling)
            return
        if sampling.end(0.0, self.info.duration or 0.0) > SEEK_BEYOND_SECONDS:
            for picture in self._by_seeking(self.info.duration or 0.0, sampling):
                nothing = False
                yield picture
        if nothing:
            for picture in self._in_order(sampling):
                nothing = False
                yield picture
        if nothing and not sampling.taken:
            raise MediaError("unreadable", "no frame of the video can be decoded")

    def facts(self) -> FileFacts:
        """Read the technical facts that the header states."""
        with self._open() as container:
            return facts_of_video(container)

    def close(self) -> None:
        """Close the file; sampling ends."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _whole(self, sampling: Sampling) -> Iterator[Picture]:
        """Decode every frame, in order."""
        start: float | None = None
        with self._open() as container:
            stream = _picture_stream(container)
            display = Display(stream)
            for time, frame in decoding.decode_all(container, stream, self._limits):
                start = time if start is None else start
                if sampling.until is not None and time - start > sampling.until:
                    return
                yield decoding.picture_of(frame, max(time - start, 0.0), self._limits, display)
        if start is None:
            raise MediaError("unreadable", "no frame of the video can be decoded")

    def _in_order(self, sampling: Sampling) -> Iterator[Picture]:
        with self._open() as container:
            survey = decoding.survey(container, _picture_stream(container), self._limits)
        if survey is None:
            return
        moments, choose = sampling.moments(survey.start, survey.end), plan.nearest
        if sampling.cheaply:
            moments = plan.cheap_moments(survey, sampling.parts(survey.start, survey.end))
            choose = plan.following
        if not moments:
            return
        with self._open() as container:
            stream = _picture_stream(container)
            display = Display(stream)
            if container.format.name in _UNTIMED:
                frames = decoding.decode_all(container, stream, self._limits)
            else:
                frames = decoding.decode_for(container, stream, survey, moments, self._limits)
            for time, frame in choose(frames, moments):
                yield decoding.picture_of(frame, max(time - survey.start, 0.0), self._limits, display)

    def _by_seeking(self, duration: float, sampling: Sampling) -> Iterator[Picture]:
        with self._open() as container:
            stream = _picture_stream(container)
            display = Display(stream)
            start = float((stream.start_time or 0) * (stream.time_base or 0))
            end = sampling.end(start, start + duration)
            moments = sampling.moments(start, end)
            first = next(decoding.packets_of(container, stream), None)
            if not moments or first is None or not _holds(container, stream, (start + end) / 2, moments[-1]):
                return
            decoder = decoding.Decoder(stream, self._limits, skip_unreferenced=True)
            decoder.begin(first)
            slack = (end - start) / sampling.count / 2
            latest = float("-inf")
            for moment in moments:
                frames = decoding.decode_from(container, stream, moment, decoder)
                frames = itertools.islice(frames, _FRAMES_PER_SEEK)
                chosen = plan.behind_first(frames, max(moment - slack, math.nextafter(latest, math.inf)))
                if chosen is not None:
                    latest, frame = chosen
                    yield decoding.picture_of(frame, max(latest - start, 0.0), self._limits, display)

    @contextmanager
    def _open(self) -> Iterator[InputContainer]:
        import av
        from av.error import FFmpegError

        # An absolute path behind "file:" is never taken for a protocol of FFmpeg's, whatever the name.
        url, protocol, options = "fd:", "fd", {"fd": str(self._source)}
        if isinstance(self._source, int):
            os.lseek(self._source, 0, os.SEEK_SET)
        else:
            url, protocol, options = f"file:{self._source.absolute()}", "file", {}
        try:
            self._container = av.open(
                url,
                options=options,
                container_options={
                    "format_whitelist": ",".join(self._formats),
                    "protocol_whitelist": protocol,
                },
            )
            yield self._container
        except (FFmpegError, UnicodeError) as error:
            raise MediaError("unreadable", "not an image or video, or broken") from error
        finally:
            self.close()


def _picture_stream(container: InputContainer) -> VideoStream:
    """Return the stream of pictures that is scanned, and let the demuxer drop the packets of all others."""
    from av.stream import Discard

    stream = shown_stream(container)
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    return stream


def _header(container: InputContainer, stream: VideoStream) -> MediaInfo:
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
    )


def _holds(container: InputContainer, stream: VideoStream, earliest: float, moment: float) -> bool:
    """Tell whether seeking to a moment finds a packet not before the earliest time, in stream seconds."""
    from av.error import FFmpegError

    try:
        container.seek(int(moment / (stream.time_base or 1)), stream=stream)
    except (FFmpegError, OverflowError):
        return False
    packet = next(decoding.packets_of(container, stream), None)
    return packet is not None and decoding.Clock(stream).time_of(packet) >= earliest
