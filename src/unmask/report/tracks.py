"""One face through a file: its score on each sampled frame, and over all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unmask.report.codec import is_probability, require, rounded
from unmask.report.spans import Span, suspicious_spans
from unmask.verdict import Reason


@dataclass(frozen=True)
class FrameScore:
    """One face on one sampled frame.

    time : seconds from the start (0 for an image). box : (x0, y0, x1, y1), pixels of the upright frame
    with square pixels.
    face_confidence, score : in [0, 1]; score is calibrated, and None for a face that was found but, among
    very many, not scored. reconstruction_error : the detector's own measure, >= 0; None without a decoder.
    """

    time: float
    box: tuple[float, float, float, float]
    face_confidence: float
    score: float | None = None
    reconstruction_error: float | None = None
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(math.isfinite(self.time) and self.time >= 0, "time must be >= 0")
        x0, y0, x1, y1 = self.box
        require(all(map(math.isfinite, self.box)) and x0 < x1 and y0 < y1, "box must be (x0, y0, x1, y1)")
        require(is_probability(self.face_confidence), "face_confidence must be in [0, 1]")
        require(self.score is None or is_probability(self.score), "score must be in [0, 1]")
        error = self.reconstruction_error
        require(error is None or (math.isfinite(error) and error >= 0), "reconstruction_error must be >= 0")

    def to_dict(self) -> dict[str, Any]:
        """Return the frame as the JSON schema has it."""
        return {
            "time": round(self.time, 3),
            "box": [round(value, 1) for value in self.box],
            "face_confidence": round(self.face_confidence, 4),
            "score": rounded(self.score),
            "reconstruction_error": rounded(self.reconstruction_error),
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FrameScore:
        """Read a frame of the JSON schema."""
        box = values["box"]
        return cls(
            time=values["time"],
            box=(box[0], box[1], box[2], box[3]),
            face_confidence=values["face_confidence"],
            score=values["score"],
            reconstruction_error=values.get("reconstruction_error"),
            reasons=tuple(values.get("reasons", ())),
        )


@dataclass(frozen=True)
class TrackScore:
    """One face through the sampled frames, in order of time, and its score (calibrated, in [0, 1]).

    reasons : what makes it hard to judge.
    """

    id: int
    score: float
    frames: tuple[FrameScore, ...]
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        require(is_probability(self.score), "score must be in [0, 1]")
        require(any(frame.score is not None for frame in self.frames), "a track needs a scored frame")
        times = [frame.time for frame in self.frames]
        require(times == sorted(times), "frames must be in order of time")

    def spans(self, threshold: float | None) -> tuple[Span, ...]:
        """Return the spans in which the face looked suspicious; none without a threshold."""
        return () if threshold is None else suspicious_spans(self.frames, threshold)

    def to_dict(self, threshold: float | None = None) -> dict[str, Any]:
        """Return the track as the JSON schema has it. threshold : the detector's, for the spans."""
        return {
            "id": self.id,
            "score": rounded(self.score),
            "reasons": [reason.to_dict() for reason in self.reasons],
            "spans": [span.to_dict() for span in self.spans(threshold)],
            "frames": [frame.to_dict() for frame in self.frames],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrackScore:
        """Read a track of the JSON schema; its spans follow from frames and threshold."""
        return cls(
            id=values["id"],
            score=values["score"],
            frames=tuple(FrameScore.from_dict(frame) for frame in values["frames"]),
            reasons=tuple(Reason(**reason) for reason in values.get("reasons", ())),
        )
