"""The one interface of extractors: from frames and sound to what a detector reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from unmask.evidence.found_faces import FoundFaces
    from unmask.evidence.units import Moment, Subject, Wanted
    from unmask.media import AudioChunk, Frame, MediaInfo, Sampling


class Extractor(Protocol):
    """Makes the units of one kind of evidence: pure functions of frames and sound.

    The same one serves scans, preparing and evaluating.
    """

    def wants(self, info: MediaInfo, planned: Sequence[Sampling], sampling_pass: int) -> Wanted | None:
        """Return what is asked of the media in one sampling pass.

        Parameters
        ----------
        info
            What is known of the file.
        planned
            The scan's own sampling passes over frames. An extractor that asks for these shares the frames with others.
        sampling_pass
            From 0.

        Returns
        -------
        Wanted or None
            None when there is nothing more, or the file has nothing of this kind.
        """
        ...

    def searched(self, frames: int) -> Sequence[int]:
        """Return on which frames of a moment faces are to be found, ascending; none where no faces are read.

        Parameters
        ----------
        frames
            Number of frames of the moment.
        """
        ...

    def extract(
        self, frames: Sequence[Frame], sound: Sequence[AudioChunk], found: Sequence[FoundFaces] = ()
    ) -> Moment:
        """Return the units of one moment.

        Parameters
        ----------
        frames
            One frame, or those of one burst; empty for an extractor that asked for none.
        sound
            All windows of sound that were asked for, or the one that the moment is about where no frames were asked
            for.
        found
            The faces of the frames that `searched` names.
        """
        ...

    def subjects(self, moments: Sequence[Moment], cuts: Collection[int] = ()) -> list[Subject]:
        """Return what the units are about, each subject with at least one unit.

        Parameters
        ----------
        moments
            In order of time.
        cuts
            Places of moments at which another recording begins.
        """
        ...
