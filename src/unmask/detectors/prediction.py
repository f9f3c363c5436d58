"""What a detector says of units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RECONSTRUCTION_ERROR = "reconstruction_error"


@dataclass(frozen=True)
class Prediction:
    """What a detector says of N units.

    Parameters
    ----------
    logits
        (N,) float32, raw; `Calibration.scores` makes probabilities of them.
    measures
        Measures of the units by name, (N,) float32 each, which gates may look at. ``reconstruction_error`` in [0, 1]:
        mean absolute difference between a crop and its reconstruction, where there is a decoder. ``token_distance``
        where the card has ``quality.familiarity``. Every further output of the ONNX file with one value a unit, by
        the output's name.
    features
        (N, K) float32, where the detector's prototypes are (`Prototypes.feature`); None without prototypes.
    """

    logits: Floats
    measures: Mapping[str, Floats] = field(default_factory=dict)
    features: Floats | None = None
