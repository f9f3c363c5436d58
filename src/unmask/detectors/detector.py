"""A detector: crops in, calibrated scores and reconstructions out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.detectors.card import Calibration, Card, file_sha256, read_card
from unmask.detectors.errors import DetectorError
from unmask.detectors.explanation import Explanation, error_map
from unmask.detectors.familiarity import MEASURE, ReferenceFaces, read_reference_faces
from unmask.detectors.sessions import open_session
from unmask.detectors.trunk import open_trunk_of
from unmask.faces import PROFILES

Crops = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """What a detector says of N crops.

    logits : (N,) float32, raw. scores : (N,) float32 in [0, 1], calibrated probabilities of manipulation.
    reconstruction_errors : (N,) float32 in [0, 1], mean absolute difference between the crop and its
    reconstruction at the decoder's resolution; None for a detector without a decoder.
    measures : further measures of the crops by name, (N,) float32 each, which gates may look at: ``token_distance``
    where the card has ``quality.familiarity``.
    """

    logits: Floats
    scores: Floats
    reconstruction_errors: Floats | None
    measures: Mapping[str, Floats] = field(default_factory=dict)


class Detector:
    """An exported detector, run by ONNX Runtime.

    Thread-safe: several threads may call it at once. A crop's score does not depend on its batch.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self.card: Card = read_card(folder)
        if self.card.crop_profile not in PROFILES:
            raise DetectorError(
                f"{self.card.name} wants crop profile {self.card.crop_profile!r}; known are {', '.join(PROFILES)}"
            )
        model = folder / "model.onnx"
        if not model.is_file():
            raise DetectorError(f"{folder} holds no model.onnx")
        if file_sha256(model) != self.card.sha256:
            raise DetectorError(f"{model} is not the file that its card describes: its SHA-256 differs")
        reference = self.card.trunk
        self._trunk = open_trunk_of(folder, reference, threads) if reference else None
        self._reference_faces = self._read_reference_faces(folder)
        self._session = open_session(model, threads)
        self._input = self._session.get_inputs()[0].name
        outputs = [output.name for output in self._session.get_outputs()]
        if "logit" not in outputs:
            raise DetectorError(f"{model} has no output named logit, but {', '.join(outputs)}")
        self.has_decoder = "reconstruction" in outputs
        self.has_patch_logits = "patch_logits" in outputs

    def _read_reference_faces(self, folder: Path) -> ReferenceFaces | None:
        quality, reference = self.card.quality, self.card.trunk
        if quality is None or quality.familiarity is None:
            return None
        if self._trunk is None or reference is None:
            raise DetectorError(f"{self.card.name}: quality.familiarity needs a trunk")
        return read_reference_faces(folder, quality.familiarity, reference.identity, self._trunk.channels)

    @property
    def name(self) -> str:
        """The detector's name, as in its card."""
        return self.card.name

    def score(self, crops: Crops) -> Floats:
        """Score crops (N, H, W, 3) uint8 RGB, H = W, in the detector's crop profile: (N,) float32 in [0, 1]."""
        return self.predict(crops).scores

    def logits(self, crops: Crops) -> Floats:
        """Return the raw logits (N,) float32 of crops (N, H, W, 3) uint8 RGB."""
        return self.predict(crops).logits

    def reconstruct(self, crops: Crops) -> Crops:
        """Rebuild crops (N, H, W, 3) uint8 RGB with the decoder: (N, h, w, 3) uint8.

        Raises DetectorError for a detector without a decoder.
        """
        if not self.has_decoder:
            raise DetectorError(f"{self.name} has no decoder")
        rebuilt = [_rebuilt(self._run(crop, "reconstruction")[0]) for crop in self._prepare(crops)]
        return (
            np.stack([_as_picture(image) for image in rebuilt])
            if rebuilt
            else np.zeros((0, 0, 0, 3), np.uint8)
        )

    def explain(self, crops: Crops) -> list[Explanation]:
        """Map where in crops (N, H, W, 3) uint8 RGB the answer comes from; see ``Explanation``.

        Costs as much as scoring the crops. Parts that the exported detector does not give are None.
        """
        return [self._explained(crop) for crop in self._prepare(crops)]

    def _explained(self, crop: Crops) -> Explanation:
        wanted = ["patch_logits"] * self.has_patch_logits + ["reconstruction"] * self.has_decoder
        outputs = dict(zip(wanted, self._run(crop, *wanted), strict=True)) if wanted else {}
        patches = outputs["patch_logits"][0] if self.has_patch_logits else None
        if patches is not None and self.card.mirror:
            patches = (patches + self._run(crop[:, ::-1], "patch_logits")[0][0, :, ::-1]) / 2
        rebuilt = _rebuilt(outputs["reconstruction"]) if self.has_decoder else None
        return Explanation(
            patch_logits=patches,
            reconstruction=None if rebuilt is None else _as_picture(rebuilt),
            error_map=None if rebuilt is None else error_map(crop, rebuilt),
        )

    def predict(self, crops: Crops) -> Prediction:
        """Score crops (N, H, W, 3) uint8 RGB, H = W, any side, and measure how well they are rebuilt.

        Raises ValueError for another shape or type.
        """
        logits: list[float] = []
        errors: list[float] = []
        distances: list[float] = []
        wanted = ["logit"] + ["reconstruction"] * self.has_decoder
        for crop in self._prepare(crops):
            entry = self._entry(crop)
            logit, *rest = self._judge(entry, *wanted)
            value = float(logit.reshape(()))
            if self.card.mirror:
                value = (value + float(self._run(crop[:, ::-1], "logit")[0].reshape(()))) / 2
            logits.append(value)
            if rest:
                errors.append(float(error_map(crop, _rebuilt(rest[0])).mean()))
            if self._reference_faces is not None:
                distances.append(self._reference_faces.distance(entry[0]))
        raw: Floats = np.asarray(logits, np.float32)
        measured = {} if self._reference_faces is None else {MEASURE: np.asarray(distances, np.float32)}
        return Prediction(
            raw,
            calibrated_scores(self.card.calibration, raw).astype(np.float32),
            np.asarray(errors, np.float32) if self.has_decoder else None,
            measured,
        )

    def _run(self, crop: Crops, *outputs: str) -> list[Floats]:
        """Return the named outputs of the model for one prepared crop, each with a batch of one in front."""
        return self._judge(self._entry(crop), *outputs)

    def _entry(self, crop: Crops) -> npt.NDArray[Any]:
        """Return what the model reads of one prepared crop: its map, or the crop itself."""
        image = np.ascontiguousarray(crop[None])
        return self._trunk.maps(image) if self._trunk else image

    def _judge(self, entry: npt.NDArray[Any], *outputs: str) -> list[Floats]:
        given: list[Floats] = self._session.run(outputs, {self._input: entry})
        return given

    def _prepare(self, crops: Crops) -> Crops:
        crops = np.asarray(crops)
        if (
            crops.ndim != 4
            or crops.shape[3] != 3
            or crops.shape[1] != crops.shape[2]
            or crops.dtype != np.uint8
        ):
            raise ValueError(f"crops must be (N, H, H, 3) uint8, not {crops.shape} {crops.dtype}")
        size = self.card.input_size
        if crops.shape[1] == size:
            return crops
        return np.stack([_resize(crop, size) for crop in crops]) if len(crops) else crops


def calibrated_scores(calibration: Calibration, logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return sigmoid(slope * logit + intercept) in [0, 1] of logits (N,)."""
    value = calibration.slope * np.asarray(logits, np.float64) + calibration.intercept
    scores: npt.NDArray[np.float64] = 0.5 * (1 + np.tanh(value / 2))
    return scores


def _resize(image: Crops, size: int) -> Crops:
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def _rebuilt(planes: Floats) -> Floats:
    """(1, 3, h, w) in [0, 1] -> (h, w, 3) in [0, 1]."""
    image: Floats = planes[0].transpose(1, 2, 0)
    return image


def _as_picture(image: Floats) -> Crops:
    picture: Crops = np.rint(image * 255).clip(0, 255).astype(np.uint8)
    return picture
