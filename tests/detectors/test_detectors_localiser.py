"""The localiser beside a detector or its trunk: what it maps, what it leaves alone, and what is refused."""

import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from unmask.detectors import Detector, DetectorError, LocaliserReference, built_in, file_sha256, load_card
from unmask.detectors.localiser import LOCALISER_NAME, find_localiser
from unmask.detectors.registry import detector_folder
from unmask.detectors.smoothing import smoothed

TRUNK = load_card("jrc").trunk


def write_localiser(path):
    """Write a localiser whose map is the sigmoid of a token's mean."""
    nodes = [
        helper.make_node("ReduceMean", ["map", "channels"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "square"], ["grid"]),
        helper.make_node("Sigmoid", ["grid"], ["blend_mask"]),
    ]
    constants = {"channels": np.array([2]), "square": np.array([-1, 14, 14])}
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 196, 1536])],
        [helper.make_tensor_value_info("blend_mask", TensorProto.FLOAT, ["n", 14, 14])],
        [numpy_helper.from_array(value.astype(np.int64), name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return LocaliserReference(sha256=file_sha256(path), trunk=TRUNK.identity, threshold=0.4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a copy of the built-in detector with a localiser of its own."""
    folder = tmp_path_factory.mktemp("detectors") / "jrc"
    shutil.copytree(detector_folder("jrc"), folder)
    reference = write_localiser(folder / LOCALISER_NAME)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"localiser": reference.model_dump()}))
    return folder


def test_it_maps_what_the_trunk_gives_and_leaves_the_logits_alone(folder):
    ours, theirs = Detector(folder, threads=1), Detector(detector_folder("jrc"), threads=1)
    crops = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    np.testing.assert_array_equal(ours.logits(crops), theirs.logits(crops))
    smoothing = theirs.card.input.smoothing
    tokens = theirs._trunk.maps(np.stack([smoothed(crop, smoothing) for crop in crops]))
    wanted = 1 / (1 + np.exp(-tokens.mean(axis=2).reshape(2, 14, 14)))
    explained = ours.explain({"crops": crops})
    np.testing.assert_allclose([one.blend_mask for one in explained], wanted, atol=1e-5)
    assert ours.card.identity == theirs.card.identity, "a log of scans stays valid"


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"trunk": "another"}])
def test_another_file_and_another_trunk_are_refused(folder, wrong):
    reference = LocaliserReference(
        sha256=file_sha256(folder / LOCALISER_NAME), trunk=TRUNK.identity
    ).model_copy(update=wrong)
    with pytest.raises(DetectorError, match=r"SHA-256 differs|another trunk"):
        find_localiser([folder], reference, TRUNK.identity)


def test_built_in_detectors_of_faces_share_one():
    cards = [load_card(name) for name in built_in() if load_card(name).question == "face_manipulated"]
    assert len(cards) == 2 and len({card.localiser.sha256 for card in cards}) == 1
