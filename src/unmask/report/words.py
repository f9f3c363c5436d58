"""Plain words for verdicts and statuses, and names made safe to show."""

from __future__ import annotations

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
}
CANNOT_TELL = (
    "A verdict concerns the faces alone: swapped and re-enacted faces are what the detector looks for.",
    "It says nothing about sound, about wholly generated pictures, or about edits away from faces.",
    "A score is a calibrated estimate, not proof. Strong compression, small or dark faces and methods "
    "newer than the detector make it less certain.",
)


def headline(result: ScanResult) -> str:
    """Say in two words what a scan came to: its verdict, else its status."""
    return VERDICTS[result.verdict] if result.verdict else STATUSES[result.status]


def notes(result: ScanResult) -> str:
    """Say in one line what else there is to know: the detail, and each reason of the gates or of abstaining."""
    return "; ".join([*([result.detail] if result.detail else []), *(r.text for r in result.reasons)])


def printable(text: str) -> str:
    """Show control characters, line breaks, direction marks and undecodable bytes as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def percent(value: float | None) -> str:
    """Write a probability as whole per cent, never rounded to a certainty it does not have."""
    if value is None:
        return "-"
    if 0 < value < 0.01:
        return "<1 %"
    if 0.99 < value < 1:
        return ">99 %"
    return f"{value:.0%}".replace("%", " %")
