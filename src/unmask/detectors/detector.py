"""A detector: crops in, calibrated scores and reconstructions out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.detectors.card import Card, file_sha256, read_card
from unmask.detectors.errors import DetectorError
from unmask.detectors.sessions import open_session
from unmask.detectors.trunk import Trunk, check_trunk, read_tuned
from unmask.faces import PROFILES

Crops = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """What a detector says of N crops.

    logits : (N,) float32, raw. scores : (N,) float32 in [0, 1], calibrated probabilities of manipulation.
    reconstruction_errors : (N,) float32 in [0, 1], mean absolute difference between the crop and its
    reconstruction at the decoder's resolution; None for a detector without a decoder.
    """

    logits: Floats
    scores: Floats
    reconstruction_errors: Floats | None


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
        self._trunk = self._open_trunk(folder, threads)
        self._session = open_session(model, threads)
        self._input = self._session.get_inputs()[0].name
        outputs = [output.name for output in self._session.get_outputs()]
        if "logit" not in outputs:
            raise DetectorError(f"{model} has no output named logit, but {', '.join(outputs)}")
        self.has_decoder = "reconstruction" in outputs

    def _open_trunk(self, folder: Path, threads: int | None) -> Trunk | None:
        reference = self.card.trunk
        if reference is None:
            return None
        check_trunk(reference)
        trunk = Trunk(reference.name, threads, read_tuned(folder, reference))
        if trunk.output != reference.output:
            raise DetectorError(f"the trunk gives {trunk.output}, the head wants {reference.output}")
        return trunk

    @property
    def name(self) -> str:
        """The detector's name, as in its card."""
        return self.card.name

    def score(self, crops: Crops) -> Floats:
        """Score crops (N, H, W, 3) uint8 RGB, H = W, in the detector's crop profile: (N,) float32 in [0, 1]."""
        return self.predict(crops).scores

    def logits(self, crops: Crops) -> Floats:
        """Give the raw logits (N,) float32 of crops (N, H, W, 3) uint8 RGB."""
        return self.predict(crops).logits

    def reconstruct(self, crops: Crops) -> Crops:
        """Rebuild crops (N, H, W, 3) uint8 RGB with the decoder: (N, h, w, 3) uint8.

        Raises DetectorError for a detector without a decoder.
        """
        if not self.has_decoder:
            raise DetectorError(f"{self.name} has no decoder")
        runs = [self._run(crop[None])[1] for crop in self._prepare(crops)]
        rebuilt = [images for images in runs if images is not None]
        if not rebuilt:
            return np.zeros((0, 0, 0, 3), np.uint8)
        whole: Crops = np.rint(np.concatenate(rebuilt) * 255).clip(0, 255).astype(np.uint8)
        return whole

    def predict(self, crops: Crops) -> Prediction:
        """Score crops (N, H, W, 3) uint8 RGB, H = W, any side, and measure how well they are rebuilt.

        Raises ValueError for another shape or type.
        """
        logits: list[float] = []
        errors: list[float] = []
        for crop in self._prepare(crops):
            logit, rebuilt = self._run(crop[None])
            value = float(logit[0])
            if self.card.mirror:
                value = (value + float(self._run(crop[None, :, ::-1])[0][0])) / 2
            logits.append(value)
            if rebuilt is not None:
                errors.append(_reconstruction_error(crop, rebuilt[0]))
        raw: Floats = np.asarray(logits, np.float32)
        return Prediction(
            raw, self._calibrated(raw), np.asarray(errors, np.float32) if self.has_decoder else None
        )

    def _run(self, batch: Crops) -> tuple[Floats, Floats | None]:
        """Logits (N,) and, with a decoder, reconstructions (N, h, w, 3) in [0, 1] of prepared crops."""
        image = np.ascontiguousarray(batch)
        entry = self._trunk.maps(image) if self._trunk else image
        wanted = ["logit", "reconstruction"] if self.has_decoder else ["logit"]
        logit, *rest = self._session.run(wanted, {self._input: entry})
        return logit.reshape(-1), rest[0].transpose(0, 2, 3, 1) if rest else None

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

    def _calibrated(self, logits: Floats) -> Floats:
        calibration = self.card.calibration
        value = calibration.slope * logits.astype(np.float64) + calibration.intercept
        scores: Floats = (0.5 * (1 + np.tanh(value / 2))).astype(np.float32)
        return scores


def _resize(image: Crops, size: int) -> Crops:
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def _reconstruction_error(crop: Crops, rebuilt: Floats) -> float:
    from PIL import Image

    small = Image.fromarray(crop).resize((rebuilt.shape[1], rebuilt.shape[0]), Image.Resampling.BOX)
    return float(np.abs(np.asarray(small, np.float32) / 255 - rebuilt).mean())
