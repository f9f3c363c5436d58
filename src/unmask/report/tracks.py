"""One face through a file: its score on each sampled frame, and over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from unmask.report.codec import Box, Count, Number, Part, Probability, Seconds, require
from unmask.report.spans import Span, suspicious_spans
from unmask.verdict import Reason


@dataclass(frozen=True)
class FrameScore(Part):
    """One face on one sampled frame.

    Parameters
    ----------
    time
        Seconds from the start, 0 for an image.
    box
        [x0, y0, x1, y1], pixels of the upright frame with square pixels; may reach past its edges.
    face_confidence
        Of the face finder.
    score
        Calibrated; None for a face that, among very many, was found but not scored.
    reconstruction_error
        The detector's own measure; None when it has no decoder.
    reasons
        Gates that say why this face is hard to judge on this frame.
    """

    time: Seconds
    box: Box
    face_confidence: Annotated[float, Number(0, 1, 4)]
    score: Probability | None = None
    reconstruction_error: Annotated[float, Number(0, None, 6)] | None = None
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        x0, y0, x1, y1 = self.box
        require(x0 < x1 and y0 < y1, "box must be (x0, y0, x1, y1)")


@dataclass(frozen=True)
class TrackScore(Part):
    """One face through the sampled frames, and its score.

    Parameters
    ----------
    id
        Number of the face, from 0.
    score
        Calibrated, over all frames.
    frames
        In order of time, at least one of them scored.
    reasons
        What makes this face hard to judge.
    spans
        Runs of successive scored frames that all reach the detector's threshold.
    """

    JSON: ClassVar[tuple[str, ...]] = ("id", "score", "reasons", "spans", "frames")
    DERIVED: ClassVar[Mapping[str, Any]] = {"spans": tuple[Span, ...]}

    id: Count
    score: Probability
    frames: tuple[FrameScore, ...]
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require(any(frame.score is not None for frame in self.frames), "a track needs a scored frame")
        times = [frame.time for frame in self.frames]
        require(times == sorted(times), "frames must be in order of time")

    @property
    def set_aside(self) -> bool:
        """Whether the face has no part in the verdict because others are whole."""
        return any(reason.effect == "sets_aside" for reason in self.reasons)

    def spans(self, threshold: float | None) -> tuple[Span, ...]:
        """Return the spans in which the face is suspicious.

        Parameters
        ----------
        threshold
            Of the detector; None: no spans.
        """
        return () if threshold is None else suspicious_spans(self.frames, threshold)

    def to_dict(self, threshold: float | None = None) -> dict[str, Any]:
        """Return the track as the JSON schema has it.

        Parameters
        ----------
        threshold
            Of the detector, for the spans.
        """
        values = super().to_dict() | {"spans": [span.to_dict() for span in self.spans(threshold)]}
        return {name: values[name] for name in self.JSON}
