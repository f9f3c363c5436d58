"""One detector of several heads: the mean of their logits, from one network with one last layer."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from training_toys import toy_recipes

from unmask.audit.latents import OpenedDetector
from unmask.detectors import Detector, Trunk, read_card
from unmask.training.export import export, load_best
from unmask.training.loop import train
from unmask.training.maps import open_trunk
from unmask.training.module import model_input
from unmask.training.recipes import RecipeError, TrunkOptions, load_recipe

torch.set_num_threads(1)

TWO_LEVELS = ["trunk.earlier=[5]", "model.backbone={kind: maps, channels: 1536, grid: 14, levels: 2}"]
ONE_LEVEL = ["model.backbone={kind: maps, channels: 768, grid: 14}"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Train a head on two blocks and one on the last for a step each."""
    folder = tmp_path_factory.mktemp("heads")
    recipe = toy_recipes(folder, count=4)
    short = ["optimiser.steps=1", "optimiser.batch_size=2", "model.encoder.normalise=true"]
    changes = {"both": TWO_LEVELS, "last": ONE_LEVEL}
    return [
        train(recipe(*short, *change, f"name={name}"), progress=False) for name, change in changes.items()
    ]


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def detector(runs):
    return export(runs[0], runs[0] / "mean", [runs[1]])


def test_its_logit_is_the_mean_of_the_heads_logits(runs, detector, crops):
    maps = [open_trunk(TrunkOptions(earlier=(5,)))(crops), Trunk(threads=1).maps(crops)]
    wanted = []
    for run, entry in zip(runs, maps, strict=True):
        head = load_best(run, load_recipe(run / "recipe.yaml")).eval()
        with torch.no_grad():
            wanted.append(head(model_input(torch.from_numpy(entry))).logit.numpy())
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3
    loaded = Detector(detector, threads=1)
    np.testing.assert_allclose(loaded.logits(crops), np.mean(wanted, axis=0), atol=1e-4)
    alone = Detector(export(runs[0], runs[0] / "alone"), threads=1)
    np.testing.assert_allclose(loaded.reconstruct(crops), alone.reconstruct(crops), atol=1)


def test_it_is_calibrated_on_the_mean(runs, detector):
    kept = [np.load(run / "validation.npz") for run in runs]
    from unmask.training.calibrate import fit_platt

    platt = fit_platt((kept[0]["logit"] + kept[1]["logit"]) / 2, kept[0]["label"])
    calibration = read_card(detector).calibration
    assert (calibration.slope, calibration.intercept) == pytest.approx((platt.slope, platt.intercept))


def test_its_card_and_weights_name_both(detector):
    card = read_card(detector)
    assert card.name == card.recipe["name"] == "both"
    assert [recipe["name"] for recipe in card.recipe["averaged_with"]] == ["last"]
    with safe_open(detector / "model.safetensors", "pt") as weights:
        assert {name.split(".")[1] for name in weights.keys()} == {"0", "1"}  # noqa: SIM118


def test_the_logit_still_is_a_weighted_sum_of_one_hidden_layer(detector, crops):
    read = OpenedDetector(detector, threads=1).read(crops)
    assert read.hidden.shape == (2, 2 * 8)
    np.testing.assert_allclose(read.logits, Detector(detector, threads=1).logits(crops), atol=1e-4)


def test_a_head_that_reads_more_than_the_first_is_refused(runs, tmp_path):
    with pytest.raises(RecipeError, match="blocks of it that the first run does not read"):
        export(runs[1], tmp_path, [runs[0]])


def changed(run, folder, name, change):
    shutil.copytree(run, folder, ignore=lambda *_: ["mean", "alone"])
    change(folder / name)
    return folder


def test_a_head_on_another_trunk_is_refused(runs, tmp_path):
    def other_hash(path):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"sha256": "0" * 64}))

    with pytest.raises(RecipeError, match="reads another trunk"):
        export(runs[0], tmp_path / "out", [changed(runs[1], tmp_path / "run", "trunk.json", other_hash)])


def test_heads_that_were_validated_on_different_crops_are_refused(runs, tmp_path):
    def other_labels(path):
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **(arrays | {"label": 1 - arrays["label"]}))

    with pytest.raises(RecipeError, match="validated on different crops"):
        export(
            runs[0], tmp_path / "out", [changed(runs[1], tmp_path / "run", "validation.npz", other_labels)]
        )


def test_a_head_with_another_stride_is_refused(runs, tmp_path):
    def other_stride(path):
        path.write_text(path.read_text().replace("stride: 2", "stride: 1"))

    with pytest.raises(RecipeError, match="another crop profile or stride"):
        export(runs[0], tmp_path / "out", [changed(runs[1], tmp_path / "run", "recipe.yaml", other_stride)])
