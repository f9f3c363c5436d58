"""Stretches of time over which a face is suspicious."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from unmask.report.codec import Number, Part, Probability, Seconds

if TYPE_CHECKING:
    from unmask.report.tracks import FrameScore


@dataclass(frozen=True)
class Span(Part):
    """A run of successive scored frames of a face that all reach the threshold; nothing between them was sampled.

    Parameters
    ----------
    start, end
        Seconds, of the first and of the last of these frames.
    frames
        Number of these frames.
    score
        The highest of their scores.
    """

    start: Seconds
    end: Seconds
    frames: Annotated[int, Number(1)]
    score: Probability


def suspicious_spans(frames: tuple[FrameScore, ...], threshold: float) -> tuple[Span, ...]:
    """Return the runs of scored frames at or above a threshold; frames without a score are skipped.

    Parameters
    ----------
    frames
        In order of time.
    threshold
        In [0, 1].
    """
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
