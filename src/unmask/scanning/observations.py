"""What a scan saw of a file: its sampled frames, and what each detector's extractor made of them."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unmask.media import FileFacts, MediaInfo
from unmask.report import Coverage

if TYPE_CHECKING:
    from unmask.evidence import Moment
    from unmask.faces import FaceSearch
    from unmask.report import FrameView

SAME_TIME = 0.001  # Seconds; container time stamps are rounded to milliseconds.


@dataclass(frozen=True, eq=False)
class SampledFrame:
    """A frame of the scan's own passes.

    Parameters
    ----------
    time
        In seconds.
    moments
        What was extracted of it, by the number of the detector that asked.
    view
        A small picture of it, where evidence is gathered.
    search
        What the face finder made of it; None where no detector reads faces.
    faces
        Number of faces that count.
    left_out
        Faces beyond the maximum for one frame.
    halved
        Faces left out because the picture breaks off there.
    """

    time: float
    moments: Mapping[int, Moment]
    view: FrameView | None = None
    search: FaceSearch | None = None
    faces: int = 0
    left_out: int = 0
    halved: int = 0


@dataclass(frozen=True, eq=False)
class Observations:
    """All that was seen of a file.

    Parameters
    ----------
    info
        What is known of the file.
    planned
        Maximum number of frames that would have been sampled.
    frames
        In order of time.
    further
        Bursts and windows of sound, in order of time, by the number of the detector that asked for them.
    detail
        What cut the reading short, in one line.
    facts
        Technical facts, where evidence is gathered.
    """

    info: MediaInfo
    planned: int
    frames: Sequence[SampledFrame] = ()
    further: Mapping[int, Sequence[Moment]] = field(default_factory=dict)
    detail: str | None = None
    facts: FileFacts = field(default_factory=FileFacts)

    def moments(self, number: int) -> list[Moment]:
        """Return what was extracted for a detector, in order of time.

        Parameters
        ----------
        number
            Of the detector, from 0.
        """
        of_frames = [frame.moments[number] for frame in self.frames if number in frame.moments]
        return [*of_frames, *self.further.get(number, ())]

    def part_starts(self, moments: Sequence[Moment]) -> frozenset[int]:
        """Return which moments are the first of a further recording in a joined file, by number.

        Parameters
        ----------
        moments
            In order of time.
        """
        times = [moment.time for moment in moments]
        places = (bisect_left(times, start - SAME_TIME) for start in self.info.parts)
        return frozenset(place for place in places if 0 < place < len(times))

    def coverage(self) -> Coverage:
        """Return how much was sampled, and how much was not."""
        times = [sampled.time for sampled in self.frames]
        gap = None
        if self.info.kind == "video" and times:
            end = max(self.info.duration or 0.0, times[-1])
            gap = max(b - a for a, b in zip([0.0, *times], [*times, end], strict=True))
        with_face = sum(bool(sampled.faces) for sampled in self.frames)
        planned = max(self.planned, len(times))
        smallest = [search.smallest for search in self._searches() if search.smallest is not None]
        return Coverage(
            self.info.duration,
            len(times),
            with_face,
            planned,
            gap,
            tuple(times),
            self.info.damaged,
            math.ceil(max(smallest)) if len(smallest) == len(times) > 0 else None,
        )

    def details(self) -> list[str]:
        """Return what is to be said about how the file was read, and what cut it short."""
        halved = sum(sampled.halved for sampled in self.frames)
        faces = "a face is" if halved == 1 else f"{halved} faces are"
        left_out = f"{faces} left out where the picture breaks off" if halved else None
        return [each for each in (*self.info.details, self.detail, left_out, *self._search_details()) if each]

    def _search_details(self) -> list[str]:
        """Return in words what was left out on the frames: small faces, and those beyond the maximum."""
        details = []
        bounded = [search.smallest or 0.0 for search in self._searches() if search.bounded]
        if bounded:
            details.append(f"faces of less than {math.ceil(max(bounded))} pixels were not searched for")
        crowd = max(self.frames, key=lambda sampled: sampled.left_out, default=None)
        if crowd is not None and crowd.left_out:
            most = f"only the {crowd.faces} largest of {crowd.faces + crowd.left_out} faces were analysed"
            details.append(most if self.info.kind == "image" else f"{most} in the fullest frame")
        return details

    def _searches(self) -> list[FaceSearch]:
        return [sampled.search for sampled in self.frames if sampled.search is not None]
