"""Which frames of a video are asked for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

MAX_FRAMES = 1024
MAX_SEGMENTS = 64
TIE_SECONDS = 1e-6  # Above the rounding errors of time stamps, below any distance of frames.


@dataclass(frozen=True)
class Burst:
    """Successive frames.

    Parameters
    ----------
    frames
        Number of frames, 1 to 1024.
    rate
        Frames a second. Of a video with fewer, each frame is taken.
    """

    frames: int
    rate: float

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= MAX_FRAMES:
            raise ValueError(f"the frames of a burst must be between 1 and {MAX_FRAMES}, not {self.frames}")
        if not 0 < self.rate < float("inf"):
            raise ValueError(f"the rate of a burst must be positive and finite, not {self.rate}")


@dataclass(frozen=True)
class Sampling:
    """An order for frames; an image gives its only picture whatever the order.

    Parameters
    ----------
    count
        Frames at most, 1 to 1024. By default they are in the middles of as many equal parts of the video.
    every
        One frame each so many seconds instead, from the first frame on, as long as there are fewer than ``count``.
    until
        Look at the first so many seconds only.
    near_keyframes
        Take from each of the parts the frame that costs least to decode: a key frame where there is one.
    exclude
        With ``near_keyframes``: leave out the parts in which one of these times lies, in seconds from the first frame,
        and the frames at these times.
    every_frame
        Every frame there is, whatever the count.
    burst
        At each of these times, so many successive frames, at most 1024 in all. Bursts do not overlap: one that would
        reach beyond the end begins earlier, and where not all of them fit there are fewer.
    """

    count: int
    every: float | None = None
    until: float | None = None
    near_keyframes: bool = False
    exclude: Sequence[float] = ()
    every_frame: bool = False
    burst: Burst | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_FRAMES:
            raise ValueError(f"the count of frames must be between 1 and {MAX_FRAMES}, not {self.count}")
        for seconds in (self.every, self.until):
            if seconds is not None and not 0 < seconds < float("inf"):
                raise ValueError(f"seconds must be positive and finite, not {seconds}")
        if self.burst is not None and self.every_frame:
            raise ValueError("every_frame must be off where bursts are wanted")
        if self.frames_of(self.count) > MAX_FRAMES:
            raise ValueError(
                f"the frames of all bursts must be {MAX_FRAMES} at most, not {self.frames_of(self.count)}"
            )

    def frames_of(self, moments: int) -> int:
        """Return the largest number of frames of some sampled moments.

        Parameters
        ----------
        moments
            Their number.
        """
        return moments * (1 if self.burst is None else self.burst.frames)

    def end(self, start: float, end: float) -> float:
        """Return where sampling stops, in seconds.

        Parameters
        ----------
        start, end
            Of the video, in seconds.
        """
        return end if self.until is None else min(end, start + self.until)

    def parts(
        self, start: float, end: float, segments: Sequence[tuple[float, float]] = ()
    ) -> list[tuple[float, float]]:
        """Return the parts, as (from, to) in seconds, out of each of which one frame is wanted.

        Parameters
        ----------
        start, end
            Of the video, in seconds.
        segments
            (from, to) of its stretches, where it has several. None of them is left out as long as the count allows;
            with ``near_keyframes`` it grows for that, up to ``MAX_SEGMENTS``.
        """
        end = self.end(start, end)
        segments = [(low, min(high, end)) for low, high in segments if low < end] or [(start, end)]
        parts = [
            part
            for (low, high), share in zip(segments, self.shares(segments), strict=True)
            for part in _divided(low, high, share)
        ]
        taken = [start + time + TIE_SECONDS for time in self.exclude]
        return [(low, high) for low, high in parts if not any(low <= time < high for time in taken)]

    def shares(self, segments: Sequence[tuple[float, float]]) -> list[int]:
        """Divide the count among the segments of a video: at least one each, the rest by length.

        Where there are more segments than the count allows, some have none.

        Parameters
        ----------
        segments
            From when to when each lasts, in seconds.
        """
        count = max(self.count, min(len(segments), MAX_SEGMENTS)) if self.near_keyframes else self.count
        if len(segments) >= count:
            chosen = spread(len(segments), count)
            return [int(number in chosen) for number in range(len(segments))]
        shares = [1] * len(segments)
        lengths = [high - low for low, high in segments]
        for _ in range(count - len(segments)):  # The next one goes where frames lie farthest apart.
            shares[max(range(len(shares)), key=lambda number: lengths[number] / shares[number])] += 1
        return shares

    def moments(self, start: float, end: float, segments: Sequence[tuple[float, float]] = ()) -> list[float]:
        """Return the times at which frames are wanted when their cost does not count, ascending.

        Parameters
        ----------
        start, end, segments
            As in ``parts``.
        """
        if self.every is None:
            return [(low + high) / 2 for low, high in self.parts(start, end, segments)]
        end = self.end(start, end)
        moments = [start + self.every * number for number in range(self.count)]
        return [moment for moment in moments if moment < end] or [start]


def spread(count: int, wanted: int) -> list[int]:
    """Choose positions that are evenly spaced and away from the ends.

    Parameters
    ----------
    count
        Of positions.
    wanted
        How many are chosen; all when there are fewer.
    """
    wanted = max(0, min(wanted, count))
    return [(2 * k + 1) * count // (2 * wanted) for k in range(wanted)]


def _divided(low: float, high: float, count: int) -> list[tuple[float, float]]:
    """Divide a stretch into equal parts."""
    if count == 0:
        return []
    step = (high - low) / count
    return list(itertools.pairwise([low + step * part for part in range(count)] + [high]))
