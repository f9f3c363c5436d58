"""Model families: one file, and what trains, exports, scores and compares it asks the file alone."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from torch import nn
from training_toys import TOY, toy_recipes, toy_trunk

from unmask.audit.latents import OpenedDetector
from unmask.detectors import load_detector, read_card
from unmask.models import (
    Exported,
    Family,
    FamilyOptions,
    JointOptions,
    classification_loss,
    families,
    family_names,
    find_family,
    register,
    registry,
)
from unmask.studies.cells import Cell, recipe_key
from unmask.studies.runs import trained_weights, with_projection
from unmask.studies.study import StudyError
from unmask.training.export import export, load_best
from unmask.training.loop import open_run, train
from unmask.training.recipes import Recipe, RecipeError, load_recipe

ROOT = Path(__file__).parents[2]
SMALL = "model={family: residual, input_size: 32, width: 4}"


def documented_code():
    """Read the family file that the page shows."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    section = page.split("\n## A model family\n")[1].split("\n## ")[0]
    return re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """Let the page's file lie among the families."""
    folder = tmp_path_factory.mktemp("families")
    (folder / "residual.py").write_text(documented_code())
    (folder / "empty.py").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "__path__", [*families.__path__, str(folder)])
        patch.setattr(registry, "_registered", dict(registry._registered))
        yield
        for name in ("residual", "empty"):
            sys.modules.pop(f"unmask.models.families.{name}", None)


@pytest.fixture(scope="module")
def run(documented, tmp_path_factory):
    """Train and export the page's family."""
    recipe = toy_recipes(tmp_path_factory.mktemp("run"))(SMALL, "data.train.0.terms=made here")
    folder = train(recipe, progress=False)
    export(folder)
    return folder


def test_the_documented_file_is_all_that_a_family_needs(run):
    detector = load_detector(run / "detector")
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    network = load_best(run, load_recipe(run / "recipe.yaml")).eval()
    with torch.no_grad():
        logits = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255).numpy()
    calibration = detector.card.calibration
    wanted = 1 / (1 + np.exp(-(calibration.slope * logits + calibration.intercept)))
    np.testing.assert_allclose(detector.score(crops), wanted, atol=1e-4)
    assert not detector.has_decoder and not detector.has_patch_logits
    assert detector.explain({"crops": crops})[0].patch_logits is None
    assert OpenedDetector(run / "detector").read(crops).hidden.shape == (3, 4)


def test_its_card_and_run_name_it(run):
    card = read_card(run / "detector")
    assert card.description == "A small convolutional network on a face's high frequencies."
    assert (card.input_size, card.trunk, card.quality) == (32, None, None)
    assert card.recipe["model"] == {"family": "residual", "input_size": 32, "width": 4}
    header = (run / "metrics.csv").read_text().splitlines()[0]
    assert header.startswith("step,total,auc_faces,auc,lr")
    assert trained_weights(load_recipe(run / "recipe.yaml")) == sum(
        weight.numel() for weight in load_best(run, load_recipe(run / "recipe.yaml")).parameters()
    )


def test_it_is_listed_and_another_name_is_refused(documented, toy_recipe):
    names = family_names()
    assert {"empty", "joint", "residual"} <= set(names)
    assert find_family("residual").name == "residual"
    with pytest.raises(
        RecipeError, match=rf"no model family 'residuum', but {', '.join(names)}; did you mean res"
    ):
        toy_recipe("model={family: residuum}")
    with pytest.raises(RecipeError, match=r"no model family '\[\]'"):
        toy_recipe("model={family: []}")
    with pytest.raises(RecipeError, match=r"empty\.py registers no model family 'empty'"):
        toy_recipe("model={family: empty}")
    with pytest.raises(ValueError, match="a model family 'residual' already"):
        register(Family("residual", "", FamilyOptions, nn.Identity, len, Exported))


def test_errors_name_the_keys_of_the_family(documented, toy_recipe):
    with pytest.raises(RecipeError, match=r"unknown key 'model\.widht'; the nearest is 'width'"):
        toy_recipe("model={family: residual, widht: 3}")
    with pytest.raises(RecipeError, match=r"unknown key 'model\.encoder'"):
        toy_recipe("model={family: residual, encoder: {}}")
    with pytest.raises(RecipeError, match=r"model\.width: "):
        toy_recipe("model={family: residual, width: wide}")
    with pytest.raises(RecipeError, match=r"pretraining\.steps: the model family residual"):
        toy_recipe(SMALL, "pretraining.steps=2")


def test_a_study_trains_once_what_the_family_does_not_read(documented, toy_recipe):
    key = recipe_key(toy_recipe(SMALL))
    for change in ("loss.weight=3", "loss.target=real", "trunk.tap=5"):
        assert recipe_key(toy_recipe(SMALL, change)) == key, change
    for change in ("model.width=5", "loss.label_smoothing=0.1", "optimiser.lr=0.5"):
        assert recipe_key(toy_recipe(SMALL, change)) != key, change


class ProbeOptions(FamilyOptions):
    """One linear layer on the mean of a trunk's map."""

    family: Literal["probe"] = "probe"
    channels: int = 12

    @property
    def reads(self):
        return "maps"

    @property
    def input_shape(self):
        return 16, self.channels


class Probe(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.options, self.layer = options, nn.Linear(options.channels, 1)

    def forward(self, maps):
        return self.layer(maps.mean(dim=(2, 3))).squeeze(1)


def probe_loss(network, batch, recipe, step):
    return {"total": classification_loss(network(batch.inputs), batch.wanted)}


@pytest.fixture
def probe(monkeypatch):
    """Register a family that reads maps."""
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    build = lambda options, recipe: Probe(options)  # noqa: E731
    return register(Family("probe", "a probe", ProbeOptions, build, probe_loss, Exported))


def test_a_family_on_maps_is_exported_and_averaged_with_its_like_alone(probe, toy_recipe):
    first, second = (
        train(
            toy_recipe("model={family: probe}", f"seed={seed}", f"name=p{seed}"),
            trunk=toy_trunk,
            reference=TOY,
            progress=False,
        )
        for seed in (1, 2)
    )
    folder = export(first, None, [second])
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    entry = np.random.default_rng(1).standard_normal((3, 16, 12)).astype(np.float32)
    (logit,) = session.run(["logit"], {"map": entry})
    heads = [load_best(one, load_recipe(one / "recipe.yaml")).eval() for one in (first, second)]
    maps = torch.from_numpy(entry).permute(0, 2, 1).unflatten(2, (4, 4))
    with torch.no_grad():
        np.testing.assert_allclose(logit, np.mean([head(maps).numpy() for head in heads], axis=0), atol=1e-5)
    assert read_card(folder).trunk == TOY and read_card(folder).input_size == 224
    joint = train(toy_recipe(), trunk=toy_trunk, reference=TOY, progress=False)
    with pytest.raises(RecipeError, match="of another model family"):
        export(first, None, [joint])
    leave_out_the_family(joint / "recipe.yaml")
    assert open_run(toy_recipe("resume=true")) == joint
    assert load_best(joint, load_recipe(joint / "recipe.yaml")).options == toy_recipe().model


def leave_out_the_family(path):
    """Turn a run's recipe into one from before there were families."""
    values = yaml.safe_load(path.read_text())
    assert values["model"].pop("family") == "joint"
    path.write_text(yaml.safe_dump(values))


def test_a_family_that_reads_no_projected_maps_says_so(probe, toy_recipe, tmp_path):
    cell = Cell("probe", {}, toy_recipe("model={family: probe}"), (0,))
    with pytest.raises(StudyError, match="components: the model family probe reads maps as they are"):
        with_projection([cell], 3, tmp_path / "out", toy_trunk, TOY)


def test_a_recipe_without_a_family_trains_the_joint_detector(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text("name: old\ndata: {train: [{set: faces}], validation: [{set: faces}]}\n")
    for changes in ([], ["model.encoder.width=8"], ["model={encoder: {width: 8}}"]):
        old, new = load_recipe(path, changes), load_recipe(path, [*changes, "model.family=joint"])
        assert isinstance(old.model, JointOptions) and old == new
        assert recipe_key(old) == recipe_key(new)
        assert old.model_dump()["model"]["family"] == "joint"


def named_in(card, options):
    """What a card names of a recipe's options: later versions have more."""
    if not isinstance(card, dict):
        return options
    return {key: named_in(value, options[key]) for key, value in card.items()}


def test_the_recipes_in_the_shipped_card_load():
    recipe = dict(read_card(ROOT / "src/unmask/detectors/weights/jrc").recipe)
    recipes = [recipe, *recipe.pop("averaged_with")]
    loaded = [Recipe.model_validate(values) for values in recipes]
    assert [one.name for one in loaded] == ["jrc", "jrc-last"]
    for one, values in zip(loaded, recipes, strict=True):
        assert named_in(values["model"], one.model.model_dump(mode="json")) == values["model"]
        assert (one.model.reads, one.model.input_shape) == (
            "maps",
            (196, values["model"]["backbone"]["channels"]),
        )


def test_recipes_are_read_without_torch():
    code = (
        f"from unmask.training.recipes import load_recipe; load_recipe({str(ROOT / 'recipes' / 'jrc.yaml')!r});"
        "import sys; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
