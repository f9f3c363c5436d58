"""How far re-encodings move a score: a part of the interval's width, and a reason to abstain."""

from __future__ import annotations

from collections.abc import Mapping

from unmask.verdict.calibration import PlattScaling
from unmask.verdict.gates import Reason

STABILITY = "stability"
"""Name of the reasons that follow from re-encodings."""
REENCODINGS = {
    "jpeg_90": "JPEG at quality 90",
    "jpeg_70": "JPEG at quality 70",
    "scale_75": "75 % of the size",
    "scale_50": "50 % of the size",
    "h264_28": "H.264 at CRF 28",
}
"""The re-encodings in words; `unmask.distortions.reencodings` does them."""


def shift_variance(shifts: Mapping[str, float], calibration: PlattScaling) -> float:
    """Return the variance that re-encodings add to a mean logit, in squared calibrated log-odds.

    It is the mean square of the shifts, times the squared slope: how far one of them, taken at random, moves the mean.

    Parameters
    ----------
    shifts
        Of the mean logit, by re-encoding; 0 without any.
    calibration
        Of the detector.
    """
    if not shifts:
        return 0.0
    return calibration.slope**2 * sum(shift**2 for shift in shifts.values()) / len(shifts)


def spread_reason(scores: Mapping[str, float]) -> Reason:
    """Return the reason for an interval that is wider by what re-encodings do.

    Parameters
    ----------
    scores
        Of the face after each re-encoding, at least one.
    """
    span = " to ".join(
        dict.fromkeys(_percent(bound) for bound in (min(scores.values()), max(scores.values())))
    )
    return Reason(STABILITY, "widens", f"re-encoded copies of the face have scores of {span}")


def flip_reason(scores: Mapping[str, float]) -> Reason:
    """Return the reason for abstaining from a verdict that re-encodings would turn round.

    Parameters
    ----------
    scores
        Of the file after those re-encodings that take it across the threshold, at least one.
    """
    named = ", ".join(f"{REENCODINGS.get(name, name)} ({_percent(score)})" for name, score in scores.items())
    text = f"re-encoded copies would lie on the other side of the threshold: {named}"
    return Reason(STABILITY, "abstains", text)


def _percent(value: float) -> str:
    """Return a probability with one decimal, never rounded to a certainty it does not have."""
    if value < 0.0005:
        return "<0.1 %"
    return ">99.9 %" if value >= 0.9995 else f"{100 * value:.1f} %"
