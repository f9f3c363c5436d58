"""Writes the detector ``sync`` as ONNX: clips and sound in, logit, offset and curves out, the face mesh inside."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.models.lips import OPENING, POINTS, LipShape, doubled
from unmask.models.sound import HOP, MEL_PER_FRAME, LogMel
from unmask.models.sync import NEAR, REACH, SyncNetwork, similarity_by_frame, statistics_of

MEASURES = ("offset", "similarity", "mouth_motion")
CURVES = ("mouth_opening", "sound_level", "fit")
_OPSET, _IR_VERSION = 18, 9
_FIT_FRAMES = 25  # A second, over which the fit of a moment is averaged.
_QUIET = 1e-6


class ExportedSync(nn.Module):
    """A fitted network with what stands before and behind it, for one unit.

    Parameters
    ----------
    network
        Fitted.
    weights
        (4,) of the three values of `statistics_of` and a constant: their sum is the log-odds that the sound belongs.
    """

    def __init__(self, network: SyncNetwork, weights: NDArray[np.float64]) -> None:
        super().__init__()
        self.network, self.shape, self.mel = network, LipShape(), LogMel()
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32))

    def forward(self, points: Tensor, sound: Tensor) -> tuple[Tensor, ...]:
        """Return the logit, then what ``MEASURES`` and ``CURVES`` name.

        Parameters
        ----------
        points
            (T, 1404) of a clip's frames, 12.5 a second.
        sound
            (1, 1280 T).
        """
        lips = doubled(self.shape(points.reshape(1, -1, POINTS, 3)))
        mel = self.mel(sound)
        by_frame = similarity_by_frame(*self.network(lips, mel))
        curve = by_frame.sum(1) / self._counts(by_frame)
        statistics = statistics_of(curve)
        weights = self.get_buffer("weights")
        logit = -(statistics @ weights[:3] + weights[3])
        offset = (curve.argmax(1) - REACH).float() / 25
        near = slice(REACH - NEAR, REACH + NEAR + 1)
        best = curve[:, near].argmax(1)
        local = by_frame[:, :, near].transpose(1, 2)
        reach = _FIT_FRAMES // 2
        smooth = F.avg_pool1d(F.pad(local, (reach, reach), mode="replicate"), _FIT_FRAMES, 1)
        fit = (smooth * F.one_hot(best, 2 * NEAR + 1)[:, :, None]).sum(1)
        opening = lips[:, OPENING]
        motion = (opening[:, 1:] - opening[:, :-1]).abs().mean(1)
        return logit, offset, statistics[:, 0], motion, opening, _level(sound), fit

    @staticmethod
    def _counts(by_frame: Tensor) -> Tensor:
        return by_frame.shape[1] - torch.arange(-REACH, REACH + 1).abs()


def _level(sound: Tensor) -> Tensor:
    """Return the sound's level in dB of full scale, one value a frame of the video."""
    power = F.avg_pool1d(sound[:, None].square(), HOP * MEL_PER_FRAME, HOP * MEL_PER_FRAME)[:, 0]
    return 10 * torch.log10(power + _QUIET)


def write_sync(network: SyncNetwork, weights: NDArray[np.float64], mesh: Path, path: Path) -> None:
    """Write the whole detector as one ONNX file that reads ``clips`` (1, T, 192, 192, 3) and ``sound`` (1, 1280 T).

    Parameters
    ----------
    network, weights
        As `ExportedSync` has them.
    mesh
        ONNX file of the face mesh, see `unmask.detectors.mesh`.
    path
        To write.
    """
    model = ExportedSync(network, weights).eval()
    part = path.with_suffix(".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.rand(50, POINTS * 3), torch.rand(1, 100 * HOP * MEL_PER_FRAME)),
            str(part),
            input_names=["points", "sound"],
            output_names=["logit", *MEASURES, *CURVES],
            dynamic_axes={"points": {0: "frames"}, "sound": {1: "samples"}}
            | {name: {1: "places"} for name in CURVES},
            opset_version=_OPSET,
            dynamo=False,
        )
    head = onnx.load(part)
    head.ir_version = _IR_VERSION
    part.unlink()
    whole = compose.merge_models(_before_mesh(), onnx.load(mesh), [("faces", "faces")])
    whole = compose.merge_models(whole, head, [("points", "points")])
    for node in whole.graph.node:
        node.ClearField("doc_string")
    onnx.checker.check_model(whole)
    onnx.save(whole, path)


def _before_mesh() -> onnx.ModelProto:
    """Return the graph from ``clips`` to what the mesh reads."""
    nodes = [
        helper.make_node("Squeeze", ["clips", "first"], ["clip"]),
        helper.make_node("Cast", ["clip"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["levels", "white"], ["shares"]),
        helper.make_node("Transpose", ["shares"], ["faces"], perm=[0, 3, 1, 2]),
    ]
    constants = {"first": np.array([0], np.int64), "white": np.float32(255)}
    clips = helper.make_tensor_value_info("clips", TensorProto.UINT8, [1, "frames", 192, 192, 3])
    faces = helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["frames", 3, 192, 192])
    values = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "sync", [clips], [faces], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
