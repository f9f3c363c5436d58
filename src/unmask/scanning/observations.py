"""What a scan saw of a file, and the result that follows from it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from unmask.detectors import RECONSTRUCTION_ERROR
from unmask.faces import follow
from unmask.media import FileFacts, MediaInfo
from unmask.report import Coverage, DetectorInfo, FrameScore, ScanResult, TrackScore
from unmask.verdict import (
    FileJudgement,
    Rule,
    TrackJudgement,
    Uncertainty,
    can_stop_early,
    examine,
    judge_file,
    judge_track,
    rule_of,
)

if TYPE_CHECKING:
    from unmask.detectors import Card, Prediction
    from unmask.faces import Face, FaceQuality, FaceSearch, FrameFaces
    from unmask.report import FrameView

SAME_TIME = 0.001  # Seconds; container time stamps are rounded to milliseconds.


@dataclass(frozen=True, eq=False)
class FaceObservation:
    """One face on one frame.

    Parameters
    ----------
    time
        Of the frame, in seconds.
    face
        In pixels of the frame.
    crop
        (S, S, 3) uint8 RGB, cut for the detector.
    quality
        Measured where the face was cut.
    prediction
        The detector's, of this crop alone; None for a face that is not scored.
    """

    time: float
    face: Face
    crop: np.ndarray
    quality: FaceQuality
    prediction: Prediction | None = None

    @property
    def logit(self) -> float:
        """The scored face's."""
        assert self.prediction is not None
        return float(self.prediction.logits[0])

    @property
    def reconstruction_error(self) -> float | None:
        """The scored face's; None without a decoder."""
        errors = self.prediction.measures.get(RECONSTRUCTION_ERROR) if self.prediction else None
        return None if errors is None else max(0.0, float(errors[0]))

    def doubt(self, rule: Rule) -> Uncertainty:
        """Hold the face against the gates."""
        measured = self.prediction.measures if self.prediction else {}
        measures = self.quality.to_dict() | {name: float(values[0]) for name, values in measured.items()}
        return examine(measures, rule.gates)

    def frame_score(self, rule: Rule, card: Card) -> FrameScore:
        """Return the observation as a part of the result."""
        score = None
        if self.prediction is not None:
            score = min(1.0, max(0.0, float(np.float32(card.calibration.scores(self.prediction.logits)[0]))))
        x0, y0, x1, y1 = (float(value) for value in self.face.box)
        confidence = min(1.0, max(0.0, float(self.face.confidence)))
        return FrameScore(
            max(0.0, self.time),
            (x0, y0, x1, y1),
            confidence,
            score,
            self.reconstruction_error,
            self.doubt(rule).names,
        )


Track = Sequence[FaceObservation]
"""A person's observations, in order of time."""


@dataclass(frozen=True, eq=False)
class SampledFrame:
    """A sampled frame and the faces on it.

    Parameters
    ----------
    time
        In seconds.
    faces
        Those that count, in pixels of the frame, each kept as an observation that is not scored.
    view
        A small picture of it, where evidence is gathered.
    search
        What the face finder made of it.
    left_out
        Faces beyond the maximum for one frame.
    halved
        Faces left out because the picture breaks off there.
    """

    time: float
    faces: FrameFaces[FaceObservation]
    view: FrameView | None
    search: FaceSearch
    left_out: int = 0
    halved: int = 0


@dataclass(frozen=True, eq=False)
class Observations:
    """All that was seen of a file.

    Parameters
    ----------
    info
        What is known of the file.
    frames
        In order of time.
    planned
        Maximum number of frames that would have been sampled.
    detail
        What cut the reading short, in one line.
    facts
        Technical facts, where evidence is gathered.
    """

    info: MediaInfo
    planned: int
    frames: Sequence[SampledFrame] = ()
    detail: str | None = None
    facts: FileFacts = field(default_factory=FileFacts)

    def tracks(self) -> list[Track]:
        """Follow each face through the frames; the observations are not scored."""
        tracks = follow([sampled.faces for sampled in self.frames], self._part_starts())
        return [[followed.kept for followed in track] for track in tracks]

    def _part_starts(self) -> frozenset[int]:
        """Return the places of the frames that are the first of a further recording in a joined file."""
        times = [sampled.time for sampled in self.frames]
        places = (bisect_left(times, start - SAME_TIME) for start in self.info.parts)
        return frozenset(place for place in places if 0 < place < len(times))

    def coverage(self) -> Coverage:
        """Return how much was sampled, and how much was not."""
        times = [sampled.time for sampled in self.frames]
        gap = None
        if self.info.kind == "video" and times:
            end = max(self.info.duration or 0.0, times[-1])
            gap = max(b - a for a, b in zip([0.0, *times], [*times, end], strict=True))
        with_face = sum(bool(sampled.faces.kept) for sampled in self.frames)
        planned = max(self.planned, len(times))
        smallest = [sampled.search.smallest for sampled in self.frames if sampled.search.smallest is not None]
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

    def details(self) -> str | None:
        """Return in one line what is to be said about how the file was read, and what cut it short."""
        halved = sum(sampled.halved for sampled in self.frames)
        faces = "a face is" if halved == 1 else f"{halved} faces are"
        left_out = f"{faces} left out where the picture breaks off" if halved else None
        return (
            "; ".join(filter(None, (*self.info.details, self.detail, left_out, *self._search_details())))
            or None
        )

    def _search_details(self) -> list[str]:
        """Return in words what was left out on the frames: small faces, and those beyond the maximum."""
        details = []
        bounded = [sampled.search.smallest or 0.0 for sampled in self.frames if sampled.search.bounded]
        if bounded:
            details.append(f"faces of less than {math.ceil(max(bounded))} pixels were not searched for")
        crowd = max(self.frames, key=lambda sampled: sampled.left_out, default=None)
        if crowd is not None and crowd.left_out:
            faces = len(crowd.faces.kept)
            most = f"only the {faces} largest of {faces + crowd.left_out} faces were looked at"
            details.append(most if self.info.kind == "image" else f"{most} in the fullest frame")
        return details


def judge(
    tracks: Sequence[Track], seen: Observations, rule: Rule
) -> tuple[list[TrackJudgement], FileJudgement]:
    """Judge each track, and the file, on the observations that are scored."""
    scored = [[observation for observation in track if observation.prediction] for track in tracks]
    judged = [judge_track([s.logit for s in t], rule, [s.doubt(rule) for s in t]) for t in scored]
    return judged, judge_file(judged, len(seen.frames), rule)


def can_stop(tracks: Sequence[Track], seen: Observations, card: Card) -> bool:
    """Return whether there is a verdict, and each face that it rests on is clear of it; all faces are scored."""
    rule = rule_of(card)
    _, verdict = judge(tracks, seen, rule)
    if verdict.verdict == "inconclusive":
        return False
    fake = verdict.verdict == "likely_fake"
    faces = [tracks[verdict.track]] if fake else tracks
    return all(
        can_stop_early([observation.logit for observation in track], rule, fake=fake) for track in faces
    )


def conclude(path: str, seen: Observations, tracks: Sequence[Track], card: Card) -> ScanResult:
    """Turn scored tracks into the file's result, without evidence and seconds."""
    detector, coverage = detector_info(card), seen.coverage()
    if not tracks:
        result = ScanResult(path, seen.info.kind, "no_face", detector, seen.details(), coverage=coverage)
        return result.with_opinion_on_faces()
    rule = rule_of(card)
    judged, verdict = judge(tracks, seen, rule)
    result = ScanResult(
        path=path,
        kind=seen.info.kind,
        status="ok",
        detector=detector,
        detail=seen.details(),
        verdict=verdict.verdict,
        score=verdict.score,
        interval=verdict.interval,
        reasons=verdict.reasons,
        tracks=tuple(
            TrackScore(
                number,
                judgement.score,
                tuple(observation.frame_score(rule, card) for observation in track),
                judgement.reasons,
            )
            for number, (track, judgement) in enumerate(zip(tracks, judged, strict=True))
        ),
        coverage=coverage,
        decisive_track=verdict.track,
    )
    return result.with_opinion_on_faces({number: one.interval for number, one in enumerate(judged)})


def detector_info(card: Card) -> DetectorInfo:
    """Name a detector as results do: by the part of its card that they carry."""
    return DetectorInfo(**{part.name: getattr(card, part.name) for part in fields(DetectorInfo)})
