"""The logits of the portrait's face by the built-in detectors where they were made."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unmask.demo.clips import FACE, portrait
from unmask.detectors import FaceClips, FaceCrops
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
    """Return the raw logit of the portrait's face, or of a clip and a sound that are made of it.

    Parameters
    ----------
    detector
        Of face crops, or of clips of a face with their sound.
    """
    spec = detector.card.input
    assert isinstance(spec, (FaceCrops, FaceClips)), "the portrait shows a face"
    return float(detector.predict(portrait_inputs(spec)).logits[0])


def portrait_inputs(spec: FaceCrops | FaceClips) -> dict[str, NDArray[Any]]:
    """Return the arrays that a detector reads of the portrait, one unit, the same on every machine.

    Parameters
    ----------
    spec
        What it reads. The face is cut around ``FACE`` by its crop profile. In a clip its lower third is drawn out and
        back, twice a second, and the sound is louder the further it is drawn out.
    """
    image, cut_as = np.asarray(portrait()), profile(spec.crop_profile)
    if isinstance(spec, FaceCrops):
        return {"crops": cut(image, FACE, cut_as)[None]}
    crop = cut(image, FACE, cut_as, spec.size)
    period = max(2, round(spec.rate / 2))
    opening = [min(frame % period, period - frame % period) for frame in range(spec.frames)]
    inputs = {"clips": np.stack([_drawn_out(crop, step) for step in opening])[None]}
    if spec.audio is not None:
        samples = np.arange(spec.audio.samples)
        noise = (samples * samples * 31 % 2001 - 1000) / 1000
        loudness = np.array(opening)[samples * spec.frames // len(samples)] / period
        inputs["sound"] = (noise * loudness)[None].astype(np.float32)
    return inputs


def _drawn_out(face: NDArray[np.uint8], steps: int) -> NDArray[np.uint8]:
    side = len(face)
    middle, longer = side * 2 // 3, steps * side // 96
    rows = np.arange(side - middle) * (side - middle) // (side - middle + longer)
    return np.concatenate([face[:middle], face[middle + rows]])


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
