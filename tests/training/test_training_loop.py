"""Training runs on the toy set: what they write, what they choose, and going on after a stop."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score
from training_toys import TOY, toy_trunk

from unmask.training.batches import ahead
from unmask.training.loop import train
from unmask.training.module import DetectorTraining, model_input, rate_factor
from unmask.training.recipes import OptimiserOptions, RecipeError, load_recipe


def run(recipe):
    return train(recipe, trunk=toy_trunk, reference=TOY, progress=False)


def rows_of(folder):
    with (folder / "metrics.csv").open() as lines:
        return list(csv.DictReader(lines))


def test_a_run_writes_its_folder(toy_recipe, tmp_path):
    folder = run(toy_recipe())
    assert folder == tmp_path / "runs" / "toy"
    assert load_recipe(folder / "recipe.yaml") == toy_recipe()
    rows = rows_of(folder)
    assert [row["step"] for row in rows] == ["4", "8"]
    assert float(rows[0]["images_per_second"]) > 0
    assert float(rows[0]["images_per_second_without_loading"]) >= float(rows[0]["images_per_second"])
    assert float(rows[0]["reconstruction"]) > 0
    text = (folder / "log.txt").read_text()
    assert "the loader alone gives" in text
    assert "best validation AUC" in text


def test_the_best_weights_are_those_whose_logits_are_kept(toy_recipe):
    folder = run(toy_recipe("optimiser.steps=12", "evaluation.every=3"))
    kept = np.load(folder / "validation.npz")
    best = max(rows_of(folder), key=lambda row: float(row["auc"]))
    assert int(best["step"]) == int(kept["step"])
    assert roc_auc_score(kept["label"], kept["logit"]) == pytest.approx(float(best["auc"]), abs=1e-5)
    module = DetectorTraining(toy_recipe())
    module.model.load_state_dict(load_file(folder / "best.safetensors"))
    module.model.eval()
    from unmask.training.maps import cache_maps

    (views,) = cache_maps(toy_recipe(), training=False, trunk=toy_trunk, reference=TOY)
    with torch.no_grad():
        logits = module.model(model_input(torch.from_numpy(np.array(views[0].maps)))).logit
    np.testing.assert_allclose(logits.numpy(), kept["logit"], atol=1e-5)


def test_the_toy_is_learned(toy_recipe):
    folder = run(toy_recipe("optimiser.steps=60", "evaluation.every=20"))
    assert float(rows_of(folder)[-1]["auc"]) > 0.95


def test_fakes_and_real_faces_from_separate_sources_are_learned_and_judged_together(toy_recipe):
    def separate(split):
        return ", ".join(
            f"{{set: faces, split: {split}, where: {{label: {label}}}, name: both}}"
            for label in ("fake", "real")
        )

    recipe = toy_recipe(
        f"data.train=[{separate('train')}]",
        f"data.validation=[{separate('val')}]",
        "optimiser.steps=60",
        "evaluation.every=20",
    )
    folder = run(recipe)
    assert float(rows_of(folder)[-1]["auc_both"]) > 0.95
    kept = np.load(folder / "validation.npz")
    assert set(kept["set"]) == {"both"}
    assert len(set(kept["video"])) == len(kept["video"]), "files of two sources are not one video"


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(toy_recipe, monkeypatch):
    whole = run(toy_recipe("name=whole", "optimiser.ema=0.5"))
    step = DetectorTraining.training_step

    def stopping(self, batch, index):
        if self.global_step == 6:
            raise SystemExit
        return step(self, batch, index)

    monkeypatch.setattr(DetectorTraining, "training_step", stopping)
    with pytest.raises(SystemExit):
        run(toy_recipe("name=stopped", "optimiser.ema=0.5"))
    monkeypatch.setattr(DetectorTraining, "training_step", step)
    folder = run(toy_recipe("name=stopped", "optimiser.ema=0.5", "resume=true"))
    ours, theirs = rows_of(folder), rows_of(whole)
    assert [row["step"] for row in ours] == ["4", "8"]
    assert [row["auc"] for row in ours] == [row["auc"] for row in theirs]
    last, reference = (torch.load(f / "last.ckpt", weights_only=True) for f in (folder, whole))
    assert last["global_step"] == reference["global_step"] == 8
    for name, value in reference["state_dict"].items():
        torch.testing.assert_close(last["state_dict"][name], value, msg=name)


def test_a_taken_name_and_a_changed_recipe_are_refused(toy_recipe):
    folder = run(toy_recipe())
    with pytest.raises(RecipeError, match="resume=true"):
        run(toy_recipe())
    with pytest.raises(RecipeError, match="differs"):
        run(toy_recipe("resume=true", "loss.weight=0.5"))
    (folder / "last.ckpt").unlink()  # As a run leaves it that failed before its first checkpoint.
    with pytest.raises(RecipeError, match="delete it, or name="):
        run(toy_recipe())
    with pytest.raises(RecipeError, match="no checkpoint"):
        run(toy_recipe("resume=true", "name=other"))


def test_a_run_that_cannot_begin_leaves_no_folder(toy_recipe):
    recipe = toy_recipe("initial=nowhere")
    folder = Path(recipe.runs) / recipe.name
    for kept in ([], ["notes.txt"]):
        for name in kept:
            folder.mkdir(parents=True)
            (folder / name).touch()
        with pytest.raises(RecipeError, match="nowhere"):
            run(recipe)
        assert (sorted(path.name for path in folder.iterdir()) if folder.exists() else []) == kept


def test_patience_ends_a_run_that_gets_no_better(toy_recipe):
    folder = run(
        toy_recipe("optimiser.lr=1e-30", "optimiser.steps=100", "evaluation.every=1", "evaluation.patience=2")
    )
    assert len(rows_of(folder)) < 10


def test_lambda_zero_trains_without_a_decoder(toy_recipe):
    folder = run(toy_recipe("loss.weight=0"))
    assert not any(name.startswith("decoder") for name in load_file(folder / "best.safetensors"))
    assert float(rows_of(folder)[-1]["reconstruction"]) == 0


def test_an_image_model_trains_end_to_end(toy_recipe):
    backbone = "{kind: timm, name: mobilenetv3_small_050, tap: 2, input_size: 48}"
    folder = run(toy_recipe(f"model.backbone={backbone}", "data.train.0.kind=self_blended", "precision=bf16"))
    weights = load_file(folder / "best.safetensors")
    assert any(name.startswith("backbone.") for name in weights)
    assert len(rows_of(folder)) == 2


def test_a_run_that_diverges_ends_with_a_hint(toy_recipe):
    with pytest.raises(RecipeError, match=r"lower optimiser\.lr"):
        run(toy_recipe("optimiser.lr=1e30", "optimiser.clip=0"))


def test_an_unknown_set_to_choose_on_is_named(toy_recipe):
    with pytest.raises(RecipeError, match="there are faces, mean"):
        run(toy_recipe("evaluation.select=celeb"))


def test_the_rate_warms_up_and_falls_along_a_cosine():
    options = OptimiserOptions(steps=110, warm_up=10)
    assert rate_factor(0, options) == pytest.approx(0.1)
    assert rate_factor(9, options) == 1.0
    assert rate_factor(60, options) == pytest.approx(0.5)
    assert rate_factor(110, options) == pytest.approx(0.0)
    assert rate_factor(90, OptimiserOptions(schedule="constant", warm_up=0)) == 1.0


def test_tokens_become_a_map_row_by_row_without_a_copy():
    tokens = torch.arange(2 * 9 * 4).reshape(2, 9, 4).float()
    maps = model_input(tokens)
    assert maps.shape == (2, 4, 3, 3)
    torch.testing.assert_close(maps[1, :, 2, 0], tokens[1, 6])
    assert maps.is_contiguous(memory_format=torch.channels_last)


def test_errors_of_the_loading_thread_reach_the_run():
    def broken():
        yield 1
        raise OSError("disk gone")

    items = ahead(broken())
    assert next(items) == 1
    with pytest.raises(OSError, match="disk gone"):
        next(items)
