"""The mouth and the sound over time, one above the other, as an inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from unmask.report.evidence import ClipEvidence
from unmask.report.opinions import Opinion
from unmask.report.words import clock, face_name, percent, stretch

MOUTH, SOUND, FIT = "mouth_opening", "sound_level", "fit"
"""Curves that are drawn: what a detector of clips with sound calls its outputs."""

WIDTH, LEFT, RIGHT = 760, 82, 14
_ROW, _GAP, _TOP, _FOOT = 70, 14, 8, 24
_LEAST_STRETCH = 0.4  # Seconds; a shorter stretch that does not fit is chance.


@dataclass(frozen=True)
class ClipView:
    """One window of a face with its sound.

    Parameters
    ----------
    name
        Of the face.
    when
        In words.
    story
        What was found, in a sentence.
    drawing
        An ``<svg>`` element that holds numbers and fixed words only.
    """

    name: str
    when: str
    story: str
    drawing: str


def clip_views(clips: Sequence[ClipEvidence], opinions: Sequence[Opinion]) -> tuple[ClipView, ...]:
    """Return the views of clips whose curves show a mouth and a sound.

    Parameters
    ----------
    clips
        Of the evidence.
    opinions
        Of the result, whose windows have the scores.
    """
    return tuple(
        ClipView(
            face_name(clip.subject),
            stretch(clip.start, clip.end),
            _story(clip, opinions),
            _drawing(clip),
        )
        for clip in clips
        if {MOUTH, SOUND, FIT} <= set(clip.curves)
    )


def _story(clip: ClipEvidence, opinions: Sequence[Opinion]) -> str:
    windows = (
        window
        for opinion in opinions
        if opinion.detector.name == clip.detector
        for subject in opinion.subjects
        if subject.id == clip.subject
        for window in subject.windows
        if abs(window.start - clip.start) < 1e-3
    )
    window = next(windows, None)
    if window is None:
        return ""
    words = f"Score {percent(window.score)}."
    offset = next((measure.value for measure in window.measures if measure.name == "offset"), None)
    if offset is None:
        return words
    if abs(offset) < 0.02:
        return f"{words} Lips and sound go together best as they are."
    side = "later" if offset > 0 else "earlier"
    return f"{words} Lips go together best with the sound of {abs(offset):.2f} s {side}."


def _drawing(clip: ClipEvidence) -> str:
    fits = np.asarray(clip.curves[FIT])
    parts = [_shading(start, end) for start, end in stretches(fits, clip.end - clip.start)]
    parts += [_row(0, "Mouth", clip.curves[MOUTH], "mouth"), _row(1, "Sound", clip.curves[SOUND], "sound")]
    bottom = _TOP + 2 * _ROW + _GAP
    times = (
        f'<text x="{LEFT}" y="{bottom + 18}" text-anchor="start">{clock(clip.start, 0.1)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{bottom + 18}" text-anchor="end">{clock(clip.end, 0.1)}</text>'
    )
    label = escape(f"Opening of the mouth and level of the sound, {stretch(clip.start, clip.end)}")
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {bottom + _FOOT}" role="img" aria-label="{label}">'
        + "".join(parts)
        + times
        + "</svg>"
    )


def stretches(fit: np.ndarray, seconds: float) -> list[tuple[float, float]]:
    """Return where lips and sound do not go together, as shares of a window.

    Parameters
    ----------
    fit
        (L,), below 0 where they do not.
    seconds
        Length of the window.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (fit < 0).astype(int), [0]])))
    found = [(start / len(fit), end / len(fit)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [(start, end) for start, end in found if (end - start) * seconds >= _LEAST_STRETCH]


def _shading(start: float, end: float) -> str:
    left, width = LEFT + (WIDTH - LEFT - RIGHT) * start, (WIDTH - LEFT - RIGHT) * (end - start)
    return f'<rect class="span" x="{left:.1f}" y="{_TOP}" width="{width:.1f}" height="{2 * _ROW + _GAP}"/>'


def _row(number: int, name: str, values: np.ndarray, kind: str) -> str:
    values = np.asarray(values, float)
    top = _TOP + number * (_ROW + _GAP)
    low, high = float(values.min()), float(values.max())
    places = LEFT + (WIDTH - LEFT - RIGHT) * (np.arange(len(values)) + 0.5) / len(values)
    heights = top + _ROW - _ROW * (values - low) / max(high - low, 1e-9)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(places, heights, strict=True))
    foot = f'<line class="grid" x1="{LEFT}" y1="{top + _ROW}" x2="{WIDTH - RIGHT}" y2="{top + _ROW}"/>'
    word = f'<text x="{LEFT - 8}" y="{top + _ROW / 2 + 5:.1f}" text-anchor="end">{name}</text>'
    return f'{foot}{word}<polyline class="curve {kind}" points="{points}"/>'
