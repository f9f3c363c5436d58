"""What a detector's last layer reads: the exported network, cut open before it.

A detector ends in logit = <w, h> + b. The gradient of its logistic loss on a crop with label y by (w, b) is
(p - y) (h, 1), so that of two crops has the inner product (p - y) (p' - y') (<h, h'> + 1): no torch is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray

from unmask.detectors import Card, DetectorError, open_trunk_of, read_card
from unmask.detectors.registry import detector_folder
from unmask.detectors.sessions import open_session

#: Operations that only bring the logit into shape; what they read is taken instead.
_SHAPING = ("Squeeze", "Reshape", "Flatten", "Identity", "Unsqueeze", "Cast")


@dataclass(frozen=True, eq=False)
class Latents:
    """Raw logits (N,) and what the last layer reads (N, D) of N crops, float32."""

    logits: NDArray[np.float32]
    hidden: NDArray[np.float32]


class OpenedDetector:
    """An exported detector that gives its last hidden layer beside the logit.

    Raises DetectorError where it cannot be loaded, or does not end in a linear layer.
    """

    def __init__(self, name_or_folder: str | Path, threads: int | None = None) -> None:
        folder = detector_folder(name_or_folder)
        self.card: Card = read_card(folder)
        model = onnx.load(str(folder / "model.onnx"))
        self._hidden = _last_hidden(model.graph, self.card.name)
        self._entry = model.graph.input[0].name
        reference = self.card.trunk
        self._trunk = open_trunk_of(folder, reference, threads) if reference else None
        cut = onnx.utils.Extractor(model).extract_model([self._entry], ["logit"])
        cut.graph.output.append(onnx.helper.make_empty_tensor_value_info(self._hidden))
        with TemporaryDirectory() as place:
            onnx.save(cut, str(Path(place) / "cut.onnx"))
            self._session = open_session(Path(place) / "cut.onnx", threads)

    def read(self, crops: NDArray[np.uint8]) -> Latents:
        """Run crops one by one.

        Parameters
        ----------
        crops
            (N, S, S, 3) uint8 RGB of the detector's input size and crop profile.
        """
        runs = [self._run(crop[None]) for crop in crops]
        if self.card.mirror:
            # The logit is the mean of both, and the last layer is linear: so is what it reads.
            mirrored = [self._run(np.ascontiguousarray(crop[None, :, ::-1])) for crop in crops]
            half = np.float32(0.5)
            runs = [(half * (a + b), half * (h + g)) for (a, h), (b, g) in zip(runs, mirrored, strict=True)]
        return Latents(
            np.concatenate([logit for logit, _ in runs]), np.concatenate([hidden for _, hidden in runs])
        )

    def _run(self, crop: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        entry = self._trunk.maps(crop) if self._trunk else crop
        logit, hidden = self._session.run(["logit", self._hidden], {self._entry: entry})
        return logit.reshape(-1), hidden.reshape(1, -1)


def _last_hidden(graph: onnx.GraphProto, name: str) -> str:
    """Find the tensor that the last linear layer reads: the one whose weighted sum is the output `logit`.

    Raises
    ------
    DetectorError
        The network does not end in a linear layer with constant weights.
    """
    makers = {output: node for node in graph.node for output in node.output}
    constants = {value.name for value in graph.initializer}
    node = makers.get("logit")
    while node is not None:
        varying = [value for value in node.input if value not in constants]
        if node.op_type in ("Gemm", "MatMul") and len(varying) == 1 and varying[0] == node.input[0]:
            return str(varying[0])
        # The bias behind a MatMul is an Add of its own.
        if node.op_type not in (*_SHAPING, "Add") or not varying:
            break
        node = makers.get(varying[0])
    raise DetectorError(f"{name} does not end in a linear layer: its last hidden layer cannot be read")
