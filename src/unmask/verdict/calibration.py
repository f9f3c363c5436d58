"""From raw logits to probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass


def sigmoid(value: float) -> float:
    """Return 1 / (1 + exp(-value)), without overflow.

    Parameters
    ----------
    value
        Any finite number.
    """
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    return math.exp(value) / (1 + math.exp(value))


@dataclass(frozen=True)
class PlattScaling:
    """A detector's calibration as the verdict uses it: Platt scaling, and the spreads that go with it.

    score = sigmoid(slope * logit + intercept), a probability of manipulation (Platt 1999).

    Parameters
    ----------
    slope, intercept
        Of that line.
    within_sd
        Standard deviation of a frame's logit around its video's mean, as expected before seeing the video.
    between_sd
        Standard deviation of a video's mean logit around what its manipulation alone would give: the part of the
        error that more frames of the same video never take away. 0 when it was not measured.
    """

    slope: float = 1.0
    intercept: float = 0.0
    within_sd: float = 1.0
    between_sd: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and self.slope > 0 and math.isfinite(self.intercept)):
            raise ValueError("a calibration needs a positive, finite slope and a finite intercept")
        if not (self.within_sd > 0 and self.between_sd >= 0):
            raise ValueError("a calibration needs within_sd > 0 and between_sd >= 0")

    def score(self, logit: float) -> float:
        """Return the calibrated probability of a raw logit, in [0, 1].

        Parameters
        ----------
        logit
            Above 0: manipulated.
        """
        return sigmoid(self.slope * logit + self.intercept)
