"""The frozen trunk that built-in heads share: CLIP ViT-B/16's first blocks in int8.

Its file holds network and weights. Beside it lies the network once more, small: each block's result is an output there,
and the weights are read out of the trunk's file where they lie, which is faster than to have them copied. A second such
network takes weights moved to unsigned bytes, for processors that multiply only these exactly.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from unmask.detectors.card import TrunkReference
from unmask.detectors.errors import DetectorError
from unmask.detectors.patch_frequencies import PATCH_FREQUENCIES, patch_log_dct
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
RECENT_MAPS = 16  # Of 1.2 MB each; the heads of one scan read a crop shortly after each other.

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Constants = dict[str, Floats]


class Trunk:
    """Turns crops into the token map of a middle transformer block.

    Activations are quantised token by token, so a crop's map does not depend on its batch.

    Parameters
    ----------
    name
        Of an installed trunk.
    threads
        Operator threads of ONNX Runtime; None for one a core.
    tuned
        Norms and biases, by their names in the trunk's graph, that a head was trained with in place of the trunk's own.
    earlier
        Blocks whose patch tokens stand before the last block's, channel after channel, by the names of their results in
        the trunk's graph. They cost nothing: they are computed anyway. ``patches.log_dct`` stands for the logarithm of
        each patch's DCT, as many numbers as a token has.

    Raises
    ------
    DetectorError
        The trunk is not installed, or has no result of such a name.
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
            network, arrays = UNSIGNED_NAME, dict(_unsigned_weights(name))
        # The session reads these arrays where they are: they must live as long as it does.
        self._arrays = arrays | dict(tuned or {})
        self._constants = _ort_values(self._arrays)
        self.earlier = tuple(earlier)
        self._session = open_session(self.path.with_name(network), threads, self._constants)
        self._recent: _RecentMaps | None = None
        self.output, *results = (output.name for output in self._session.get_outputs())
        for block in self.earlier:
            if block not in (*results, PATCH_FREQUENCIES):
                raise DetectorError(f"the trunk {name} has no inner result {block}")

    def maps(self, crops: Bytes) -> Floats:
        """Return patch tokens (N, 196, channels) float32, row by row from top left.

        Parameters
        ----------
        crops
            (N, 224, 224, 3) uint8 RGB.
        """
        rows = [
            self._of_one(crop[None]) if self._recent is None else self._recent.get(crop) for crop in crops
        ]
        return np.concatenate(rows) if rows else np.zeros((0, 196, self.channels), np.float32)

    def share(self) -> None:
        """Keep the maps of the last crops: several heads are about to read the same ones, each in its turn."""
        if self._recent is None:
            self._recent = _RecentMaps(self._of_one)

    def _of_one(self, crop: Bytes) -> Floats:
        blocks = [block for block in self.earlier if block != PATCH_FREQUENCIES]
        levels = self._session.run([*blocks, self.output], {"crops": crop})
        if PATCH_FREQUENCIES in self.earlier:
            levels.insert(self.earlier.index(PATCH_FREQUENCIES), patch_log_dct(crop))
        return self._joined(levels)

    @property
    def channels(self) -> int:
        """Channels of a token: 768 of each of the ``earlier`` blocks, then those of the last."""
        return 768 * (1 + len(self.earlier))

    def _joined(self, levels: list[Floats]) -> Floats:
        last = levels[-1]
        if len(levels) == 1:
            return last
        # A block's own result has the class token before its patches.
        return np.concatenate([level[:, -last.shape[1] :] for level in levels], axis=2)


class _RecentMaps:
    """The maps of the last crops, each computed once however many threads ask for it."""

    def __init__(self, compute: Callable[[Bytes], Floats]) -> None:
        self._compute = compute
        self._lock = Lock()
        self._maps: OrderedDict[bytes, Future[Floats]] = OrderedDict()

    def get(self, crop: Bytes) -> Floats:
        """Return the map (1, 196, channels) of a crop (224, 224, 3)."""
        key = blake2b(crop.tobytes()).digest()
        with self._lock:
            found = self._maps.get(key)
            if found is None:
                begun = self._maps[key] = Future()
                if len(self._maps) > RECENT_MAPS:
                    self._maps.popitem(last=False)
        if found is not None:
            return found.result()
        try:
            begun.set_result(self._compute(crop[None]))
        except BaseException as error:
            begun.set_exception(error)
            with self._lock:
                self._maps.pop(key, None)
        return begun.result()


def _unsigned_weights(name: str) -> dict[str, Bytes]:
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
    """Return where a trunk's file lies.

    Parameters
    ----------
    name
        Of the trunk.

    Raises
    ------
    DetectorError
        It is not installed.
    """
    path = WEIGHTS / name / "trunk.onnx"
    if not path.is_file():
        raise DetectorError(f"the trunk {name} is not installed ({path})")
    return path


def _check_trunk(reference: TrunkReference) -> None:
    """Check the installed trunk's hash against a head's card, and its networks' hashes against its own card."""
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
    """Open the trunk of a head.

    Parameters
    ----------
    folder
        Of the head, with the constants that it brings for the trunk.
    reference
        The trunk, as the head's card names it.
    threads
        Operator threads of ONNX Runtime; None for one a core.

    Raises
    ------
    DetectorError
        Another trunk is installed than the head was trained on, or the constants are not those that the card names.
    """
    _check_trunk(reference)
    trunk = Trunk(reference.name, threads, _read_tuned(folder, reference), reference.earlier)
    if trunk.output != reference.output:
        raise DetectorError(f"the trunk gives {trunk.output}, the head wants {reference.output}")
    return trunk


def _read_tuned(folder: Path, reference: TrunkReference) -> Constants | None:
    """Read the constants that a detector brings for its trunk; None if it brings none."""
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
    """Return the trunk's own card: source, licence, hashes, conversion.

    Parameters
    ----------
    name
        Of the trunk.
    """
    card: dict[str, object] = json.loads((trunk_path(name).parent / "card.json").read_text(encoding="utf-8"))
    return card
