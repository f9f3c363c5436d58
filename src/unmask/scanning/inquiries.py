"""One detector asked about one file: what it wants extracted, its scores, and when it has seen enough."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from unmask.scanning.unit_scoring import UnitScores

if TYPE_CHECKING:
    from unmask.detectors import Card, Detector
    from unmask.evidence import Extractor, Moment, Subject, Wanted
    from unmask.media import MediaInfo, Sampling
    from unmask.scanning.loading import LoadedDetector
    from unmask.scanning.observations import Observations
    from unmask.scanning.opinions import Answer


class Inquiry:
    """What one detector is asked about one file.

    Parameters
    ----------
    number
        Of the detector among those of the scan, from 0.
    detector
        Its card and itself are waited for where they are needed.
    workers
        Run the detector.
    budget
        Maximum number of units scored in the file.
    rescored
        Whether decisive faces are going to be scored again after re-encodings.
    """

    def __init__(
        self,
        number: int,
        detector: LoadedDetector,
        workers: Executor,
        budget: int,
        *,
        rescored: bool = False,
    ) -> None:
        self.number = number
        self._rescored = rescored
        self._detector = detector
        self._workers = workers
        self._scores = UnitScores(detector.detector, workers, budget)

    @property
    def card(self) -> Card:
        """The detector's card, waited for."""
        return self._detector.card.result()

    @property
    def detector(self) -> Detector:
        """The detector, waited for."""
        return self._detector.detector.result()

    @cached_property
    def extractor(self) -> Extractor:
        """What makes the detector's units."""
        from unmask.evidence import extractor_of

        return extractor_of(self.card.input, keeps_patches=self._rescored)

    def further(self, info: MediaInfo, passes: Sequence[Sampling]) -> Wanted | None:
        """Return what the detector wants that is not the scan's own frames; None for nothing.

        Parameters
        ----------
        info
            Of the file.
        passes
            The scan's own.
        """
        wanted = self.extractor.wants(info, passes, 0)
        return None if wanted is None or self.shares_frames(info, passes, 0) else wanted

    def shares_frames(self, info: MediaInfo, passes: Sequence[Sampling], number: int) -> bool:
        """Return whether the detector wants the frames of one of the scan's own passes.

        Parameters
        ----------
        info
            Of the file.
        passes
            The scan's own.
        number
            Of the pass, from 0.
        """
        wanted = self.extractor.wants(info, passes, number)
        return wanted is not None and wanted.frames == passes[number]

    def take(self, moment: Moment, planned: int) -> None:
        """Have the units of a moment scored, or keep them for later where they are too many.

        Parameters
        ----------
        moment
            Of the file.
        planned
            Number of moments in all.
        """
        self._scores.take_moment(moment, planned)

    def can_stop(self, seen: Observations) -> bool:
        """Return whether more frames of the same kind would hardly change the opinion.

        There is a verdict, no subject that it rests on is close to it, and no unit of a crowded moment waits.

        Parameters
        ----------
        seen
            So far.
        """
        subjects = self._subjects(seen)
        return bool(subjects) and self._scores.are_taken(subjects) and self._answer(seen, subjects).can_stop()

    def take_the_rest(self, seen: Observations) -> None:
        """Have units scored that were too many for their moment, as far as the budget goes.

        Parameters
        ----------
        seen
            All of the file.
        """
        self._scores.take_the_rest(self._subjects(seen))

    def answer(self, seen: Observations) -> Answer:
        """Return what the detector says, waiting for its scores.

        Parameters
        ----------
        seen
            All of the file.
        """
        answer = self._answer(seen, self._subjects(seen))
        if answer.card.kinds:
            answer = replace(answer, prototypes=self.detector.prototypes)
        if not self._rescored:
            return answer
        from unmask.scanning.stability import rescored

        return rescored(answer, self.detector, self._workers)

    def _subjects(self, seen: Observations) -> list[Subject]:
        moments = seen.moments(self.number)
        return self.extractor.subjects(moments, seen.part_starts(moments))

    def _answer(self, seen: Observations, subjects: Sequence[Subject]) -> Answer:
        from unmask.scanning.opinions import Answer

        scored = [self._scores.scored(subject) for subject in subjects]
        return Answer(self.card, subjects, scored, len(seen.moments(self.number)))
