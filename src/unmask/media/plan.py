"""Which moments of a video to take, and which of its packets are needed for them."""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from unmask.media.sampling import TIE_SECONDS

Picture = TypeVar("Picture")

_FIRST_MOMENTS = 0.5  # Seconds.
HELD_SECONDS = 0.25  # A picture that is shown for so long is held, as slides are.
BEHIND_KEY = 0.1  # Seconds; a key frame is coded more finely than the frames that a detector mostly sees.


@dataclass(frozen=True)
class Survey:
    """What the packets of a video say about it; unlike the header, they cannot promise more than there is.

    Parameters
    ----------
    start, end
        Seconds, in the stream's own time: of the first picture, and of the end of the last one.
    packets
        Number of packets, about the number of frames.
    keys
        (number of the packet, seconds) of each key frame, in file order; decoding can begin at these only.
    cuts
        Seconds at which time stamps restart or jump, ascending; the times above are continuous there.
    jumps
        By how much time stamps were raised behind each gap, in ticks.
    shown_until
        Seconds until which the last picture is shown: as the container says, or ``end``.
    times
        Seconds at which each shown picture comes up, ascending.
    """

    start: float
    end: float
    packets: int
    keys: tuple[tuple[int, float], ...]
    cuts: tuple[float, ...] = ()
    jumps: tuple[int, ...] = ()
    shown_until: float = 0.0
    times: Sequence[float] = field(default=(), repr=False, compare=False)

    @property
    def segments(self) -> list[tuple[float, float]]:
        """The stretches, as (from, to) in seconds, in which time stamps are continuous in the file."""
        edges = [self.start, *(cut for cut in self.cuts if self.start < cut < self.end), self.end]
        return list(itertools.pairwise(edges))

    def part_of(self, time: float) -> int:
        """Return the number of the stretch in which a time lies, from 0.

        Parameters
        ----------
        time
            In seconds of the stream.
        """
        return bisect_right(self.cuts, time + TIE_SECONDS)


def survey_of(packets: Iterable[tuple[float, bool, bool]]) -> Survey | None:
    """Survey the packets of a video stream.

    Parameters
    ----------
    packets
        (time in seconds, is a key frame, is shown) of each packet in file order; an edit list can hide
        packets that decoding needs.

    Returns
    -------
    Survey or None
        None when no packet is shown.
    """
    shown = array("d")  # Of a long video there are many.
    count = 0
    keys: list[tuple[int, float]] = []
    for time, is_key, is_shown in packets:
        if is_shown:
            shown.append(time)
        if is_key:
            keys.append((count, time))
        count += 1
    if not shown:
        return None
    shown = array("d", sorted(shown))
    first, last = shown[0], shown[-1]
    frame_seconds = (last - first) / (len(shown) - 1) if len(shown) > 1 else 0.0
    times = [time for _, time in keys]
    if times != sorted(times):  # Time stamps that jump about: let decoding begin at the first key frame only.
        keys = keys[:1]
    return Survey(first, last + frame_seconds, count, tuple(keys) or ((0, first),), times=shown)


def held_at(survey: Survey, moment: float) -> float | None:
    """Return when the picture that is shown at a time appeared, in seconds; None where it is not held.

    Parameters
    ----------
    survey
        What the packets say.
    moment
        In seconds of the stream.
    """
    number = bisect_right(survey.times, moment + TIE_SECONDS) - 1
    if number < 0:
        return None
    later = survey.times[number + 1 : number + 2]
    until = later[0] if later else survey.shown_until or survey.end
    return survey.times[number] if until - survey.times[number] >= HELD_SECONDS else None


def moments_on_show(survey: Survey, moments: Sequence[float]) -> list[float]:
    """Replace each time at which a picture is held by that at which it appeared.

    Where fewer pictures would be nearest to these times than to the given ones, the given ones are returned.

    Parameters
    ----------
    survey
        What the packets say.
    moments
        In seconds of the stream, ascending.
    """
    held = [held_at(survey, moment) for moment in moments]
    on_show = [moment if begin is None else begin for moment, begin in zip(moments, held, strict=True)]

    def pictures(wanted: Sequence[float]) -> int:
        return sum(1 for _ in nearest(((time, None) for time in survey.times), wanted))

    fewer = on_show != list(moments) and pictures(on_show) < pictures(moments)
    return list(moments) if fewer else on_show


def cheap_moments(
    survey: Survey, parts: Sequence[tuple[float, float]], exclude: Sequence[float] = ()
) -> list[float]:
    """Return for each part a time in it that costs little to decode, ascending.

    That is shortly behind a key frame, of several the one nearest to the part's middle; where there is none, the
    part's beginning, which is the nearest to the key frame before it. Key frames themselves are taken only where
    another follows at once, or the part ends: they are coded otherwise than most frames, and score otherwise. A video's
    first moments are left alone: they often show a fade or a title, coded coarsely.

    Where a picture is held in the middle of a part, the time is that at which this picture came up: once for all
    parts, and not at all where ``exclude`` names it.

    Parameters
    ----------
    survey
        Of the video's packets.
    parts
        (from, to) in seconds of the stream.
    exclude
        Held pictures that were taken already, in seconds from the first picture.
    """
    moments = {
        cheap if held is None else held
        for cheap, held in zip(
            _cheap_in_motion(survey, parts),
            (held_at(survey, (low + high) / 2) for low, high in parts),
            strict=True,
        )
        if held is None or not any(abs(held - survey.start - time) <= TIE_SECONDS for time in exclude)
    }
    return sorted(moments)


def _cheap_in_motion(survey: Survey, parts: Sequence[tuple[float, float]]) -> list[float]:
    settled = survey.start + _FIRST_MOMENTS
    moments = []
    for low, high in parts:
        low = max(low, min(settled, (low + high) / 2))
        keys = [time for _, time in survey.keys if low <= time < high]
        key = min(keys, key=lambda time: abs(time - (low + high) / 2), default=None)
        moments.append(low if key is None else _behind(key, [*keys, high]))
    return moments


def _behind(key: float, ends: Sequence[float]) -> float:
    """Return the time shortly behind a key frame, or its own where its group, the part or the video ends too soon."""
    return key if any(key < end <= key + 2 * BEHIND_KEY for end in ends) else key + BEHIND_KEY


def last_target_per_group(survey: Survey, moments: Sequence[float]) -> dict[int, float]:
    """Find the groups of pictures that hold a target.

    Parameters
    ----------
    survey
        Of the video's packets.
    moments
        Target times in seconds, ascending.

    Returns
    -------
    dict
        From the packet number of a group's key frame to the last target in that group; other groups need not
        be decoded at all.
    """
    times = [time for _, time in survey.keys]
    return {survey.keys[max(bisect_right(times, moment) - 1, 0)][0]: moment for moment in moments}


def following(
    frames: Iterable[tuple[float, Picture]], moments: Sequence[float]
) -> Iterator[tuple[float, Picture]]:
    """Return for each target the first frame that is not before it, each frame at most once.

    Parameters
    ----------
    frames
        (time in seconds, picture), ascending.
    moments
        Target times in seconds, ascending.
    """
    waiting = deque(moments)
    for time, picture in frames:
        met = False
        while waiting and time >= waiting[0] - TIE_SECONDS:
            waiting.popleft()
            met = True
        if met:
            yield time, picture
        if not waiting:
            return


def behind_first(
    frames: Iterable[tuple[float, Picture]], earliest: float, moment: float = float("-inf")
) -> tuple[float, Picture] | None:
    """Choose the first frame that is neither before ``earliest`` nor right behind the first one of all.

    The first one is a key frame, as decoding begins at these. Where frames end before that, the last one stands in, if
    it is not before ``earliest``. A picture that is held at ``moment`` is chosen before all others.

    Parameters
    ----------
    frames
        (time in seconds, picture), ascending.
    earliest, moment
        Seconds.
    """
    key: float | None = None
    chosen: tuple[float, Picture] | None = None
    previous: tuple[float, Picture] | None = None
    for time, picture in frames:
        key = time if key is None else key
        if previous is not None and previous[0] <= moment < time and time - previous[0] >= HELD_SECONDS:
            return previous
        previous = time, picture
        if time >= earliest:
            chosen = time, picture
            if time >= key + BEHIND_KEY - TIE_SECONDS:
                break
    return chosen


def nearest(
    frames: Iterable[tuple[float, Picture]], moments: Sequence[float]
) -> Iterator[tuple[float, Picture]]:
    """Return for each target the frame nearest in time, each frame at most once, holding two frames at a time.

    When the frames end early, the last of them stands for all targets that are left.

    Parameters
    ----------
    frames
        (time in seconds, picture), ascending.
    moments
        Target times in seconds, ascending.
    """
    waiting = deque(moments)
    previous: tuple[float, Picture] | None = None
    given: tuple[float, Picture] | None = None
    for current in frames:
        while waiting and current[0] >= waiting[0]:
            target = waiting.popleft()
            best = current
            # Midway between two frames it is the earlier one that is on show.
            if previous is not None and target - previous[0] <= current[0] - target + TIE_SECONDS:
                best = previous
            if best is not given:
                given = best
                yield best
        previous = current
        if not waiting:
            return
    if waiting and previous is not None and previous is not given:
        yield previous
