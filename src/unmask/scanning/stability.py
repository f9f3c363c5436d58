"""Scores the decisive faces of a file again after re-encodings; nothing here runs unless it is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unmask.detectors import FaceCrops
from unmask.distortions.reencodings import REENCODINGS, reencode
from unmask.evidence import FaceCropExtractor, Patch
from unmask.report import FrameStability, ReencodedScore, Stability
from unmask.verdict import shift_variance, trimmed_mean

if TYPE_CHECKING:
    from unmask.detectors import Card, Detector
    from unmask.scanning.opinions import Answer
    from unmask.scanning.unit_scoring import ScoredUnit
    from unmask.verdict import FileJudgement

MOST_FRAMES = 3
"""Decisive frames: those whose logits are nearest to the face's mean, so that their shifts are the mean's."""


@dataclass(frozen=True)
class RescoredFrame:
    """A face on a frame, scored again.

    Parameters
    ----------
    time
        In seconds.
    logit
        As it is.
    reencoded
        Logits after the re-encodings, by their names.
    """

    time: float
    logit: float
    reencoded: Mapping[str, float]


@dataclass(frozen=True)
class Rescored:
    """The face that an answer rests on, scored again.

    Parameters
    ----------
    frames
        Decisive ones, at least one.
    """

    frames: tuple[RescoredFrame, ...]

    @property
    def shifts(self) -> dict[str, float]:
        """How far each re-encoding moves the face's mean logit."""
        return {
            name: sum(frame.reencoded[name] - frame.logit for frame in self.frames) / len(self.frames)
            for name in REENCODINGS
        }


def rescored(answer: Answer, detector: Detector, workers: Executor) -> Answer:
    """Return an answer with the face that it rests on scored again, each crop alone.

    Parameters
    ----------
    answer
        Of the detector.
    detector
        Of that answer.
    workers
        Run the re-encodings and the detector.

    Returns
    -------
    Answer
        As it is, where no face was judged, or where nothing was kept around it.
    """
    spec = answer.card.input
    if not answer.subjects or not isinstance(spec, FaceCrops):
        return answer
    _, verdict = answer.judged()
    chosen = _decisive(answer.scored[verdict.track])
    if not chosen:
        return answer
    extractor = FaceCropExtractor(spec)

    def logit_after(name: str, patch: Patch) -> float:
        crop = extractor.crop_of(replace(patch, image=reencode(patch.image, name)))
        return float(detector.predict({"crops": crop[None]}).logits[0])

    pending = [
        (scored, {name: workers.submit(logit_after, name, patch) for name in REENCODINGS})
        for scored, patch in chosen
    ]
    frames = (
        RescoredFrame(
            scored.unit.place.start, scored.logit, {name: future.result() for name, future in made.items()}
        )
        for scored, made in pending
    )
    return replace(answer, rescored=Rescored(tuple(frames)))


def stability_of(card: Card, again: Rescored, verdict: FileJudgement) -> Stability:
    """Return what a result says of a face that was scored again.

    Parameters
    ----------
    card
        Of the detector.
    again
        The face.
    verdict
        On the file, with the scores after the re-encodings.
    """
    calibration = card.calibration.platt_scaling()

    def scores(logits: Mapping[str, float]) -> tuple[ReencodedScore, ...]:
        return tuple(ReencodedScore(name, calibration.score(logit)) for name, logit in logits.items())

    return Stability(
        math.sqrt(shift_variance(again.shifts, calibration)),
        tuple(ReencodedScore(name, score) for name, score in verdict.reencoded.items()),
        tuple(
            FrameStability(max(0.0, frame.time), calibration.score(frame.logit), scores(frame.reencoded))
            for frame in again.frames
        ),
    )


def _decisive(units: Sequence[ScoredUnit]) -> list[tuple[ScoredUnit, Patch]]:
    """Return up to `MOST_FRAMES` scored units with their patches, in order of time."""
    mean = trimmed_mean([unit.logit for unit in units if unit.prediction]).mean
    kept = [(one, one.unit.patch) for one in units if one.prediction and one.unit.patch is not None]
    nearest = sorted(kept, key=lambda each: (abs(each[0].logit - mean), each[0].unit.place.start))
    return sorted(nearest[:MOST_FRAMES], key=lambda each: each[0].unit.place.start)
