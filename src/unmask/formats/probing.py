"""Whether the length in a video's header is credible: checked at some places of the file."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unmask.formats.timeline import MPEG_STREAMS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_STATE_EACH_STREAMS_LENGTH = ("mov", "avi")
_WHOLE_BYTES = 64_000_000  # MPEG streams up to this size are read whole: a quarter of a second.
_BYTE_PROBES, _TIME_PROBES = 256, 32
_UNEVEN = 8.0  # Times the mean distance of probes.
_LAG_SECONDS, _LAG_SHARE = 15.0, 0.05


def may_jump(
    container: InputContainer, stream: VideoStream, seconds: float | None, clip_seconds: float
) -> bool:
    """Return whether the length that a header states, or seeking in the file, may not be relied on.

    Looks into the file at some places only; where it says yes, the packets are to be surveyed. Files that are
    surveyed anyway when they are sampled are not looked into.

    Parameters
    ----------
    container, stream
        Just opened; the position in the file changes.
    seconds
        The stated length, None where there is none.
    clip_seconds
        Files up to this length are surveyed when they are sampled.
    """
    if seconds is None:
        return True
    size = container.size
    if container.format.name in MPEG_STREAMS:
        return size <= _WHOLE_BYTES or not _bytes_are_even(container, stream, seconds, size)
    if seconds <= clip_seconds:
        shares_length = container.format.name.split(",")[0] not in _STATE_EACH_STREAMS_LENGTH
        return shares_length and len(container.streams) > 1
    return not _times_are_even(container, stream, seconds, size)


def _bytes_are_even(container: InputContainer, stream: VideoStream, seconds: float, size: int) -> bool:
    """Return whether the time stamps rise evenly from one place of the file to the next, over the stated length."""
    times = []
    for number in range(_BYTE_PROBES):
        packet = _packet_at(container, stream, int((number + 0.5) / _BYTE_PROBES * size), in_bytes=True)
        if packet is None or packet.pts is None:
            return False
        times.append(float((packet.pts - (stream.start_time or 0)) * (stream.time_base or 0)))
    return _is_even(times, seconds)


def _times_are_even(container: InputContainer, stream: VideoStream, seconds: float, size: int) -> bool:
    """Return whether moments evenly spread over the stated length exist, and are evenly spread over the file."""
    start, tick = stream.start_time or 0, float(stream.time_base or 1)
    places = []
    for number in range(_TIME_PROBES):
        moment = (number + 0.5) / _TIME_PROBES * seconds
        packet = _packet_at(container, stream, start + int(moment / tick))
        stamp = None if packet is None else packet.dts if packet.pts is None else packet.pts
        if packet is None or packet.pos is None or stamp is None:
            return False
        lag = moment - (stamp - start) * tick
        if abs(lag) > max(_LAG_SECONDS, _LAG_SHARE * seconds):
            return False
        places.append(float(packet.pos))
    return _is_even(places, float(size))


def _packet_at(
    container: InputContainer, stream: VideoStream, place: int, in_bytes: bool = False
) -> Packet[VideoStream] | None:
    from av.error import FFmpegError

    try:
        container.seek(place, stream=stream, unsupported_byte_offset=in_bytes)
        return next((packet for packet in container.demux(stream) if packet.size), None)
    except (FFmpegError, OverflowError, IndexError):
        return None


def _is_even(values: Sequence[float], end: float) -> bool:
    """Return whether values rise from about 0 to about ``end``, no step being far longer than the mean one."""
    edges = [0.0, *values, end]
    steps = [after - before for before, after in itertools.pairwise(edges)]
    longest = _UNEVEN * end / len(steps)
    return min(steps[1:-1]) >= 0 and max(map(abs, steps)) <= longest
