"""Small drawings that tell a verdict by shape: marks, and the bar with score, interval and threshold."""

from __future__ import annotations

from html import escape

from unmask.report.result import ScanResult
from unmask.report.words import percent

WIDTH, HEIGHT, MARGIN, BAR = 640, 58, 12, 22

_SHAPES = {
    "likely_fake": '<path d="M12 2L23 21H1z"/><path class="in" d="M12 8.5v6M12 17v1.6"/>',
    "likely_real": '<circle cx="12" cy="12" r="10.5"/><path class="in" d="M7 12.3l3.6 3.6L17 8.8"/>',
    "inconclusive": '<path d="M12 1L23 12L12 23L1 12z"/><path class="in" d="M7.5 12h9"/>',
    "unscored": '<rect x="2" y="2" width="20" height="20" rx="4"/><path class="in" d="M7.5 7.5l9 9M16.5 7.5l-9 9"/>',
}


def kind_of(result: ScanResult) -> str:
    """Return the class of a result: its verdict, or ``unscored``."""
    return result.verdict or "unscored"


def mark(kind: str) -> str:
    """Draw a verdict's mark, hidden from screen readers: the words stand beside it."""
    return f'<svg viewBox="0 0 24 24" aria-hidden="true" fill="currentColor">{_SHAPES[kind]}</svg>'


def gauge(result: ScanResult, threshold: float | None) -> str:
    """Draw score and interval on a bar from 0 to 100 %, with the inconclusive band and the threshold."""
    if result.score is None or result.interval is None:
        return ""
    low, high = (_x(value) for value in result.interval)
    parts = [f'<rect class="track" x="{MARGIN}" y="12" width="{WIDTH - 2 * MARGIN}" height="{BAR}" rx="4"/>']
    band = result.detector.band
    if band is not None:
        parts.append(
            f'<rect class="band" x="{_x(band[0]):.1f}" y="12" width="{_x(band[1]) - _x(band[0]):.1f}" height="{BAR}"/>'
        )
    parts.append(
        f'<rect class="interval" x="{low:.1f}" y="18" width="{max(2.0, high - low):.1f}" height="{BAR - 12}"/>'
    )
    if threshold is not None:
        x = _x(threshold)
        parts.append(f'<line class="threshold" x1="{x:.1f}" y1="6" x2="{x:.1f}" y2="{18 + BAR}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - 3}" text-anchor="middle">threshold {percent(threshold)}</text>'
        )
    parts.append(f'<circle class="score" cx="{_x(result.score):.1f}" cy="23" r="9"/>')
    parts.append(f'<text x="{MARGIN}" y="{HEIGHT - 3}">0 %</text>')
    parts.append(f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 3}" text-anchor="end">100 %</text>')
    low_words, high_words = (percent(value) for value in result.interval)
    label = f"Score {percent(result.score)}, 90 % interval {low_words} to {high_words}"
    return (
        f'<svg class="gauge {kind_of(result)}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _x(value: float) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * value
