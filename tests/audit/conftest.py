import csv
import io

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from toy_sets import finder, make_crops, make_detector, make_videos  # noqa: F401
from unmask.detectors import Card, file_sha256

SIDE = 64


def scene(random, noise=6.0):
    """A made-up picture with detail of every size, as pictures have, (64, 64, 3) uint8."""
    picture = np.full((SIDE, SIDE, 3), 128.0)
    for cells, strength in ((4, 50), (8, 30), (16, 20), (32, 12)):
        coarse = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        fine = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float64)
        picture += (fine - 128) * strength / 74
    return np.clip(picture + random.normal(0, noise, (SIDE, SIDE, 1)), 0, 255).astype(np.uint8)


def encode(pixels, **options):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, **{"format": "JPEG", "quality": 90, **options})
    return data.getvalue()


class Faces:
    """Rows of a toy set: a real and a fake picture of each source, one source on one side of the split."""

    def __init__(self, sources=24, seed=0, real=None, fake=None):
        random = np.random.default_rng(seed)
        self.rows = []
        for number in range(sources):
            split = "val" if number % 4 == 3 else "train"
            for label, options in (("real", real or {}), ("fake", fake or {})):
                options = options(random) if callable(options) else options
                self.add(f"{label}{number}.jpg", label, f"s{number}", split, encode(scene(random), **options))

    def add(self, file, label, source, split, data, **more):
        row = {"file": file, "label": label, "source": source, "split": split, "data": data, **more}
        self.rows.append(row)
        return row

    def write(self, folder):
        folder.mkdir()
        columns = [name for name in self.rows[0] if name != "data"]
        with (folder / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)
        for row in self.rows:
            (folder / row["file"]).write_bytes(row["data"])
        return folder


@pytest.fixture
def faces():
    return Faces


@pytest.fixture
def toy_scene():
    return scene


@pytest.fixture
def toy_encode():
    return encode


@pytest.fixture
def detail_detector(tmp_path):
    """Write a detector that calls grain fake: its last layer reads (mean step between neighbours, mean level)."""

    def make(name="detail", weights=(1.0, 0.0), bias=-8.0, last="gemm"):
        folder = tmp_path / name
        folder.mkdir()
        onnx.save(detail_network(weights, bias, last), folder / "model.onnx")
        card = Card(
            name="detail",
            version="1",
            description="a toy",
            sha256=file_sha256(folder / "model.onnx"),
            licence="Apache-2.0",
            crop_profile="tight",
            input_size=SIDE,
            threshold=0.5,
            band=(0.4, 0.6),
        )
        (folder / "card.json").write_text(card.model_dump_json())
        return folder

    return make


def detail_network(weights, bias, last):
    floats = {
        "left": np.array([0], np.int64),
        "right": np.array([1], np.int64),
        "most": np.array([SIDE - 1], np.int64),
        "all": np.array([SIDE], np.int64),
        "axis": np.array([2], np.int64),
        "picture": np.array([1, 2, 3], np.int64),
        "w": np.array(weights, np.float32)[:, None],
        "b": np.array([bias], np.float32),
        "one": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["crops"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["x", "left", "most", "axis"], ["x0"]),
        helper.make_node("Slice", ["x", "right", "all", "axis"], ["x1"]),
        helper.make_node("Sub", ["x1", "x0"], ["step"]),
        helper.make_node("Abs", ["step"], ["size"]),
        helper.make_node("ReduceMean", ["size", "picture"], ["detail"], keepdims=0),
        helper.make_node("ReduceMean", ["x", "picture"], ["level"], keepdims=0),
        helper.make_node("Unsqueeze", ["detail", "one"], ["detail1"]),
        helper.make_node("Unsqueeze", ["level", "one"], ["level1"]),
        helper.make_node("Concat", ["detail1", "level1"], ["hidden"], axis=1),
    ]
    if last == "gemm":
        nodes.append(helper.make_node("Gemm", ["hidden", "w", "b"], ["linear"]))
    elif last == "matmul":
        nodes += [
            helper.make_node("MatMul", ["hidden", "w"], ["product"]),
            helper.make_node("Add", ["product", "b"], ["linear"]),
        ]
    else:
        nodes.append(helper.make_node("Sigmoid", ["detail1"], ["linear"]))
    nodes.append(helper.make_node("Squeeze", ["linear", "one"], ["logit"]))
    graph = helper.make_graph(
        nodes,
        "detail",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"])],
        [onnx.numpy_helper.from_array(value, name) for name, value in floats.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
