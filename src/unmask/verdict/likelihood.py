"""How strongly a score speaks for one of two propositions: its likelihood ratio, bounded by what the data support."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DIGITS = 3
SCALE = (
    (6.0, "extremely strong"),
    (4.0, "very strong"),
    (3.0, "strong"),
    (2.0, "moderately strong"),
    (1.0, "moderate"),
    (math.log10(2), "weak"),
)
"""The verbal scale of the ENFSI Guideline for Evaluative Reporting in Forensic Science (2015): from which log10."""
SOURCE = "verbal scale of the ENFSI guideline for evaluative reporting, 2015"


@dataclass(frozen=True)
class LikelihoodRatio:
    """How much more probable a face's appearance to the detector is if it was manipulated than if it was not.

    Parameters
    ----------
    log10
        Logarithm of the ratio to base 10; above 0 it speaks for manipulation.
    low, high
        90 % interval around it, bounded likewise.
    bounded
        Whether log10 is the bound that the calibration's data support, and would be further from 0 without it.
    """

    log10: float
    low: float
    high: float
    bounded: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low + self.high) and self.low <= self.log10 <= self.high):
            raise ValueError("a likelihood ratio must be finite and within its interval")

    def to_dict(self) -> dict[str, float | bool]:
        """Return the ratio as plain values, three decimals each."""
        return {
            "log10": round(self.log10, DIGITS),
            "low": round(self.low, DIGITS),
            "high": round(self.high, DIGITS),
            "bounded": self.bounded,
        }


@dataclass(frozen=True)
class LikelihoodScale:
    """What turns a card's scores into likelihood ratios.

    Parameters
    ----------
    prior
        Share of fakes, in (0, 1), at which scores are probabilities.
    bounds
        log10 (low, high), low <= 0 <= high, that the calibration's data support.
    """

    prior: float
    bounds: tuple[float, float]

    def ratio(self, score: float, interval: tuple[float, float]) -> LikelihoodRatio:
        """Return the likelihood ratio of a face.

        The odds of a score are the prior odds times the likelihood ratio (Bayes).

        Parameters
        ----------
        score
            Of one face by itself, in [0, 1].
        interval
            90 % interval around it.
        """
        raw, low, high = (_log10_odds(value) - _log10_odds(self.prior) for value in (score, *interval))
        held = self._held(raw)
        return LikelihoodRatio(held, self._held(low), self._held(high), held != raw)

    def _held(self, log10: float) -> float:
        return min(self.bounds[1], max(self.bounds[0], log10))


def likelihood_scale(calibration: object) -> LikelihoodScale | None:
    """Return what turns the scores of a card's calibration into likelihood ratios.

    Where the calibration states counts and no bounds, a ratio is bounded by the counts: n items of a class support no
    ratio beyond n + 1.

    Parameters
    ----------
    calibration
        Of the card: an object or a mapping.

    Returns
    -------
    LikelihoodScale or None
        None where the card does not say which class mix and how many items its scores were calibrated on.
    """
    values: Mapping[str, Any] = calibration if isinstance(calibration, dict) else vars(calibration)
    prior, bounds = values.get("prior"), values.get("log10_lr_bounds")
    reals, fakes = values.get("reals"), values.get("fakes")
    if bounds is None and reals is not None and fakes is not None:
        bounds = -math.log10(fakes + 1), math.log10(reals + 1)
    if prior is None or bounds is None:
        return None
    return LikelihoodScale(float(prior), (float(bounds[0]), float(bounds[1])))


def support_in_words(ratio: LikelihoodRatio) -> str:
    """Return in a sentence how strongly a ratio supports which proposition, on the scale of the ENFSI guideline.

    Parameters
    ----------
    ratio
        Of the file.
    """
    size = abs(ratio.log10)
    strength = next((words for least, words in SCALE if size >= least), None)
    if strength is None:
        return "The findings support neither that the face was manipulated nor that it was not."
    number = f"{float(f'{10**size:.2g}'):,g}"  # Two digits.
    about = "at least" if ratio.bounded else "about"
    first, second = ("was", "was not") if ratio.log10 > 0 else ("was not", "was")
    return (
        f"The findings are {about} {number} times more probable if the face {first} manipulated than if it {second}: "
        f"{strength} support for the first ({SOURCE})."
    )


def _log10_odds(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log10(probability / (1 - probability))
