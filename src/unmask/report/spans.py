"""Stretches of time over which a face looked suspicious."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmask.report.tracks import FrameScore


@dataclass(frozen=True)
class Span:
    """A run of successive looks at a face whose scores all reach the threshold.

    start, end : seconds, of its first and last look (equal for a single one); what lies between two looks was not seen.
    frames : number of looks. score : the highest of their scores.
    """

    start: float
    end: float
    frames: int
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Return the span as the JSON schema has it."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "frames": self.frames,
            "score": round(self.score, 6),
        }


def suspicious_spans(frames: tuple[FrameScore, ...], threshold: float) -> tuple[Span, ...]:
    """Find the runs of scored frames (in order of time) at or above a threshold; frames without a score are skipped."""
    spans: list[Span] = []
    run: list[tuple[float, float]] = []
    for frame in frames:
        if frame.score is None:
            continue
        if frame.score >= threshold:
            run.append((frame.time, frame.score))
        elif run:
            spans.append(_span(run))
            run = []
    return tuple([*spans, _span(run)] if run else spans)


def _span(run: list[tuple[float, float]]) -> Span:
    return Span(run[0][0], run[-1][0], len(run), max(score for _, score in run))
