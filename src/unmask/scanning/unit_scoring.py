"""Has the units of one file scored, each alone: no score depends on what else is in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unmask.media import spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unmask.detectors import Detector, Prediction
    from unmask.evidence import Moment, Subject, Unit


@dataclass(frozen=True, eq=False)
class ScoredUnit:
    """A unit and what a detector says of it.

    Parameters
    ----------
    unit
        As it was extracted.
    prediction
        Of this unit alone; None for one that is not scored.
    """

    unit: Unit
    prediction: Prediction | None = None

    @property
    def logit(self) -> float:
        """The scored unit's."""
        assert self.prediction is not None
        return float(self.prediction.logits[0])

    @property
    def measures(self) -> dict[str, float]:
        """What is measured of the unit itself, and what the detector measures of it, by name."""
        given = self.prediction.measures if self.prediction else {}
        return {**self.unit.measures, **{name: float(values[0]) for name, values in given.items()}}


class UnitScores:
    """The predictions of one detector that a file's scan has asked for.

    Units are handed in by the threads that extract them, and scored by the same threads beside the extraction of later
    ones; a score is waited for when a verdict needs it.

    Parameters
    ----------
    detector
        Not waited for: units are passed on when it is there.
    workers
        Run the detector.
    budget
        Maximum number of units scored in the file, apart from one of each subject.
    """

    def __init__(self, detector: Future[Detector], workers: Executor, budget: int) -> None:
        self._detector = detector
        self._workers = workers
        self._budget = budget
        self._predictions: dict[Unit, Future[Prediction]] = {}

    def take_moment(self, moment: Moment, planned: int) -> None:
        """Score the units of a moment at once, unless there are more than its share of the budget.

        Parameters
        ----------
        moment
            Of the file.
        planned
            Number of moments in all.
        """
        if len(moment.units) <= max(1, self._budget // planned):
            for unit in moment.units:
                self._ask(unit)

    def take_the_rest(self, subjects: Sequence[Subject]) -> None:
        """Spend what is left of the budget on units of crowded moments, evenly over subjects and over time.

        Parameters
        ----------
        subjects
            All of the file.
        """
        spent = sum(unit in self._predictions for subject in subjects for unit in subject.units)
        waiting = [subject for subject in subjects if not self.are_taken([subject])]
        for subject in waiting:
            left = [unit for unit in subject.units if unit not in self._predictions]
            at_least = 0 if len(left) < len(subject.units) else 1
            share = max(at_least, (self._budget - spent) // len(waiting))
            for position in spread(len(left), share):
                self._ask(left[position])

    def are_taken(self, subjects: Sequence[Subject]) -> bool:
        """Return whether every unit is scored, or going to be.

        Parameters
        ----------
        subjects
            Of the units.
        """
        return all(unit in self._predictions for subject in subjects for unit in subject.units)

    def scored(self, subject: Subject) -> list[ScoredUnit]:
        """Return a subject's units with the predictions of those that were taken, waiting for them.

        Parameters
        ----------
        subject
            One of the file.

        Raises
        ------
        concurrent.futures.CancelledError, RuntimeError
            When the workers were shut down; and any error of the detector.
        """
        return [self._scored(unit) for unit in subject.units]

    def _scored(self, unit: Unit) -> ScoredUnit:
        prediction = self._predictions.get(unit)
        return ScoredUnit(unit, None if prediction is None else prediction.result())

    def _ask(self, unit: Unit) -> None:
        prediction = self._predictions[unit] = Future()
        # A thread that waited for the weights could find faces on later frames meanwhile.
        self._detector.add_done_callback(lambda _: self._hand_out(unit.inputs, prediction))

    def _hand_out(self, inputs: Mapping[str, NDArray[Any]], prediction: Future[Prediction]) -> None:
        """Let the workers predict; where they do not, since they were shut down, the waiting caller gets the error."""
        try:
            handed = self._workers.submit(self._predict, inputs, prediction)
        except RuntimeError as error:
            prediction.set_exception(error)
            return
        handed.add_done_callback(
            lambda done: prediction.set_exception(CancelledError()) if done.cancelled() else None
        )

    def _predict(self, inputs: Mapping[str, NDArray[Any]], prediction: Future[Prediction]) -> None:
        try:
            one = {name: array[None] for name, array in inputs.items()}
            prediction.set_result(self._detector.result().predict(one))
        except BaseException as error:
            prediction.set_exception(error)
