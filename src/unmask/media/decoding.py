"""Packets and pictures of one video stream, through FFmpeg (PyAV)."""

from __future__ import annotations

import errno
import gc
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from unmask.formats.errors import MediaError
from unmask.formats.timeline import Timeline, placed
from unmask.media import plan
from unmask.media.damage import DamageRecord, DamageTracker
from unmask.media.frame import Limits
from unmask.media.picture import CHANNELS, Picture, Turn

if TYPE_CHECKING:
    import numpy as np
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from unmask.formats.display import Display

S = TypeVar("S", bound="Stream")

_FALLBACK_FRAME_RATE = 25.0
_PROBATION_PACKETS = 48
_MIN_SHARE_OF_FRAMES = 1 / 8
_PIXELS_BETWEEN_COLLECTIONS = 50_000_000
_MAX_THREADS = 8  # Each holds a frame or more; beyond, memory grows faster than speed.


class Clock:
    """Returns the time of packets and frames in seconds of the stream, by number where no time is stated."""

    def __init__(self, stream: VideoStream) -> None:
        self._tick = float(stream.time_base or 0)
        self._rate = float(stream.average_rate or 0) or _FALLBACK_FRAME_RATE
        self._number = -1

    def time_of(self, item: Packet[VideoStream] | VideoFrame) -> float:
        """Return the time at which the picture is shown.

        Parameters
        ----------
        item
            The next packet, or frame.
        """
        self._number += 1
        stamp = item.dts if item.pts is None else item.pts
        # The stream's unit, not the item's own: frames drained from the decoder come without one.
        return self._number / self._rate if stamp is None else stamp * self._tick

    def length_of(self, packet: Packet[VideoStream]) -> float:
        """Return how long a packet's picture is shown, in seconds; 0 where it is not stated.

        Parameters
        ----------
        packet
            Of the stream.
        """
        return (packet.duration or 0) * self._tick


class Decoder:
    """Decodes packets, stepping over broken ones and damaged frames, and counts the work.

    Parameters
    ----------
    stream
        The video stream.
    limits
        ``decoded_pixels`` bounds the work.
    skip_unreferenced
        Leave out frames that no other frame refers to. Where nearly all frames are such, all are decoded
        after a short probation, since too few would be left.
    damage
        Where damaged frames are counted; they are left out. Without it they are given like all others.
    """

    def __init__(
        self,
        stream: VideoStream,
        limits: Limits,
        skip_unreferenced: bool,
        damage: DamageRecord | None = None,
    ) -> None:
        self._context = stream.codec_context
        self._context.thread_type = "AUTO"
        self._context.thread_count = min(_MAX_THREADS, (os.cpu_count() or 1) + 1)
        if skip_unreferenced:
            self._context.skip_frame = "NONREF"
        self._on_probation = skip_unreferenced
        self._clock = Clock(stream)
        self._packet_clock = Clock(stream)
        self._keeps_damaged = damage is None
        self._damage = DamageTracker(damage or DamageRecord(), delay=self._context.thread_count - 1)
        self._pixels_left = limits.decoded_pixels
        self._fed = 0
        self._frames = 0

    @property
    def exhausted(self) -> bool:
        """Whether the bound on decoded pixels is reached."""
        return self._pixels_left <= 0

    @property
    def is_broken(self) -> bool:
        """Whether frames are damaged until a key frame comes."""
        return self._damage.is_broken

    def decode(
        self, packet: Packet[VideoStream], is_damaged: bool = False, lost_before: bool = False
    ) -> list[tuple[float, VideoFrame]]:
        """Feed one packet; return the (time in seconds, frame) pairs that come out, if any.

        Parameters
        ----------
        packet
            The packet.
        is_damaged
            Whether bytes of it are missing.
        lost_before
            Whether frames that it may refer to are missing before it.
        """
        self._fed += 1
        time = self._packet_clock.time_of(packet)
        lost = lost_before and not packet.is_keyframe
        self._damage.feed(time, packet.is_keyframe, is_damaged or lost)
        frames = self._run(packet)
        if self._on_probation and self._fed >= _PROBATION_PACKETS:
            self._on_probation = False
            if self._frames < self._fed * _MIN_SHARE_OF_FRAMES:
                self._context.skip_frame = "DEFAULT"
        return frames

    def begin(self, packet: Packet[VideoStream]) -> None:
        """Let the decoder read what a file says once, in its first packet, about how all of it is coded.

        That includes the encoder: without it pictures of some versions of x264 are decoded wrongly. The packet's
        own picture is dropped.

        Parameters
        ----------
        packet
            The first one of the file.
        """
        self._run(packet)
        self.drain()

    def distrust(self) -> None:
        """Leave out all frames until a key frame comes."""
        self._damage.distrust()

    def drain(self) -> list[tuple[float, VideoFrame]]:
        """Return what the decoder still holds; it then waits for a key frame."""
        frames = self._run(None)
        self.flush()
        return frames

    def flush(self) -> None:
        """Drop what the decoder still holds; it then waits for a key frame."""
        self._context.flush_buffers()
        self._damage.restart()

    def _run(self, packet: Packet[VideoStream] | None) -> list[tuple[float, VideoFrame]]:
        from av.error import FFmpegError

        try:
            frames = self._context.decode(packet)
        except FFmpegError as error:
            check_memory(error)
            if not isinstance(error, EOFError | BlockingIOError):
                self._damage.fail()
            return []  # One broken packet; the next key frame mends the picture.
        self._frames += len(frames)
        self._pixels_left -= sum(frame.width * frame.height for frame in frames)
        timed = [(self._clock.time_of(frame), frame) for frame in frames]
        whole = [(time, frame) for time, frame in timed if self._damage.accepts(frame, time)]
        return timed if self._keeps_damaged else whole


def packets_of(container: InputContainer, stream: S) -> Iterator[Packet[S]]:
    """Yield the stream's packets, until the end of what can be read.

    Parameters
    ----------
    container
        At any place.
    stream
        One of its streams.
    """
    from av.error import FFmpegError

    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet  # type: ignore[misc]  # PyAV's stubs forget which stream was asked for.
    except (FFmpegError, IndexError):
        # A broken tail: what came before it counts. PyAV looks up streams that turn up late and it did not list.
        return


def survey(
    container: InputContainer, stream: VideoStream, limits: Limits, jumps: tuple[int, ...] = ()
) -> plan.Survey | None:
    """Survey the stream's packets without decoding them.

    Parameters
    ----------
    container, stream
        Just opened.
    limits
        ``packets`` bounds the work.
    jumps
        Of an earlier survey, which makes this one exact.
    """
    clock, timeline = Clock(stream), Timeline.of(container, stream, jumps)
    last = shown_until = float("-inf")
    packets = itertools.islice(placed(packets_of(container, stream), timeline), limits.packets)

    def facts() -> Iterator[tuple[float, bool, bool]]:
        nonlocal last, shown_until
        for packet, *_ in packets:
            time = clock.time_of(packet)
            if time >= last and not packet.is_discard:
                length = clock.length_of(packet)
                last, shown_until = time, time + length if length else float("-inf")
            yield time, packet.is_keyframe, not packet.is_discard

    surveyed = plan.survey_of(facts())
    if surveyed is None:
        return None
    if shown_until <= surveyed.start:
        shown_until = surveyed.end
    # How long pictures are held in the mean says nothing about how long the last one is.
    slides = surveyed.end - surveyed.times[-1] >= plan.HELD_SECONDS
    return replace(
        surveyed,
        end=shown_until if slides else surveyed.end,
        cuts=tuple(timeline.cuts),
        jumps=tuple(timeline.jumps),
        shown_until=shown_until,
    )


def decode_for(
    container: InputContainer,
    stream: VideoStream,
    surveyed: plan.Survey,
    moments: list[float],
    limits: Limits,
    damage: DamageRecord,
    every_frame: bool = False,
) -> Iterator[tuple[float, VideoFrame]]:
    """Decode in file order what the targets need.

    Groups of pictures without a target, and the rest of a group after its last target, are not decoded; nor
    are frames that no other frame refers to, unless the targets are so many that these are needed too. Damaged frames
    are counted and left out; a target that is damaged is followed up to the next whole frame.

    Parameters
    ----------
    container
        At its beginning.
    stream
        Of pictures.
    surveyed
        What the packets say.
    moments
        Targets, in seconds of the stream, ascending.
    limits
        Of the scan.
    damage
        Counts the damaged frames.
    every_frame
        The targets are the times of frames, whichever these are, and no frame of a group is left out before its last
        target.

    Yields
    ------
    (time, frame)
        Seconds of the stream, and the frame.
    """
    wanted = plan.last_target_per_group(surveyed, moments)
    keys = dict(surveyed.keys)
    decoder = Decoder(stream, limits, not every_frame and surveyed.packets >= 2 * len(moments), damage)
    until: float | None = None
    packets = placed(packets_of(container, stream), Timeline.of(container, stream, surveyed.jumps))
    for number, (packet, starts_part, lost_before, is_damaged) in enumerate(packets):
        if number in keys:
            missed = until if decoder.is_broken else None
            if until is not None and (starts_part or (number not in wanted and missed is None)):
                count, frames = damage.count, decoder.drain()
                yield from frames
                if damage.count > count and all(time < until for time, _ in frames):
                    missed = until
            until = wanted.get(number, missed)
        if until is None:
            if number == 0:
                decoder.begin(packet)
            continue
        at_once = number in keys and until <= keys[number]  # The key frame itself is wanted, and no other.
        count, decoded = damage.count, decoder.decode(packet, is_damaged, lost_before)
        for time, frame in decoded + (decoder.drain() if at_once else []):
            yield time, frame
            if until is not None and time >= until:
                until = None
        if until is None:
            decoder.flush()
        elif at_once and damage.count > count:
            decoder.distrust()
        if decoder.exhausted:
            break
    yield from decoder.drain()


def decode_all(
    container: InputContainer, stream: VideoStream, limits: Limits, jumps: tuple[int, ...] = ()
) -> Iterator[tuple[float, VideoFrame]]:
    """Decode every frame in file order, damaged ones too, as far as the limit on decoded pixels allows.

    Parameters
    ----------
    container
        At its beginning.
    stream
        Of pictures.
    limits
        Of the scan.
    jumps
        `Timeline.jumps` of an earlier reading.

    Yields
    ------
    (time, frame)
        Seconds of the stream, and the frame.
    """
    decoder = Decoder(stream, limits, skip_unreferenced=False)
    pixels = 0
    for packet, starts_part, *_ in placed(
        packets_of(container, stream), Timeline.of(container, stream, jumps)
    ):
        drained = decoder.drain() if starts_part and packet.is_keyframe else []
        for time, frame in drained + decoder.decode(packet):
            pixels += frame.width * frame.height
            yield time, frame
        if pixels > _PIXELS_BETWEEN_COLLECTIONS:
            gc.collect()  # Frames that were read stay in cycles, too few for Python to collect.
            pixels = 0
        if decoder.exhausted:
            break
    yield from decoder.drain()


def decode_from(
    container: InputContainer, stream: VideoStream, moment: float, decoder: Decoder
) -> Iterator[tuple[float, VideoFrame]]:
    """Decode from the last key frame at or before a time.

    Parameters
    ----------
    container
        At any place.
    stream
        Of pictures.
    moment
        In seconds of the stream.
    decoder
        Is flushed first.

    Yields
    ------
    (time, frame)
        Seconds of the stream, and the frame.
    """
    from av.error import FFmpegError

    try:
        container.seek(int(moment / (stream.time_base or 1)), stream=stream)
    except (FFmpegError, OverflowError):
        return
    decoder.flush()
    for packet in packets_of(container, stream):
        yield from decoder.decode(packet, packet.is_corrupt)
        if decoder.exhausted:
            break
    yield from decoder.drain()


def upright_rgb(frame: VideoFrame, limits: Limits) -> np.ndarray:
    """Convert a frame to (H, W, 3) uint8 RGB and turn it upright, by its display matrix.

    Parameters
    ----------
    frame
        As the decoder returned it.
    limits
        Of the scan.

    Raises
    ------
    MediaError
        When the frame is larger than the limit, whatever the header said, or cannot be converted.
    """
    return picture_of(frame, 0.0, limits).frame(0).image


def picture_of(frame: VideoFrame, time: float, limits: Limits, display: Display | None = None) -> Picture:
    """Convert a frame to RGB and square pixels.

    Parameters
    ----------
    frame
        As the decoder returned it.
    time
        Of the picture, in seconds.
    limits
        Of the scan.
    display
        Of the frame's stream; without it the pixels are square.

    Raises
    ------
    MediaError
        As `upright_rgb`.
    """
    from av.error import FFmpegError

    check_side(frame.width, frame.height, limits)
    options = {} if display is None else display.conversion(frame, limits.video_side)
    try:
        # More threads would each hold memory of their own for as long as the frame lives.
        rgb = frame.reformat(format="rgb24", threads=1, **options)
        plane = rgb.planes[0]
    except (FFmpegError, ValueError) as error:
        check_memory(error)
        raise MediaError("unsupported", "its pixel format cannot be converted to RGB") from error
    side_data: Any = frame.side_data  # PyAV's stubs call this a TypedDict; it is a mapping of buffers.
    matrix = side_data.get("DISPLAYMATRIX")
    turn = Turn.of_display_matrix(None if matrix is None else bytes(matrix))
    strips = _rows(memoryview(plane), rgb.width * CHANNELS, plane.line_size, rgb.height)
    return Picture(time, rgb.width, rgb.height, strips, turn)


def check_memory(error: Exception) -> None:
    """Tell lack of memory from a broken file.

    Parameters
    ----------
    error
        Of the decoder.

    Raises
    ------
    MediaError
        ``too_large`` when it is lack of memory.
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        raise MediaError("too_large", "decoding it takes more memory than is allowed") from error


def _rows(pixels: memoryview, row: int, stride: int, rows: int) -> Iterator[memoryview]:
    """Return the rows without the padding at their ends; all in one where there is none."""
    if row == stride:
        yield pixels[: row * rows]
        return
    for number in range(rows):
        yield pixels[number * stride : number * stride + row]


def check_side(width: int, height: int, limits: Limits) -> None:
    """Check the longer side of a frame.

    Parameters
    ----------
    width, height
        In pixels.
    limits
        Of the scan.

    Raises
    ------
    MediaError
        ``too_large`` beyond the limit.
    """
    if max(width, height) > limits.video_side:
        raise MediaError(
            "too_large", f"frames of {width}x{height} pixels; the limit is {limits.video_side} a side"
        )
