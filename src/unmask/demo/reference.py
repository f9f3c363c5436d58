"""The logits of the portrait's face by the built-in detectors where they were made."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from unmask.demo.clips import FACE, portrait
from unmask.faces import cut, profile

if TYPE_CHECKING:
    from unmask.detectors import Detector

MAX_DIFFERENCE = 0.1
MAX_SHARE = 0.02
"""Of a large logit. More than another version of ONNX Runtime (0.04 or 1 % seen) or another processor explains."""


def is_explained(here: float, recorded: float) -> bool:
    """Return whether two logits of the portrait differ by no more than libraries and processors explain.

    Parameters
    ----------
    here, recorded
        Raw logits.
    """
    return abs(here - recorded) <= max(MAX_DIFFERENCE, MAX_SHARE * abs(recorded))


def portrait_logit(detector: Detector) -> float:
    """Return the raw logit of the portrait's face, cut around ``FACE`` by the detector's own crop profile.

    Parameters
    ----------
    detector
        Of face crops.
    """
    crop = cut(np.asarray(portrait()), FACE, profile(detector.card.crop_profile))
    return float(detector.logits(crop[None])[0])


def reference_logit(sha256: str) -> float | None:
    """Return the recorded logit of a detector, exactly a float32; None where none was recorded.

    Parameters
    ----------
    sha256
        Hash of the detector's ``model.onnx``, as in its card.
    """
    table = json.loads(files("unmask.demo").joinpath("reference_logits.json").read_text(encoding="utf-8"))
    value: float | None = table.get(sha256)
    return value
