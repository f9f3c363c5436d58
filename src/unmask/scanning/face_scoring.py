"""Has the faces of one file scored, each alone: no score depends on which other faces are in the file."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import replace
from typing import TYPE_CHECKING

from unmask.media import spread

if TYPE_CHECKING:
    import numpy as np

    from unmask.detectors import Detector, Prediction
    from unmask.scanning.observations import FaceObservation, SampledFrame, Track


class FaceScores:
    """The predictions that a file's scan has asked for.

    Faces are handed in by the threads that find them, and scored by the same threads beside the search of later frames;
    a score is waited for when a verdict needs it.

    Parameters
    ----------
    detector
        Waited for by nobody: crops are handed on when it is there.
    workers
        Run the detector.
    budget
        Maximum number of faces scored in the file, apart from one of each track.
    """

    def __init__(self, detector: Future[Detector], workers: Executor, budget: int) -> None:
        self._detector = detector
        self._workers = workers
        self._budget = budget
        self._predictions: dict[FaceObservation, Future[Prediction]] = {}

    def take_frame(self, sampled: SampledFrame, planned: int) -> None:
        """Score the faces of a frame at once, unless it holds more than its share of the budget."""
        if len(sampled.faces.kept) <= max(1, self._budget // planned):
            for observation in sampled.faces.kept:
                self._ask(observation)

    def take_the_rest(self, tracks: Sequence[Track]) -> None:
        """Spend what is left of the budget on faces of crowded frames, evenly over tracks and over time."""
        spent = sum(observation in self._predictions for track in tracks for observation in track)
        waiting = [track for track in tracks if not self.are_taken([track])]
        for track in waiting:
            left = [observation for observation in track if observation not in self._predictions]
            at_least = 0 if len(left) < len(track) else 1
            share = max(at_least, (self._budget - spent) // len(waiting))
            for position in spread(len(left), share):
                self._ask(left[position])

    def are_taken(self, tracks: Sequence[Track]) -> bool:
        """Return whether every face of some tracks is scored, or going to be."""
        return all(observation in self._predictions for track in tracks for observation in track)

    def scored(self, tracks: Sequence[Track]) -> list[Track]:
        """Return tracks with the predictions of the faces that were taken, waiting for them.

        Raises
        ------
        concurrent.futures.CancelledError, RuntimeError
            When the workers were shut down; whatever else the detector raised.
        """
        return [[self._scored(observation) for observation in track] for track in tracks]

    def _scored(self, observation: FaceObservation) -> FaceObservation:
        prediction = self._predictions.get(observation)
        return observation if prediction is None else replace(observation, prediction=prediction.result())

    def _ask(self, observation: FaceObservation) -> None:
        prediction = self._predictions[observation] = Future()
        # A thread that waited for the weights could find faces on later frames meanwhile.
        self._detector.add_done_callback(lambda _: self._hand_out(observation.crop, prediction))

    def _hand_out(self, crop: np.ndarray, prediction: Future[Prediction]) -> None:
        """Let the workers predict; where they do not, since they were shut down, whoever waits is told so."""
        try:
            handed = self._workers.submit(self._predict, crop, prediction)
        except RuntimeError as error:
            prediction.set_exception(error)
            return
        handed.add_done_callback(
            lambda done: prediction.set_exception(CancelledError()) if done.cancelled() else None
        )

    def _predict(self, crop: np.ndarray, prediction: Future[Prediction]) -> None:
        try:
            prediction.set_result(self._detector.result().predict({"crops": crop[None]}))
        except BaseException as error:
            prediction.set_exception(error)
