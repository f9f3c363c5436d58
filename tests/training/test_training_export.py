"""Exported detectors give torch's outputs, alone and in batches, and their cards say what they are."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from sklearn.metrics import average_precision_score, roc_auc_score
from training_toys import TOY, toy_recipes, toy_trunk

from unmask.detectors import Detector, read_card
from unmask.detectors.inputs import Smoothing
from unmask.models import build_model
from unmask.models.joint_exported import JointExported
from unmask.training.cards import figures
from unmask.training.export import export, load_best
from unmask.training.loop import train
from unmask.training.module import model_input
from unmask.training.quality import distribution, real_face_errors
from unmask.training.recipes import RecipeError, load_recipe
from unmask.training.validation_logits import ValidationLogits
from unmask.training.views import open_views
from unmask.verdict import likelihood_scale

IMAGE_MODEL = "model.backbone={kind: timm, name: mobilenetv3_small_050, tap: 2, input_size: 48}"


def trained(folder, *overrides):
    """Train a toy detector."""
    recipe = toy_recipes(folder)("data.train.0.terms=made here", *overrides)
    return train(recipe, trunk=toy_trunk, reference=TOY, progress=False)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Return the run folder of an exported head on maps with both branches."""
    smoothing = "export.smoothing={starts_at: 0.5, saturates_at: 2, sigma: 1}"
    run = trained(tmp_path_factory.mktemp("head"), "optimiser.steps=40", "evaluation.every=20", smoothing)
    export(run)
    return run


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Return the run folder of an exported head without a decoder."""
    run = trained(tmp_path_factory.mktemp("head"), "loss.weight=0", "model.classifier.pool=attention")
    export(run)
    return run


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Return the run folder of an exported network that reads images."""
    run = trained(tmp_path_factory.mktemp("network"), IMAGE_MODEL)
    export(run)
    return run


def open_model(folder):
    return onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])


def torch_outputs(run, entry):
    card = read_card(run / "detector")
    model = JointExported([load_best(run, load_recipe(run / "recipe.yaml"))], card.calibration).eval()
    with torch.no_grad():
        return [value.numpy() for value in model(torch.from_numpy(entry))]


@pytest.mark.parametrize("kind", ["head", "classifier"])
def test_a_head_on_maps_gives_torch_s_outputs(kind, request):
    run = request.getfixturevalue(kind)
    session = open_model(run / "detector")
    entry = np.random.default_rng(1).standard_normal((5, 16, 12)).astype(np.float32)
    outputs = session.run(None, {"map": entry})
    names = [output.name for output in session.get_outputs()]
    assert names == ["logit", "score", "patch_logits", "reconstruction"][: len(outputs)]
    assert ("reconstruction" in names) == (kind == "head")
    for ours, theirs in zip(outputs, torch_outputs(run, entry), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    alone = [session.run(None, {"map": entry[i : i + 1]}) for i in range(5)]
    for number, together in enumerate(outputs):
        np.testing.assert_allclose(np.concatenate([one[number] for one in alone]), together, atol=1e-4)


@pytest.mark.parametrize("kind", ["head", "classifier"])
def test_patch_logits_are_those_of_a_latent_that_is_the_same_everywhere(kind, request):
    run = request.getfixturevalue(kind)
    model = load_best(run, load_recipe(run / "recipe.yaml")).eval()
    entry = np.random.default_rng(2).standard_normal((2, 16, 12)).astype(np.float32)
    patches = open_model(run / "detector").run(["patch_logits"], {"map": entry})[0]
    with torch.no_grad():
        latent = model(model_input(torch.from_numpy(entry))).latent
        assert patches.shape == (2, *latent.shape[2:])
        for row, column in np.ndindex(*latent.shape[2:]):
            place = latent[:, :, row : row + 1, column : column + 1].expand_as(latent)
            wanted = model.classifier(place).numpy()
            np.testing.assert_allclose(patches[:, row, column], wanted, atol=1e-4)


def test_an_image_model_runs_as_a_detector(network):
    detector = Detector(network / "detector", threads=1)
    crops = np.random.default_rng(1).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    logit, score, patches, rebuilt = torch_outputs(network, crops)
    prediction = detector.predict({"crops": crops})
    np.testing.assert_allclose(prediction.logits, logit, atol=1e-4)
    np.testing.assert_allclose(detector.score(crops), score, atol=1e-4)
    np.testing.assert_allclose(detector.reconstruct(crops), rebuilt.transpose(0, 2, 3, 1) * 255, atol=0.51)
    explained = detector.explain({"crops": crops})
    np.testing.assert_allclose([one.patch_logits for one in explained], patches, atol=1e-4)
    together = open_model(network / "detector").run(["logit"], {"crops": crops})[0]
    np.testing.assert_allclose(prediction.logits, together, atol=1e-4)


def test_the_graph_is_one_small_file_of_a_common_version(head):
    folder = head / "detector"
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    onnx.checker.check_model(model)
    assert {opset.domain: opset.version for opset in model.opset_import}[""] >= 17
    assert {opset.domain for opset in model.opset_import} <= {"", "ai.onnx"}
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.onnx", "model.safetensors"]


def test_the_card_says_what_the_detector_is(head):
    card = read_card(head / "detector")
    assert card.name == "toy"
    assert card.trunk == TOY
    assert card.input_size == 224 and card.input.smoothing == Smoothing(
        starts_at=0.5, saturates_at=2, sigma=1
    )
    assert [(source.name, source.terms, source.use) for source in card.data] == [
        ("faces", "made here", "training"),
        ("faces", "not stated in the recipe", "validation"),
    ]
    kept = np.load(head / "validation.npz")
    validation = card.metrics["validation"]["faces"]
    assert validation["frame_auc"] == pytest.approx(roc_auc_score(kept["label"], kept["logit"]), abs=1e-4)
    precision = average_precision_score(kept["label"], kept["logit"])
    assert validation["frame_average_precision"] == pytest.approx(precision, abs=1e-4)
    scores = 1 / (1 + np.exp(-(card.calibration.slope * kept["logit"] + card.calibration.intercept)))
    fake = scores > card.threshold
    assert validation["true_positive_rate"] == pytest.approx(fake[kept["label"] == 1].mean(), abs=1e-4)
    calibration = card.calibration
    _, first = np.unique(kept["video"].astype(str), return_index=True)
    assert (calibration.prior, calibration.fakes) == (0.5, int(kept["label"][first].sum()))
    assert calibration.reals + calibration.fakes == len(first)
    assert likelihood_scale(calibration).bounds == calibration.log10_lr_bounds
    assert str(head.parent) not in json.dumps(card.model_dump(mode="json"))


def test_videos_of_several_crops_have_figures_of_their_own():
    rng = np.random.default_rng(0)
    video = np.repeat(np.arange(12), 5)
    label = video % 2
    arrays = {
        "set": np.repeat("films", 60),
        "group": (video // 2).astype(str),
        "video": video.astype(str),
        "label": label,
        "logit": label + rng.normal(0, 2, 60),
    }
    found = figures(ValidationLogits(arrays), arrays["logit"], 0.5)["films"]
    means = [arrays["logit"][video == number].mean() for number in range(12)]
    assert found["video_auc"] == pytest.approx(roc_auc_score(np.arange(12) % 2, means), abs=1e-4)
    assert (
        found["video_auc"]
        > found["frame_auc"]
        == pytest.approx(roc_auc_score(label, arrays["logit"]), abs=1e-4)
    )
    assert found["video_auc_interval"][0] <= found["video_auc"] <= found["video_auc_interval"][1]
    assert (found["real_videos"], found["fake_videos"], found["real"]) == (6, 6, 30)
    alone = arrays | {"video": np.arange(60).astype(str)}
    assert "video_auc" not in figures(ValidationLogits(alone), arrays["logit"], 0.5)["films"]


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"best\.safetensors"):
        export(tmp_path)


def test_weights_are_read_back_without_the_file_that_training_began_with(toy_recipe, tmp_path):
    plain = toy_recipe("model.backbone={kind: timm, name: mobilenetv2_100, tap: 2, input_size: 32}")
    for pretrained in ("gone.safetensors", "centerface"):
        network = plain.model.backbone.model_copy(update={"pretrained": pretrained})
        begun = network if pretrained == "centerface" else plain.model.backbone
        model = build_model(plain.model.model_copy(update={"backbone": begun})).eval()
        save_file(model.state_dict(), tmp_path / "best.safetensors")
        recipe = plain.model_copy(update={"model": plain.model.model_copy(update={"backbone": network})})
        again = load_best(tmp_path, recipe).eval()
        x = torch.rand(1, 3, 32, 32)
        with torch.no_grad():
            torch.testing.assert_close(again(x).logit, model(x).logit)


def test_the_card_holds_how_well_real_validation_faces_are_rebuilt(network, classifier):
    card = read_card(network / "detector")
    detector = Detector(network / "detector")
    views = open_views(load_recipe(network / "recipe.yaml"), size=48, training=False)[0]
    real = [views.image(row) for row in range(len(views.rows)) if views.rows.label[row] == 0]
    errors = detector.predict({"crops": np.stack(real)}).measures["reconstruction_error"]
    spread = card.quality.reconstruction_error
    assert spread.faces == len(real) == 4 and spread.sets == ("faces",)
    values = list(spread.quantiles.values())
    assert values == sorted(values)
    assert errors.min() - 1e-6 <= values[0] and values[-1] <= errors.max() + 1e-6
    assert read_card(classifier / "detector").quality is None
    told = []
    real_face_errors(
        network / "detector", load_recipe(network / "recipe.yaml"), 2, lambda *stage: told.append(stage)
    )
    assert told == [("rebuilding real faces of faces", done, 2) for done in (0, 1)]


def test_each_set_weighs_the_same_in_the_distribution():
    rng = np.random.default_rng(0)
    few, many = rng.normal(1, 0.1, 500), rng.normal(3, 0.1, 5000)
    spread = distribution({"few": few, "many": many})
    mixed = np.concatenate([np.repeat(few, 10), many])
    for share in set(spread.quantiles) - {"0.5"}:  # The median lies in the gap between the sets.
        assert spread.quantiles[share] == pytest.approx(np.quantile(mixed, float(share)), abs=0.02)
    assert distribution({}) is None and distribution({"one": [0.5] * 9}) is None


def test_without_the_data_the_export_says_so_and_goes_on(network, tmp_path, caplog):
    recipe = load_recipe(network / "recipe.yaml", [f"data.root={tmp_path / 'gone'}"])
    assert real_face_errors(network / "detector", recipe) == {}
    assert "no distribution of the reconstruction error" in caplog.text
