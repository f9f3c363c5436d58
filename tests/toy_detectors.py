"""An exported detector's folder, tiny and quick."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from pydantic import TypeAdapter

from unmask.detectors import InputSpec, file_sha256
from unmask.detectors.prototypes import PROTOTYPES_NAME, Prototypes

TENSOR_TYPES = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}


def write_detector(folder, size=32, decoder=True, patches=True, slope=0.01, offset=1.0, **changes):
    """A detector whose logit is the mean red value x slope - offset, and whose reconstruction is the mean colour.

    Its patch logits are the mean red values x slope of 2 x 2 patches.
    """
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("Cast", ["crops"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f", "places"], ["colour"], keepdims=0),
        helper.make_node("Gather", ["colour", "zero"], ["red"], axis=1),
        helper.make_node("Mul", ["red", "slope"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "one"], ["logit"]),
        helper.make_node("Div", ["colour", "white"], ["unit"]),
        helper.make_node("Reshape", ["unit", "shape"], ["small"]),
        helper.make_node("Tile", ["small", "times"], ["reconstruction"]),
        helper.make_node("Reshape", ["f", "patch_shape"], ["cells"]),
        helper.make_node("ReduceMean", ["cells", "in_patch"], ["patch_colour"], keepdims=0),
        helper.make_node("Gather", ["patch_colour", "zero"], ["patch_red"], axis=3),
        helper.make_node("Mul", ["patch_red", "slope"], ["patch_logits"]),
    ]
    constants = {
        "places": np.array([1, 2], np.int64),
        "zero": np.array(0, np.int64),
        "slope": np.float32(slope),
        "one": np.float32(offset),
        "white": np.float32(255),
        "shape": np.array([-1, 3, 1, 1], np.int64),
        "times": np.array([1, 1, 8, 8], np.int64),
        "patch_shape": np.array([-1, 2, size // 2, 2, size // 2, 3], np.int64),
        "in_patch": np.array([2, 4], np.int64),
    }
    outputs = [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"])]
    if decoder:
        outputs.append(helper.make_tensor_value_info("reconstruction", TensorProto.FLOAT, ["n", 3, 8, 8]))
    if patches:
        outputs.append(helper.make_tensor_value_info("patch_logits", TensorProto.FLOAT, ["n", 2, 2]))
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", size, size, 3])],
        outputs,
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    card = {
        "name": "toy",
        "version": "1",
        "description": "mean red",
        "sha256": file_sha256(folder / "model.onnx"),
        "licence": "Apache-2.0",
        "crop_profile": "wide",
        "input_size": size,
        "threshold": 0.5,
        "band": [0.4, 0.6],
        "calibration": {"slope": 2.0, "intercept": 0.5},
    }
    (folder / "card.json").write_text(json.dumps(card | changes))
    return folder


def write_unit_detector(folder, spec, scale=0.01, offset=1.0, measures=(), **changes):
    """A detector of any unit, whose logit is the mean of its first input x scale - offset.

    measures : names of further outputs; each is the mean of the last input.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = TypeAdapter(InputSpec).validate_python(spec).tensors
    nodes, outputs = [], [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"])]
    for tensor in tensors:
        flat = f"{tensor.name}_axes"
        nodes += [
            helper.make_node("Cast", [tensor.name], [f"{tensor.name}_f"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", [f"{tensor.name}_f", flat], [f"{tensor.name}_mean"], keepdims=0),
        ]
    nodes += [
        helper.make_node("Mul", [f"{tensors[0].name}_mean", "scale"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "offset"], ["logit"]),
    ]
    for name in measures:
        nodes.append(helper.make_node("Identity", [f"{tensors[-1].name}_mean"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]))
    constants = {"scale": np.float32(scale), "offset": np.float32(offset)}
    constants |= {f"{t.name}_axes": np.arange(1, 1 + len(t.shape), dtype=np.int64) for t in tensors}
    inputs = [helper.make_tensor_value_info(t.name, TENSOR_TYPES[t.dtype], ["n", *t.shape]) for t in tensors]
    made = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "toy", inputs, outputs, made)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    card = {
        "name": folder.name,
        "version": "1",
        "description": "the mean of what it reads",
        "sha256": file_sha256(folder / "model.onnx"),
        "licence": "Apache-2.0",
        "input": spec,
        "threshold": 0.5,
        "band": [0.4, 0.6],
    }
    (folder / "card.json").write_text(json.dumps(card | changes))
    return folder


def write_prototypes(folder, centre=(40, 128, 200), spread=20.0, families=(("painted", (0, 9, 0)),)):
    """Let a detector of crops tell kinds by their mean colour; real faces are blueish, a family lies off the centre.

    spread : standard deviation of the colours of real faces, the unit of features.
    """
    prototypes = Prototypes(
        centre=np.array([*centre, 0, 0, 0], np.float32),
        whitening=np.eye(6, 3, dtype=np.float32) / spread,  # Of the mean alone.
        points=np.array([point for _, point in families], np.float32).reshape(-1, 3),
        names=tuple(name for name, _ in families),
        separations=np.zeros(0, np.float32),
    )
    prototypes.save(folder / PROTOTYPES_NAME)
    card = json.loads((folder / "card.json").read_text())
    card["kinds"] = {
        "sha256": file_sha256(folder / PROTOTYPES_NAME),
        "trunk": "",
        "slope": 0.2,
        "unknown": 2.0,
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder
