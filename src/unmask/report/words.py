"""Plain words for verdicts and statuses, and names made safe to show."""

from __future__ import annotations

from html import escape

from unmask.report.result import ScanResult

VERDICTS = {
    "likely_fake": "likely fake",
    "likely_real": "likely real",
    "inconclusive": "inconclusive",
}
STATUSES = {
    "ok": "ok",
    "no_face": "no face",
    "unreadable": "unreadable",
    "unsupported": "unsupported",
    "too_large": "too large",
    "failed": "failed",
}
MEANINGS = {
    "likely_fake": "The detector found signs that a face was swapped or re-enacted.",
    "likely_real": "The detector noticed no signs of a swapped or re-enacted face. That is no proof of authenticity.",
    "inconclusive": "The evidence does not allow a verdict: the score or its interval lies across the threshold.",
    "no_face": "No face was found in what was looked at, so there is nothing to score.",
    "unreadable": "The file could not be read, so nothing can be said about it.",
    "unsupported": "This kind of file is not read, so nothing can be said about it.",
    "too_large": "The file is beyond the limits, so nothing can be said about it.",
    "failed": "unmask itself failed, so nothing can be said about the file.",
}
CANNOT_TELL = (
    "A verdict concerns the faces alone: swapped and re-enacted faces are what the detector looks for.",
    "It says nothing about sound, about wholly generated pictures, or about edits away from faces.",
    "A score is a calibrated estimate, not proof. Strong compression, small or dark faces and methods "
    "newer than the detector make it less certain.",
)


def headline(result: ScanResult) -> str:
    """Return in two words what a scan came to: its verdict, else its status."""
    return VERDICTS[result.verdict] if result.verdict else STATUSES[result.status]


def notes(result: ScanResult) -> str:
    """Return in one line what else there is to know: the detail, and each reason of the gates or of abstaining."""
    return "; ".join([*([result.detail] if result.detail else []), *(r.text for r in result.reasons)])


def meaning(result: ScanResult) -> str:
    """Return in a sentence what the headline means."""
    return MEANINGS[result.verdict or result.status]


def face_name(track: int) -> str:
    """Name a face for people, who count from 1; ``track`` is its id, from 0."""
    return f"Face {track + 1}"


def printable(text: str) -> str:
    """Show control characters, line breaks, direction marks and undecodable bytes as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def safe(text: str) -> str:
    """Make any string of a file harmless inside HTML, in text and in attributes."""
    return escape(printable(text))


def percent(value: float | None) -> str:
    """Write a probability as whole per cent, never rounded to a certainty it does not have."""
    if value is None:
        return "-"
    if 0 < value < 0.01:
        return "<1 %"
    if 0.99 < value < 1:
        return ">99 %"
    return f"{value:.0%}".replace("%", " %")


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 frame``, ``6 frames``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
