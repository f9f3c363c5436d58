"""The frozen trunk that built-in heads share: CLIP ViT-B/16's first blocks in int8."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.detectors.card import TrunkReference, file_sha256
from unmask.detectors.errors import DetectorError
from unmask.detectors.sessions import open_session

WEIGHTS = Path(__file__).parent / "weights"
INPUT_SIZE = 224


class Trunk:
    """Turns crops into the token map of a middle transformer block.

    Activations are quantised token by token, so a crop's map does not depend on its batch.
    """

    def __init__(self, name: str = "clip-vit-b16", threads: int | None = None) -> None:
        self.path = trunk_path(name)
        self.name = name
        self._session = open_session(self.path, threads)
        self.output = self._session.get_outputs()[0].name

    def maps(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Map crops (N, 224, 224, 3) uint8 RGB to patch tokens (N, 196, 768) float32, row by row from top left."""
        rows = [self._session.run([self.output], {"crops": crop[None]})[0] for crop in crops]
        return np.concatenate(rows) if rows else np.zeros((0, 196, 768), np.float32)


def trunk_path(name: str) -> Path:
    """Where a trunk's file lies; DetectorError when it is not installed."""
    path = WEIGHTS / name / "trunk.onnx"
    if not path.is_file():
        raise DetectorError(f"the trunk {name} is not installed ({path})")
    return path


def check_trunk(reference: TrunkReference) -> None:
    """Hold the installed trunk against what a head's card says it was trained on."""
    installed = file_sha256(trunk_path(reference.name))
    if installed != reference.sha256:
        raise DetectorError(
            f"the head was trained on trunk {reference.name} {reference.sha256[:12]}, installed is {installed[:12]}"
        )


def trunk_card(name: str) -> dict[str, object]:
    """Give the trunk's own card: source, licence, hashes, conversion."""
    card: dict[str, object] = json.loads((trunk_path(name).parent / "card.json").read_text(encoding="utf-8"))
    return card
