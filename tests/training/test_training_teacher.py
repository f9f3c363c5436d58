"""A network taught by a detector: it sees the views that were scored, with their logits, and learns from both."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from toy_detectors import write_detector
from unmask.detectors import load_detector, read_card
from unmask.training.export import export
from unmask.training.loop import train
from unmask.training.maps import open_views
from unmask.training.module import DetectorTraining
from unmask.training.recipes import RecipeError, TeacherOptions
from unmask.training.teacher import distillation_batches

IMAGE_MODEL = "model.backbone={kind: timm, name: mobilenetv3_small_050, tap: 2, input_size: 48}"


@pytest.fixture
def teacher(tmp_path):
    data = [{"name": "reds", "terms": "the teacher's", "use": "training"}]
    return write_detector(tmp_path / "teacher", size=64, crop_profile="tight", data=data)


@pytest.fixture
def recipe(toy_recipe, teacher, tmp_path):
    """Return a function from overrides to a recipe of a network that the teacher teaches."""
    options = f"teacher={{detector: {teacher}, cache: {tmp_path / 'teacher_logits'}}}"
    return lambda *overrides: toy_recipe(IMAGE_MODEL, options, *overrides)


def batches_of(recipe):
    return distillation_batches(recipe, recipe.teacher, lambda *_: None)


def test_each_crop_comes_with_the_teachers_logit_of_that_very_view(recipe, teacher):
    recipe = recipe("data.train.0.views=2")
    detector, (views,) = load_detector(teacher), open_views(recipe, size=64, training=True)
    crops = np.stack([views.image(row, view) for view in range(2) for row in range(len(views.rows))])
    logits, labels = detector.logits(crops), np.tile(views.rows.label, 2)
    seen = set()
    for batch in batches_of(recipe).training(0, 12):
        assert batch.inputs.shape == (8, 48, 48, 3) and batch.inputs.dtype == torch.uint8
        assert batch.inputs is batch.targets
        for picture, label, lesson in zip(batch.inputs, batch.labels, batch.teacher_logits, strict=True):
            place = int(np.argmin(np.abs(logits - lesson.item())))
            assert lesson.item() == pytest.approx(logits[place], abs=2e-3)
            assert labels[place] == label.item()
            assert picture.numpy().mean((0, 1)) == pytest.approx(crops[place].mean((0, 1)), abs=2)
            seen.add(place)
    assert len(seen) == 48  # Both views of 12 sources' real and fake crops.


def test_validation_crops_are_those_of_an_untaught_run(recipe, toy_recipe):
    taught, plain = batches_of(recipe()), DetectorTraining(toy_recipe(IMAGE_MODEL))
    (loader,) = taught.validation()
    batch = next(iter(loader))
    assert batch.teacher_logits is None and batch.inputs.shape[1:] == (48, 48, 3)
    assert plain._wanted(batch) is batch.labels
    (rows,) = taught.validation_rows()
    assert rows.name == "faces" and len(rows.labels) == 8


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_the_loss_is_the_weighted_sum_of_both(recipe, weight):
    module = DetectorTraining(
        recipe(f"teacher.weight={weight}", "loss.weight=0", "model.decoder.enabled=false")
    )
    module.model.eval()
    batch = next(iter(batches_of(module.recipe).training(0, 1)))
    logit = module.model(module._input(batch), reconstruct=False).logit
    of_labels = binary_cross_entropy_with_logits(logit, batch.labels)
    of_lessons = binary_cross_entropy_with_logits(logit, torch.sigmoid(batch.teacher_logits))
    wanted = (1 - weight) * of_labels + weight * of_lessons
    assert module._losses(batch)["total"].item() == pytest.approx(wanted.item(), rel=1e-5)


def test_a_crop_is_scored_once_for_all_runs(recipe, monkeypatch):
    first = next(iter(batches_of(recipe()).training(0, 1)))

    def no_teacher(*_):
        raise AssertionError("the teacher was asked again")

    monkeypatch.setattr("unmask.training.teacher.load_detector", no_teacher)
    again = next(iter(batches_of(recipe("teacher.weight=1.0", "optimiser.lr=0.1")).training(0, 1)))
    torch.testing.assert_close(again.teacher_logits, first.teacher_logits)


def test_a_taught_network_learns_what_its_teacher_says_against_the_labels(toy_recipe, tmp_path):
    """The teacher calls what is redder real: told only by it, the network ranks the faces upside down."""
    teacher = write_detector(tmp_path / "wrong", size=64, crop_profile="tight", slope=-0.2, offset=-20.0)
    options = f"teacher={{detector: {teacher}, weight: 1.0, cache: {tmp_path / 'teacher_logits'}}}"
    recipe = toy_recipe(IMAGE_MODEL, options, "optimiser.steps=30", "evaluation.every=30", "loss.weight=0")
    kept = np.load(train(recipe, progress=False) / "validation.npz")
    assert kept["logit"][kept["label"] == 1].mean() < kept["logit"][kept["label"] == 0].mean()


def test_the_card_names_the_teachers_data_and_no_place(recipe, tmp_path):
    run = train(recipe(), progress=False)
    export(run)
    card = read_card(run / "detector")
    assert ("reds", "the teacher's", "training") in [(s.name, s.terms, s.use) for s in card.data]
    assert card.recipe["teacher"] == {"detector": "teacher", "weight": 0.5}
    assert str(tmp_path) not in (run / "detector" / "card.json").read_text()


def test_what_cannot_be_taught_is_said(toy_recipe, recipe, tmp_path):
    with pytest.raises(RecipeError, match="only a network that reads images"):
        toy_recipe("teacher={detector: jrc}")
    with pytest.raises(RecipeError, match=r"teacher.detector: no detector named 'jrcc'.*did you mean jrc"):
        batches_of(recipe("teacher={detector: jrcc}"))
    wide = write_detector(tmp_path / "wide", size=64)
    with pytest.raises(
        RecipeError, match=r"teacher\.detector: toy wants crop profile wide, data\.crop_profile is tight"
    ):
        batches_of(recipe(f"teacher={{detector: {wide}}}"))
    with pytest.raises(RecipeError, match=r"teacher\.weight"):
        recipe("teacher={weight: 0}")
    assert TeacherOptions().detector == "jrc"
