"""From raw logits to probabilities: a detector's calibration as the verdict uses it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
class Calibration:
    """Platt's calibration and the spreads that go with it.

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

    @classmethod
    def from_card(cls, values: Mapping[str, Any]) -> Calibration:
        """Read a card's ``calibration``.

        Parameters
        ----------
        values
            By name; without ``within_sd`` one unit of calibrated log-odds is taken.
        """
        slope = float(values.get("slope", 1.0))
        within = values.get("within_sd")
        return cls(
            slope=slope,
            intercept=float(values.get("intercept", 0.0)),
            within_sd=float(within) if within is not None else 1 / slope,
            between_sd=float(values.get("between_sd") or 0.0),
        )
