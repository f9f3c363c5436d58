"""Convert MediaPipe's face mesh (TensorFlow Lite) into ``mesh.onnx`` beside its card and licence.

    pip download --no-deps mediapipe==0.10.14 && unzip mediapipe-*.whl -d mediapipe-0.10.14
    pip install tflite
    .venv/bin/python scripts/build_face_mesh.py mediapipe-0.10.14/mediapipe/modules/face_landmark/face_landmark.tflite

The graph is one of convolutions, PReLU, additions, maximum pooling and padding of channels. Its weights are 16-bit
floats, which are widened. TensorFlow Lite pads strided convolutions at the end first, which is written out. PReLU is
written as ``slope x + (1 - slope) max(x, 0)``: ONNX Runtime's own takes half of the time, and its convolutions change
their layout before and after each.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

from unmask.detectors import file_sha256
from unmask.detectors.mesh import MESH_FILE, SIDE

TYPES = {0: np.float32, 1: np.float16, 2: np.int32}
NAMES = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
}


class Converter:
    """Turns the steps of a graph into nodes, from (N, H, W, C) to (N, C, H, W)."""

    def __init__(self, path: Path) -> None:
        self.model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.constants = dict(self._constants())
        self.nodes: list[onnx.NodeProto] = []
        self.values: list[onnx.TensorProto] = []
        self.sides = {int(self.graph.Inputs(0)): SIDE}

    def _constants(self) -> Any:
        for number in range(self.graph.TensorsLength()):
            tensor = self.graph.Tensors(number)
            buffer = self.model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                shape = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
                data = buffer.DataAsNumpy().tobytes()
                yield number, np.frombuffer(data, TYPES[tensor.Type()]).reshape(shape)

    def convert(self) -> onnx.ModelProto:
        """Return the model: ``faces`` (N, 3, 192, 192) in [0, 1] to ``points`` (N, 1404)."""
        for number in range(self.graph.OperatorsLength()):
            step = self.graph.Operators(number)
            code = self.model.OperatorCodes(step.OpcodeIndex())
            name = NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            self._add(name, [int(one) for one in step.InputsAsNumpy()], int(step.Outputs(0)), step)
        entry, points = f"t{self.graph.Inputs(0)}", f"t{self.graph.Outputs(0)}"
        nodes = [
            helper.make_node("Identity", ["faces"], [entry]),
            *self.nodes,
            helper.make_node("Flatten", [points], ["points"]),
        ]
        graph = helper.make_graph(
            nodes,
            "face-mesh",
            [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["frames", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("points", TensorProto.FLOAT, ["frames", 1404])],
            self.values,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)

    def _constant(self, name: str, array: Any) -> str:
        self.values.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _add(self, name: str, inputs: list[int], output: int, step: Any) -> None:
        source, made = f"t{inputs[0]}", f"t{output}"
        side = self.sides.get(inputs[0], 0)
        self.sides[output] = side
        if name == "DEQUANTIZE":
            self.constants[output] = self.constants[inputs[0]].astype(np.float32)
        elif name == "ADD":
            self.nodes.append(helper.make_node("Add", [source, f"t{inputs[1]}"], [made]))
        elif name == "PRELU":
            slope = self.constants[inputs[1]].reshape(-1, 1, 1)
            below = self._constant(f"{made}_slope", slope)
            above = self._constant(f"{made}_rest", 1 - slope)
            self.nodes += [
                helper.make_node("Mul", [source, below], [f"{made}_below"]),
                helper.make_node("Relu", [source], [f"{made}_positive"]),
                helper.make_node("Mul", [f"{made}_positive", above], [f"{made}_above"]),
                helper.make_node("Add", [f"{made}_below", f"{made}_above"], [made]),
            ]
        elif name == "PAD":
            after = self.constants[inputs[1]][:, 1]
            pads = np.array([0, 0, 0, 0, 0, after[3], 0, 0], np.int64)
            self.nodes.append(helper.make_node("Pad", [source, self._constant(f"{made}_pads", pads)], [made]))
        else:
            self._add_window(name, inputs, output, step, side)

    def _add_window(self, name: str, inputs: list[int], output: int, step: Any, side: int) -> None:
        source, made = f"t{inputs[0]}", f"t{output}"
        options = OPTIONS[name]()
        options.Init(step.BuiltinOptions().Bytes, step.BuiltinOptions().Pos)
        if options.FusedActivationFunction():
            raise ValueError(f"{made} has an activation of its own")
        stride = options.StrideH()
        if name == "MAX_POOL_2D":
            kernel, more = options.FilterHeight(), []
        else:
            weight = self.constants[inputs[1]]
            order = (0, 3, 1, 2) if name == "CONV_2D" else (3, 0, 1, 2)
            kernel = weight.shape[1]
            more = [self._constant(f"{made}_weight", weight.transpose(order))]
            more.append(self._constant(f"{made}_bias", self.constants[inputs[2]]))
        same = options.Padding() == 0
        padding = max((-(-side // stride) - 1) * stride + kernel - side, 0) if same else 0
        before, after = padding // 2, padding - padding // 2
        self.sides[output] = (side + padding - kernel) // stride + 1
        wanted: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
        wanted["pads"] = [before, before, after, after]
        if name == "DEPTHWISE_CONV_2D":
            wanted["group"] = int(self.constants[inputs[1]].shape[3])
        kind = "MaxPool" if name == "MAX_POOL_2D" else "Conv"
        self.nodes.append(helper.make_node(kind, [source, *more], [made], **wanted))


def main() -> None:
    """Convert the file that is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    source = parser.parse_args().source
    MESH_FILE.parent.mkdir(parents=True, exist_ok=True)
    model = Converter(source).convert()
    used = {name for node in model.graph.node for name in node.input}
    print(
        f"{len(model.graph.node)} nodes, {sum(one.name in used for one in model.graph.initializer)} constants"
    )
    onnx.checker.check_model(model)
    onnx.save(model, MESH_FILE)
    card = {
        "name": "face-mesh",
        "description": "468 points of a face in a crop of 192 pixels, 1.5 times the longer side of the face box.",
        "source": "MediaPipe 0.10.14, mediapipe/modules/face_landmark/face_landmark.tflite",
        "paper": "Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, arXiv "
        "1907.06724",
        "licence": "Apache-2.0",
        "training_data": "not public; annotated photographs, by its authors",
        "conversion": "scripts/build_face_mesh.py: operators one by one, PReLU in four steps, 16-bit weights widened "
        "to 32 bits",
        "source_sha256": file_sha256(source),
        "sha256": file_sha256(MESH_FILE),
    }
    (MESH_FILE.parent / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
