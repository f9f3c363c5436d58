"""A track's frame scores over time, as an inline SVG that distinguishes its points by shape, not by colour alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from unmask.report.spans import Span
from unmask.report.tracks import FrameScore, TrackScore
from unmask.report.words import clock, percent

WIDTH, HEIGHT = 760, 190
LEFT, RIGHT, TOP, BOTTOM = 82, 14, 22, 46
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_TICKS = 6
_NARROWEST_SPAN = 22.0


def timeline(
    track: TrackScore,
    duration: float | None,
    threshold: float | None = None,
    sampled: Sequence[float] = (),
) -> str:
    """Draw the scored frames of a track: time to the right, score upwards from 0 to 100 %.

    Parameters
    ----------
    track
        With at least one frame.
    duration
        Seconds; the last known time stands in when it is unknown.
    threshold
        The score at which a dashed line is drawn; frames at or above it are filled diamonds, the others open circles,
        and their runs are shaded.
    sampled
        Times of all sampled frames; a tick for each, open where this face was not seen.

    Returns
    -------
    str
        An ``<svg>`` element that holds numbers and fixed words only.
    """
    times = [frame.time for frame in track.frames]
    end = max(duration or 0.0, times[-1], *sampled) if sampled else max(duration or 0.0, times[-1])
    axis = _Axis(end or 1.0)
    scored = [frame for frame in track.frames if frame.score is not None]
    spans = track.spans(threshold)
    parts = [
        *(_shading(span, axis) for span in spans),
        _grid(axis),
        _threshold_line(threshold),
        _path(scored, axis),
        *(_point(frame, axis, threshold) for frame in scored),
        _ticks(sampled or times, times, axis),
    ]
    summary = escape(_summary(scored, spans))
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{summary}">'
        + "".join(parts)
        + "</svg>"
    )


class _Axis:
    """Where a time is on the drawing."""

    def __init__(self, end: float) -> None:
        self.end = end

    def x(self, time: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, time / self.end)


def _y(score: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - score)


def _grid(axis: _Axis) -> str:
    rows = "".join(
        f'<line class="grid" x1="{LEFT}" y1="{_y(score):.1f}" x2="{WIDTH - RIGHT}" y2="{_y(score):.1f}"/>'
        f'<text x="{LEFT - 8}" y="{_y(score) + 5:.1f}" text-anchor="end">{score * 100:.0f} %</text>'
        for score in (0.0, 0.5, 1.0)
    )
    step = next((step for step in _STEPS if axis.end / step <= _MOST_TICKS), _STEPS[-1])
    count = min(_MOST_TICKS * 4, math.floor(axis.end / step + 1e-9))
    columns = "".join(
        f'<text x="{axis.x(k * step):.1f}" y="{HEIGHT - 4}" text-anchor="{_anchor(k, k * step, axis)}">'
        f"{clock(k * step, step)}</text>"
        for k in range(count + 1)
    )
    return rows + columns


def _anchor(number: int, time: float, axis: _Axis) -> str:
    if number == 0:
        return "start"
    return "end" if axis.x(time) > WIDTH - RIGHT - 20 else "middle"


def _threshold_line(threshold: float | None) -> str:
    if threshold is None:
        return ""
    y = _y(threshold)
    return f'<line class="threshold" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'


def _shading(span: Span, axis: _Axis) -> str:
    left, right = axis.x(span.start), axis.x(span.end)
    if right - left < _NARROWEST_SPAN:
        middle = (left + right) / 2
        left, right = middle - _NARROWEST_SPAN / 2, middle + _NARROWEST_SPAN / 2
    top, bottom = TOP - 8, HEIGHT - BOTTOM
    return (
        f'<rect class="span" x="{left:.1f}" y="{top}" width="{right - left:.1f}" height="{bottom - top}"/>'
        f'<path class="bracket" d="M{left:.1f} {top + 8}V{top}H{right:.1f}V{top + 8}"/>'
    )


def _path(scored: Sequence[FrameScore], axis: _Axis) -> str:
    points = " ".join(f"{axis.x(f.time):.1f},{_y(f.score or 0.0):.1f}" for f in scored)
    return f'<polyline class="path" points="{points}"/>'


def _point(frame: FrameScore, axis: _Axis, threshold: float | None) -> str:
    score = frame.score or 0.0
    x, y = axis.x(frame.time), _y(score)
    title = f"<title>{frame.time:.2f} s: {escape(percent(score))}</title>"
    if threshold is not None and score >= threshold:
        return f'<path class="above" d="M{x:.1f} {y - 8:.1f}l8 8l-8 8l-8 -8z">{title}</path>'
    return f'<circle class="below" cx="{x:.1f}" cy="{y:.1f}" r="5.5">{title}</circle>'


def _ticks(sampled: Sequence[float], seen: Sequence[float], axis: _Axis) -> str:
    """Mark each sampled frame below the drawing: a bar where the face was seen, a small ring where not."""
    known = {round(time, 3) for time in seen}
    y = HEIGHT - BOTTOM + 4
    return "".join(
        f'<line class="seen" x1="{axis.x(t):.1f}" y1="{y}" x2="{axis.x(t):.1f}" y2="{y + 10}"/>'
        if round(t, 3) in known
        else f'<circle class="unseen" cx="{axis.x(t):.1f}" cy="{y + 5}" r="3"/>'
        for t in sampled
    )


def _summary(scored: Sequence[FrameScore], spans: Sequence[Span]) -> str:
    scores = [frame.score or 0.0 for frame in scored]
    words = f"Score over time: {len(scored)} scored frames from {scored[0].time:.1f} to {scored[-1].time:.1f} seconds"
    words += f", lowest {percent(min(scores))}, highest {percent(max(scores))}."
    if spans:
        parts = ", ".join(f"{span.start:.1f} to {span.end:.1f} seconds" for span in spans[:8])
        words += f" At or above the threshold: {parts}{' and more' if len(spans) > 8 else ''}."
    return words
