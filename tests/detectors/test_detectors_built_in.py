"""The detectors that ship: whole, and the same score for a crop in whatever company and on however many threads."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
import pytest

from unmask.detectors import (
    Card,
    DetectorError,
    Trunk,
    built_in,
    file_sha256,
    load_card,
    load_detector,
    open_trunk_of,
    processor,
    read_card,
    trunk,
    trunk_card,
    trunk_path,
)
from unmask.detectors.explanation import error_map
from unmask.detectors.sessions import open_session
from unmask.detectors.trunk import BLOCKS_NAME, UNSIGNED_NAME
from unmask.verdict import likelihood_scale

NAMES = sorted(built_in())
OF_FACES = [name for name in NAMES if load_card(name).input.unit == "face"]


@pytest.fixture(scope="module")
def crops():
    data = pytest.importorskip("skimage.data")
    portrait = data.astronaut()
    views = [portrait[0:224, 110:334], portrait[20:244, 130:354], portrait[0:224, 110:334][:, ::-1]]
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    return np.stack([*views, noise])


def test_the_default_detector_ships():
    assert "jrc" in NAMES


def names(sources):
    return [source["set"] for source in sources]


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_full(name):
    card: Card = load_detector(name).card
    assert card.name == name and card.limits and card.tasks and card.recipe and card.metrics
    assert {source.use for source in card.data} == {"training", "validation"}
    assert all(source.terms and "not stated" not in source.terms for source in card.data)
    if name in OF_FACES:
        places = {section: card.recipe[section] for section in ("data", "trunk", "model")}
        places["data"] = {**places["data"], "train": names(places["data"]["train"])}
    else:
        places = card.recipe
    assert "/" not in json.dumps(places)


@pytest.mark.parametrize("name", OF_FACES)
def test_likelihood_ratios_are_bounded_by_the_items_of_the_calibration(name):
    card = read_card(built_in()[name])
    scale, validated = likelihood_scale(card.calibration), card.metrics["validation"].values()
    counts = (card.calibration.reals, card.calibration.fakes)
    for count, label in zip(counts, ("real", "fake"), strict=True):
        assert 300 < count <= sum(one[label] for one in validated)  # Crops of one video count once.
    by_counts = (-np.log10(counts[1] + 1), np.log10(counts[0] + 1))
    lowest, highest = card.calibration.log10_lr_bounds or by_counts
    assert by_counts[0] <= lowest < highest <= by_counts[1]
    for score, bound in ((1 - 1e-9, highest), (1e-9, lowest)):
        ratio = scale.ratio(score, (min(score, 0.2), max(score, 0.8)))
        assert ratio.bounded and ratio.log10 == pytest.approx(bound)
        assert lowest <= ratio.low <= ratio.high <= highest
    given = scale.ratio(0.8, (0.6, 0.9))  # The odds of the score over those that it counts on.
    counted_on = card.calibration.prior / (1 - card.calibration.prior)
    assert given.log10 == pytest.approx(np.log10(4 / counted_on)) and not given.bounded


def test_the_trunk_is_the_one_that_its_card_describes():
    path = trunk_path("clip-vit-b16")
    assert trunk_card("clip-vit-b16")["sha256"] == file_sha256(path)
    assert trunk_card("clip-vit-b16")["blocks_sha256"] == file_sha256(path.with_name(BLOCKS_NAME))
    assert trunk_card("clip-vit-b16")["unsigned_sha256"] == file_sha256(path.with_name(UNSIGNED_NAME))


@pytest.mark.parametrize(
    ("machine", "flags", "saturates", "exact_mode"),
    [
        ("x86_64", {"avx2"}, True, True),
        ("AMD64", {"avx2", "avx512f"}, True, True),
        ("x86_64", {"avx2", "avx512_vnni"}, False, False),
        ("x86_64", {"avx2", "avx_vnni"}, False, False),
        ("x86_64", {"avx2", "avx512_vnni", "amx_int8"}, False, False),
        ("aarch64", {"asimddp"}, False, False),
        ("x86_64", set(), False, True),  # Not listed, as on Windows: it may be one of those.
        ("arm64", set(), False, False),
    ],
)
def test_processors_that_saturate_are_known_and_only_they_get_the_exact_mode(
    monkeypatch, machine, flags, saturates, exact_mode
):
    monkeypatch.setattr(processor.platform, "machine", lambda: machine)
    monkeypatch.setattr(processor, "cpu_flags", lambda: frozenset(flags))
    assert processor.is_known_to_saturate() == saturates
    asked = []
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda path, options, **_: asked.append(options))
    open_session(trunk_path("clip-vit-b16"))
    (options,) = asked
    try:
        given = options.get_session_config_entry("session.x64quantprecision")
    except RuntimeError:  # Not set.
        given = "0"
    assert given == ("1" if exact_mode else "0")


@pytest.mark.parametrize("name", ["trunk.onnx", BLOCKS_NAME, UNSIGNED_NAME])
def test_a_trunk_that_was_changed_is_refused(tmp_path, monkeypatch, name):
    folder = trunk_path("clip-vit-b16").parent
    shutil.copytree(folder, tmp_path / folder.name)
    with (tmp_path / folder.name / name).open("ab") as file:
        file.write(b"\0")
    reference = read_card(built_in()["jrc"]).trunk
    monkeypatch.setattr(trunk, "WEIGHTS", tmp_path)
    with pytest.raises(DetectorError, match="trunk clip-vit-b16"):
        open_trunk_of(tmp_path, reference)


def with_float_products(path):
    """The trunk with each integer product written as a product of floats, which hold its sums exactly enough."""
    model = onnx.load(path)
    weights = {constant.name: constant for constant in model.graph.initializer}
    weights["middle.float"] = onnx.numpy_helper.from_array(np.float32(128), "middle.float")
    nodes = []
    for node in model.graph.node:
        if node.op_type != "MatMulIntegerToFloat":
            nodes.append(node)
            continue
        steps, weight, _, scale = node.input[:4]
        (out,) = node.output
        floats = onnx.numpy_helper.to_array(weights[weight]).astype(np.float32)
        weights[weight] = onnx.numpy_helper.from_array(floats, weight)
        nodes += [
            onnx.helper.make_node("Cast", [steps], [f"{out}.float"], to=onnx.TensorProto.FLOAT),
            onnx.helper.make_node("Sub", [f"{out}.float", "middle.float"], [f"{out}.signed"]),
            onnx.helper.make_node("MatMul", [f"{out}.signed", weight], [f"{out}.sums"]),
            onnx.helper.make_node("Mul", [f"{out}.sums", scale], [out]),
        ]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights.values())
    return model.SerializeToString()


@pytest.mark.slow
@pytest.mark.parametrize("known", [True] if processor.is_known_to_saturate() else [True, False])
def test_the_trunks_integer_products_are_exact_on_any_processor(crops, monkeypatch, known):
    """Without VNNI the fast product of bytes saturates, which moved single tokens by several times their length.

    With the weights for processors that are known to be one of those, and with the usual ones where they are exact.
    """
    monkeypatch.setattr(trunk, "is_known_to_saturate", lambda: known)
    exact = onnxruntime.InferenceSession(with_float_products(trunk_path("clip-vit-b16")))
    wanted = np.concatenate([exact.run(["tokens"], {"crops": crop[None]})[0] for crop in crops])
    given = Trunk().maps(crops)
    moved = np.linalg.norm(given - wanted, axis=-1) / np.linalg.norm(wanted, axis=-1)
    assert np.median(moved) < 1e-3 and np.quantile(moved, 0.99) < 0.05


def test_maps_of_the_trunk_do_not_depend_on_the_threads(crops):
    one, two = (Trunk(threads=threads).maps(crops) for threads in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-3)


@pytest.mark.parametrize("name", OF_FACES)
def test_a_crop_scores_the_same_alone_in_a_batch_and_on_two_threads(name, crops):
    detector = load_detector(name, threads=1)
    together = detector.score(crops)
    alone = np.concatenate([detector.score(crop[None]) for crop in crops])
    backwards = detector.score(crops[::-1])[::-1]
    two = load_detector(name, threads=2).score(crops)
    for scores in (alone, backwards, two):
        np.testing.assert_allclose(together, scores, atol=1e-4)
    assert ((together >= 0) & (together <= 1)).all()


@pytest.mark.parametrize("name", [name for name in OF_FACES if name.startswith("jrc")])
def test_what_is_rebuilt_of_a_face_is_nearer_to_it_than_what_is_rebuilt_of_noise(name, crops):
    detector = load_detector(name)
    errors = detector.predict({"crops": crops}).measures["reconstruction_error"]
    rebuilt = detector.reconstruct(crops)
    of_noise = [error_map(crop, rebuilt[3].astype(np.float32) / 255).mean() for crop in crops[:3]]
    assert (errors[:3] < np.array(of_noise) / 2).all()
    assert rebuilt.ndim == 4 and rebuilt.shape[3] == 3 and rebuilt.dtype == np.uint8


@pytest.mark.parametrize("name", OF_FACES)
def test_a_crop_is_explained_the_same_alone_and_in_a_batch(name, crops):
    detector = load_detector(name, threads=1)
    together = detector.explain({"crops": crops[:2]})
    alone = [detector.explain({"crops": crop[None]})[0] for crop in crops[:2]]
    for one, other in zip(together, alone, strict=True):
        assert one.patch_logits is not None and one.patch_logits.ndim == 2
        np.testing.assert_allclose(one.patch_logits, other.patch_logits, atol=1e-3)
        np.testing.assert_allclose(one.error_map, other.error_map, atol=1e-3)
    assert np.abs(together[0].patch_logits - together[1].patch_logits).max() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_no_place_of_the_exporting_machine_is_in_the_weights(name):
    model = onnx.load(built_in()[name] / "model.onnx")
    for constant in model.graph.initializer:
        constant.ClearField("raw_data")  # Numbers, in which any letters may stand by chance.
    content = model.SerializeToString()
    assert b".py" not in content and b"stack_trace" not in content


def test_detectors_that_share_a_trunk_pass_each_crop_through_it_once(crops, monkeypatch):
    alone = [load_detector(name).logits(crops) for name in ("jrc-stills", "face-generated")]
    passed = []
    run = Trunk._of_one
    monkeypatch.setattr(Trunk, "_of_one", lambda self, crop: passed.append(crop) or run(self, crop))
    first = load_detector("jrc-stills")
    second = load_detector("face-generated", beside=first)
    together = [[each.logits(crop[None])[0] for each in (first, second)] for crop in crops]
    np.testing.assert_array_equal(np.transpose(together), alone)
    assert len(passed) == len(crops)
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda crop: second.logits(crop[None])[0], [crops[0]] * 8))
    assert set(again) == {alone[1][0]} and len(passed) == len(crops)


def test_a_shared_trunk_that_fails_fails_for_every_head_and_computes_anew(monkeypatch):
    crop = np.zeros((1, 224, 224, 3), np.uint8)
    failing = [True]
    run = Trunk._of_one

    def broken(self, crop):
        if failing[0]:
            raise RuntimeError("out of memory")
        return run(self, crop)

    monkeypatch.setattr(Trunk, "_of_one", broken)
    first = load_detector("jrc")
    second = load_detector("jrc-stills", beside=first)
    for each in (first, second):
        with pytest.raises(RuntimeError, match="out of memory"):
            each.logits(crop)
    failing[0] = False
    assert np.isfinite(second.logits(crop)).all()
