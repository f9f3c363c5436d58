"""Frames of one video stream, decoded through FFmpeg (PyAV)."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from unmask.formats.errors import check_memory
from unmask.formats.timeline import Timeline, placed
from unmask.media import plan
from unmask.media.damage import DamageRecord, DamageTracker
from unmask.media.frame import Limits
from unmask.media.packets import Clock, packets_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_PROBATION_PACKETS = 48
_MIN_SHARE_OF_FRAMES = 1 / 8
_PIXELS_BETWEEN_COLLECTIONS = 50_000_000
_MAX_THREADS = 8  # Each holds a frame or more; beyond, memory grows faster than speed.


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
