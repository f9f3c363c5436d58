"""Packets of one video stream, through FFmpeg (PyAV), and the survey of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from unmask.formats.timeline import Timeline, placed
from unmask.media import plan
from unmask.media.frame import Limits

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

S = TypeVar("S", bound="Stream")

_FALLBACK_FRAME_RATE = 25.0


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
