"""The frozen trunk that built-in heads share: CLIP ViT-B/16's first blocks in int8.

Its file holds network and weights. Beside it lies the network once more, small: each block's result is an output there,
and the weights are read out of the trunk's file where they lie, which is faster than to have them copied. A second such
network takes weights moved to unsigned bytes, for processors that multiply only these exactly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from unmask.detectors.card import TrunkReference
from unmask.detectors.errors import DetectorError
from unmask.detectors.processor import is_known_to_saturate
from unmask.detectors.sessions import open_session
from unmask.hashing import file_sha256

if TYPE_CHECKING:
    import onnxruntime

WEIGHTS = Path(__file__).parent / "weights"
INPUT_SIZE = 224
TUNED_NAME = "trunk.npz"
BLOCKS_NAME = "blocks.onnx"
UNSIGNED_NAME = "blocks-unsigned.onnx"

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Constants = dict[str, Floats]


class Trunk:
    """Turns crops into the token map of a middle transformer block.

    Activations are quantised token by token, so a crop's map does not depend on its batch.

    tuned : constants of the trunk's graph, by name, that a head was trained with in place of the trunk's own: norms
    and biases.
    earlier : blocks whose patch tokens stand before the last block's, channel after channel, by the names of their
    results in the trunk's graph. They cost nothing: they are computed anyway. Raises DetectorError where it has none
    of such a name.
    """

    def __init__(
        self,
        name: str = "clip-vit-b16",
        threads: int | None = None,
        tuned: Constants | None = None,
        earlier: Sequence[str] = (),
    ) -> None:
        self.path = trunk_path(name)
        self.name = name
        network, arrays = BLOCKS_NAME, dict[str, Floats | Bytes]()
        if is_known_to_saturate():
            # ONNX Runtime moves the weights by itself where this is not known, and takes half a second.
            network, arrays = UNSIGNED_NAME, dict(unsigned_weights(name))
        # The session reads these arrays where they are: they must live as long as it does.
        self._arrays = arrays | dict(tuned or {})
        self._constants = _ort_values(self._arrays)
        self.earlier = tuple(earlier)
        self._session = open_session(self.path.with_name(network), threads, self._constants)
        self.output, *results = (output.name for output in self._session.get_outputs())
        for block in self.earlier:
            if block not in results:
                raise DetectorError(f"the trunk {name} has no inner result {block}")

    def maps(self, crops: Bytes) -> Floats:
        """Map crops (N, 224, 224, 3) uint8 RGB to patch tokens (N, 196, 768) float32, row by row from top left.

        With ``earlier`` blocks a token has 768 channels of each of them before those of the last.
        """
        rows = [
            self._joined(self._session.run([*self.earlier, self.output], {"crops": crop[None]}))
            for crop in crops
        ]
        return np.concatenate(rows) if rows else np.zeros((0, 196, self.channels), np.float32)

    @property
    def channels(self) -> int:
        """Channels of a token."""
        return 768 * (1 + len(self.earlier))

    def _joined(self, levels: list[Floats]) -> Floats:
        last = levels[-1]
        if len(levels) == 1:
            return last
        # A block's own result has the class token before its patches.
        return np.concatenate([level[:, -last.shape[1] :] for level in levels], axis=2)


def unsigned_weights(name: str) -> dict[str, Bytes]:
    """Read a trunk's int8 weights, moved by 128 to unsigned bytes: (inputs, outputs) uint8 each, by name."""
    content = np.memmap(trunk_path(name), np.uint8, "r")
    places = cast("dict[str, list[int]]", trunk_card(name)["weights"])
    return {
        weight: np.bitwise_xor(content[offset : offset + rows * columns], np.uint8(128)).reshape(
            rows, columns
        )
        for weight, (offset, rows, columns) in places.items()
    }


def _ort_values(
    arrays: Mapping[str, Floats | Bytes],
) -> dict[str, onnxruntime.OrtValue]:
    import onnxruntime

    return {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()}


def trunk_path(name: str) -> Path:
    """Where a trunk's file lies; DetectorError when it is not installed."""
    path = WEIGHTS / name / "trunk.onnx"
    if not path.is_file():
        raise DetectorError(f"the trunk {name} is not installed ({path})")
    return path


def check_trunk(reference: TrunkReference) -> None:
    """Hold the installed trunk against what a head's card says it was trained on, and its network against its card."""
    path = trunk_path(reference.name)
    installed = file_sha256(path)
    if installed != reference.sha256:
        raise DetectorError(
            f"the head was trained on trunk {reference.name} {reference.sha256[:12]}, installed is {installed[:12]}"
        )
    card = trunk_card(reference.name)
    for name, sha256 in ((BLOCKS_NAME, card["blocks_sha256"]), (UNSIGNED_NAME, card["unsigned_sha256"])):
        if file_sha256(path.with_name(name)) != sha256:
            raise DetectorError(f"{name} of trunk {reference.name} is not the file that its card describes")


def open_trunk_of(folder: Path, reference: TrunkReference, threads: int | None = None) -> Trunk:
    """Open the trunk that a head's card names, with the constants in the head's folder that belong to it.

    Raises DetectorError when another trunk is installed than the head was trained on.
    """
    check_trunk(reference)
    trunk = Trunk(reference.name, threads, read_tuned(folder, reference), reference.earlier)
    if trunk.output != reference.output:
        raise DetectorError(f"the trunk gives {trunk.output}, the head wants {reference.output}")
    return trunk


def read_tuned(folder: Path, reference: TrunkReference) -> Constants | None:
    """Read the constants that a detector brings for its trunk; None if it brings none.

    Raises DetectorError when the file is not the one that the card names.
    """
    if reference.tuned is None:
        return None
    path = folder / TUNED_NAME
    if not path.is_file() or file_sha256(path) != reference.tuned:
        raise DetectorError(
            f"{path} is not the file that its card describes: its SHA-256 differs or it is missing"
        )
    with np.load(path, allow_pickle=False) as file:
        return {name: np.ascontiguousarray(file[name], np.float32) for name in file.files}


def trunk_card(name: str) -> dict[str, object]:
    """Return the trunk's own card: source, licence, hashes, conversion."""
    card: dict[str, object] = json.loads((trunk_path(name).parent / "card.json").read_text(encoding="utf-8"))
    return card
