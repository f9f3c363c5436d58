"""A track's frame scores over time, as a small inline SVG."""

from __future__ import annotations

from unmask.report.result import TrackScore

WIDTH, HEIGHT, MARGIN = 360, 72, 6


def timeline(track: TrackScore, duration: float | None, threshold: float | None = None) -> str:
    """Draw the scored frames of a track: time to the right, score upwards from 0 to 1.

    duration : seconds; the last frame's time stands in when it is unknown. threshold : the score at which a
    dashed line is drawn. Gives an ``<svg>`` element that holds numbers only.
    """
    end = max(duration or 0.0, track.frames[-1].time) or 1.0
    points = [
        (MARGIN + (WIDTH - 2 * MARGIN) * frame.time / end, _height(frame.score), frame)
        for frame in track.frames
        if frame.score is not None
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3">'
        f"<title>{frame.time:.2f} s: {frame.score:.2f}</title></circle>"
        for x, y, frame in points
    )
    line = ""
    if threshold is not None:
        line = f'<line x1="0" y1="{_height(threshold):.1f}" x2="{WIDTH}" y2="{_height(threshold):.1f}"/>'
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="score over time, {len(points)} frames">'
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="4"/>'
        f'{line}<polyline points="{path}"/>{dots}</svg>'
    )


def _height(score: float) -> float:
    return MARGIN + (HEIGHT - 2 * MARGIN) * (1 - score)
