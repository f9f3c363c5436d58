"""Rebuilding first, classifying after: what learns when, and what is left of the decoder."""

import csv

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from training_toys import TOY, toy_trunk

from unmask.training.export import export
from unmask.training.loop import strategy_name, train
from unmask.training.module import DetectorTraining, rate_factor
from unmask.training.recipes import OptimiserOptions, RecipeError


def run(recipe):
    return train(recipe, trunk=toy_trunk, reference=TOY, progress=False)


@pytest.fixture
def recipe(toy_recipe):
    return lambda *overrides: toy_recipe("pretraining.steps=4", "evaluation.every=2", *overrides)


@pytest.fixture
def watched(monkeypatch):
    """Weights before each step, by step."""
    seen = {}
    step = DetectorTraining.training_step

    def watching(self, batch, index):
        state = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        seen[self.global_step] = state
        return step(self, batch, index)

    monkeypatch.setattr(DetectorTraining, "training_step", watching)
    return seen


def moved(before, after):
    parts = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    return parts


@pytest.mark.parametrize(
    ("encoder", "later"), [("frozen", {"classifier"}), ("tuned", {"classifier", "encoder"})]
)
def test_first_the_decoder_learns_and_then_the_classifier(recipe, watched, encoder, later):
    run(recipe(f"pretraining.encoder={encoder}"))
    assert moved(watched[0], watched[4]) == {"encoder", "decoder"}
    assert moved(watched[4], watched[7]) == later


def test_the_weights_that_are_kept_have_no_decoder_and_classify(recipe):
    folder = run(recipe("optimiser.steps=40", "pretraining.steps=10", "evaluation.every=10"))
    assert {name.split(".")[0] for name in load_file(folder / "best.safetensors")} == {
        "encoder",
        "classifier",
    }
    with (folder / "metrics.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert float(rows[0]["reconstruction"]) > 0 == float(rows[-1]["reconstruction"])
    assert float(rows[0]["total"]) == pytest.approx(float(rows[0]["reconstruction"]))
    assert float(rows[-1]["total"]) == pytest.approx(float(rows[-1]["classification"]))
    assert int(np.load(folder / "validation.npz")["step"]) > 10
    out = export(folder)
    import onnx

    names = [output.name for output in onnx.load(out / "model.onnx").graph.output]
    assert names == ["logit", "score", "patch_logits"]


def test_a_run_that_was_stopped_where_it_classifies_goes_on(recipe, monkeypatch):
    whole = run(recipe("name=whole", "pretraining.encoder=frozen"))
    step = DetectorTraining.training_step

    def stopping(self, batch, index):
        if self.global_step == 7:
            raise SystemExit
        return step(self, batch, index)

    monkeypatch.setattr(DetectorTraining, "training_step", stopping)
    with pytest.raises(SystemExit):
        run(recipe("name=stopped", "pretraining.encoder=frozen"))
    monkeypatch.setattr(DetectorTraining, "training_step", step)
    folder = run(recipe("name=stopped", "pretraining.encoder=frozen", "resume=true"))
    last, reference = (torch.load(f / "last.ckpt", weights_only=True) for f in (folder, whole))
    for name, value in reference["state_dict"].items():
        torch.testing.assert_close(last["state_dict"][name], value, msg=name)


def test_each_part_has_a_schedule_of_its_own():
    options = OptimiserOptions(steps=120, warm_up=10)
    alone = OptimiserOptions(steps=40, warm_up=10)
    assert [rate_factor(s, options, 40) for s in range(40)] == [rate_factor(s, alone) for s in range(40)]
    assert rate_factor(40, options, 40) == pytest.approx(0.1)
    assert rate_factor(85, options, 40) == pytest.approx(0.5)
    assert rate_factor(120, options, 40) == pytest.approx(0.0)


def test_pretraining_that_cannot_be_is_refused(recipe):
    with pytest.raises(RecipeError, match="needs a decoder"):
        recipe("loss.weight=0")
    with pytest.raises(RecipeError, match=r"more than optimiser\.steps"):
        recipe("pretraining.steps=9")
    with pytest.raises(RecipeError, match="unlabelled crops are for pre-training"):
        recipe("data.train.0.kind=unlabelled")
    with pytest.raises(RecipeError, match="contrastive reads pixels"):
        recipe("model.family=contrastive", "model.decoder.enabled=false")
    with pytest.raises(RecipeError, match=r"contrastive needs pretraining\.steps"):
        recipe("model.family=contrastive", "model.decoder.enabled=false", SMALL, "pretraining.steps=0")


def test_ddp_is_told_of_the_branch_without_gradients(recipe):
    assert strategy_name(recipe("trainer.strategy=ddp")) == "ddp_find_unused_parameters_true"
    assert strategy_name(recipe("trainer.strategy=ddp", "pretraining.steps=0")) == "ddp"


SMALL = "model.backbone={kind: timm, name: test_resnet, tap: -2, input_size: 32}"
ONLY = (SMALL, "data.train.0.kind=unlabelled", "pretraining.steps=8")


@pytest.mark.parametrize("family", ["joint", "contrastive", "forward_forward"])
def test_a_run_that_only_pretrains_reads_no_label_and_gives_another_its_weights(recipe, tmp_path, family):
    own = (f"model.family={family}", f"model.decoder.enabled={family == 'joint'}")
    folder = run(recipe("name=first", *ONLY, *own))
    weights = load_file(folder / "best.safetensors")
    assert {name.split(".")[0] for name in weights} == {"backbone", "encoder"}
    with pytest.raises(RecipeError, match="was only pre-trained"):
        export(folder)
    manifest = tmp_path / "faces" / "manifest.csv"
    text = manifest.read_text()
    manifest.write_text(text.replace(",real,", ",x,").replace(",fake,", ",real,").replace(",x,", ",fake,"))
    again = load_file(run(recipe("name=again", *ONLY, *own)) / "best.safetensors")
    for name, value in weights.items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=0, msg=name)
    manifest.write_text(text)
    later = recipe("name=later", SMALL, "pretraining.steps=0", f"initial={folder}")
    begun = DetectorTraining(later).model.state_dict()
    for name, value in weights.items():
        torch.testing.assert_close(begun[name], value, rtol=0, atol=0, msg=name)


def test_a_family_that_pretrains_and_classifies_is_exported(recipe):
    own = ("model.family=contrastive", "model.decoder.enabled=false", SMALL)
    folder = run(recipe("optimiser.steps=8", *own))
    out = export(folder)
    import onnx

    names = [output.name for output in onnx.load(out / "model.onnx").graph.output]
    assert names == ["logit", "score", "patch_logits"]
    with (folder / "metrics.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert float(rows[1]["classification"]) == 0 < float(rows[-1]["classification"])
