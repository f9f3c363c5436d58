"""Bursts: which frames of a video follow one another from a sampled moment on."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from unmask.media.sampling import TIE_SECONDS, Burst

Picture = TypeVar("Picture")

_MOST_LATE = 1.5  # Frame distances by which a whole frame may stand in for a damaged one before it.


_MOST_BEFORE = 600  # Frames decoded in search of a burst's first.


class BurstPlace(NamedTuple):
    """Which burst a frame belongs to, and which of its frames it is; both from 0."""

    burst: int
    place: int


def plan_bursts(
    times: Sequence[float],
    moments: Sequence[float],
    burst: Burst,
    segments: Sequence[tuple[float, float]],
) -> list[list[float]]:
    """Choose the frames of bursts from the times of all frames.

    A burst begins at the first frame that is not before its moment, and goes on with the first frame at or after each
    tick of its rate. No frame is taken twice, and no burst reaches into another segment.

    Parameters
    ----------
    times
        When each frame comes up, in seconds, ascending.
    moments
        When bursts are wanted, in seconds, ascending.
    burst
        How many frames, and how fast they follow.
    segments
        (from, to) in seconds: the stretches of the video, ascending.

    Returns
    -------
    list of list of float
        The times of each burst's frames, in seconds; shorter than wanted only where a segment has fewer frames.
    """
    bursts = []
    for low, high in segments:
        first, end = (bisect_left(times, edge - TIE_SECONDS) for edge in (low, high))
        wanted = [moment for moment in moments if low - TIE_SECONDS <= moment < high]
        if first == end or not wanted:
            continue
        seconds = (times[end - 1] - times[first]) / (end - 1 - first) if end - first > 1 else 0.0
        step = max(1 / burst.rate, seconds)
        for start in starts_of_bursts(wanted, low, high, burst.frames * step):
            numbers = _numbers(times, start, first, end, burst.frames, step)
            if not numbers:
                break
            bursts.append([times[number] for number in numbers])
            first = numbers[-1] + 1
    return bursts


def starts_of_bursts(moments: Sequence[float], low: float, high: float, seconds: float) -> list[float]:
    """Move bursts so that they overlap nowhere and end in time; drop those that do not fit.

    Parameters
    ----------
    moments
        Wanted starts in seconds, ascending.
    low, high
        From when to when there are frames, in seconds.
    seconds
        Length of a burst.
    """
    fitting = max(1, int((high - low) / seconds + TIE_SECONDS)) if seconds > 0 else len(moments)
    if len(moments) > fitting:
        moments = [moments[(2 * part + 1) * len(moments) // (2 * fitting)] for part in range(fitting)]
    starts: list[float] = []
    latest = high - seconds
    for moment in reversed(moments):
        starts.append(min(moment, latest))
        latest = starts[-1] - seconds
    earliest = low
    for number in reversed(range(len(starts))):
        starts[number] = max(starts[number], earliest)
        earliest = starts[number] + seconds
    return starts[::-1]


def _numbers(
    times: Sequence[float], start: float, first: int, end: int, count: int, step: float
) -> list[int]:
    """Return the numbers of a burst's frames among those from ``first`` to before ``end``."""
    numbers: list[int] = []
    for tick in range(count):
        following = bisect_left(times, start + tick * step - TIE_SECONDS, lo=first)
        number = max(following, numbers[-1] + 1 if numbers else first)
        if number >= end:
            # Frames that are not evenly spread ran out: the last ones, one after the other.
            return list(range(max(first, end - count), end))
        numbers.append(number)
    return numbers


def in_bursts(
    frames: Iterable[tuple[float, Picture]], bursts: Sequence[Sequence[float]], step: float
) -> Iterator[tuple[float, Picture, BurstPlace]]:
    """Return the frames of planned bursts; one that is missing is followed by the next frame if it is near enough.

    Parameters
    ----------
    frames
        (time in seconds, picture), ascending.
    bursts
        Times of each burst's frames in seconds, ascending.
    step
        Seconds from one frame of a burst to the next.
    """
    waiting = deque((time, number) for number, times in enumerate(bursts) for time in times)
    given = [0] * len(bursts)
    for time, picture in frames:
        met: int | None = None
        while waiting and time >= waiting[0][0] - TIE_SECONDS:
            target, number = waiting.popleft()
            met = number if time - target <= _MOST_LATE * step else None
        if met is not None:
            yield time, picture, BurstPlace(met, given[met])
            given[met] += 1
        if not waiting:
            return


def one_burst(
    frames: Iterable[tuple[float, Picture]], earliest: float, burst: Burst
) -> Iterator[tuple[float, Picture]]:
    """Return a burst's frames out of those decoded from a key frame on.

    Parameters
    ----------
    frames
        (time in seconds, picture), ascending.
    earliest
        The first frame is not before this time, in seconds.
    burst
        How many frames, and how fast they follow.
    """
    start: float | None = None
    count = 0
    for number, (time, picture) in enumerate(frames):
        if start is None and number >= _MOST_BEFORE:
            return
        if time < (earliest if start is None else start + count / burst.rate - TIE_SECONDS):
            continue
        start = time if start is None else start
        count += 1
        yield time, picture
        if count == burst.frames:
            return
