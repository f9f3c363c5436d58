"""Views of crops: repeatable, shared by a pair, and only what the source says."""

from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest

from unmask.training.recipes import RecipeError
from unmask.training.views import _open, draw_evenly, open_views


def views_of(recipe, training=True, size=48):
    return open_views(recipe, size=size, training=training)[0]


def test_a_view_depends_on_seed_crop_and_number_alone(toy_recipe):
    views = views_of(toy_recipe())
    first = views.image(3, view=1)
    assert first.shape == (48, 48, 3)
    assert first.dtype == np.uint8
    views.image(0, view=0)
    again = ForkingPickler.loads(ForkingPickler.dumps(views))
    np.testing.assert_array_equal(again.image(3, view=1), first)
    assert (views.image(3, view=2) != first).any()
    assert (views_of(toy_recipe("seed=1")).image(3, view=1) != first).any()


@pytest.mark.parametrize("training", [True, False])
def test_blends_are_drawn_by_the_data_s_seed_whatever_the_run_s(toy_recipe, training):
    part = "train" if training else "validation"
    blended = [f"data.{part}.0.kind=self_blended", "data.seed=5"]
    first = views_of(toy_recipe(*blended), training).image(1)
    np.testing.assert_array_equal(views_of(toy_recipe(*blended, "seed=1"), training).image(1), first)
    assert (views_of(toy_recipe(blended[0], "data.seed=6"), training).image(1) != first).any()


def test_real_and_fake_of_a_recording_share_cut_and_degradation(toy_recipe):
    views = views_of(toy_recipe("data.augment.jpeg=0", "data.augment.noise=0"))
    rows = views.rows
    real, fake = (np.flatnonzero((rows.pair == 0) & (rows.label == label))[0] for label in (0, 1))
    for view in range(4):
        a, b = views.image(real, view).astype(int), views.image(fake, view).astype(int)
        changed = np.abs(a - b).sum(2) > 0
        # The fake differs in a square of half the side, wherever the cut has moved it.
        assert 0.1 < changed.mean() < 0.6


def test_validation_is_not_augmented(toy_recipe):
    views = views_of(toy_recipe(), training=False, size=64)
    place = int(views.rows.record[0])
    np.testing.assert_array_equal(views.image(0), views.crops.image(place))
    assert {views.crops.records[int(i)].split for i in views.rows.record} == {"val"}


@pytest.mark.parametrize("kind", ["self_blended", "face_blended"])
def test_a_blended_source_gives_two_rows_of_each_real_crop(toy_recipe, kind):
    views = views_of(toy_recipe(f"data.train.0.kind={kind}", "data.augment.jpeg=0"))
    assert len(views.rows) == 24
    assert all(views.crops.records[int(place)].label == 0 for place in views.rows.record)
    real, fake = views.image(0), views.image(1)
    assert (views.rows.label[:2] == [0, 1]).all()
    assert (real != fake).any()


CHANGES = ("colour", "gamma", "grey", "resize", "blur", "motion", "noise", "jpeg", "webp", "video")
PLAIN = "data.augment={" + ", ".join(f"{change}: 0" for change in CHANGES) + "}"


@pytest.mark.parametrize("training", [True, False])
def test_a_blend_s_changed_share_covers_where_its_crop_differs_from_the_real_one(toy_recipe, training):
    part = "train" if training else "validation"
    views = views_of(toy_recipe(f"data.{part}.0.kind=self_blended", PLAIN), training, size=56)
    assert not views.changed_share(0, 0, 28).any(), "a real crop has an empty mask"
    for row in (1, 3, 5):
        change = np.abs(views.image(row, 0).astype(int) - views.image(row - 1, 0)).max(2)
        cells = change.reshape(28, 2, 28, 2).mean((1, 3))
        share = views.changed_share(row, 0, 28)
        assert share.shape == (28, 28) and share.min() >= 0 and 0.5 < share.max() <= 1
        assert cells[share == 0].mean() < 0.3 * cells[share > 0.9].mean()


def test_where_a_labelled_fake_was_changed_is_unknown(toy_recipe):
    views = views_of(toy_recipe())
    shares = [views.changed_share(row, 0, 28) for row in range(len(views.rows))]
    assert [share is None for share in shares] == views.rows.label.astype(bool).tolist()


def test_held_out_people_are_on_one_side(toy_recipe):
    rest = views_of(toy_recipe("data.train.0.held_out=0.4"))
    held = views_of(toy_recipe("data.train.0.held_out=0.4", "data.train.0.take=held_out"))
    assert len(rest.rows) + len(held.rows) == 24
    assert not set(rest.rows.group) & set(held.rows.group)


def test_rows_are_taken_by_the_columns_of_the_manifest(toy_recipe):
    fakes = views_of(toy_recipe("data.train.0.where.label=fake"))
    assert set(fakes.rows.label) == {1}
    with pytest.raises(RecipeError, match="has no crops"):
        views_of(toy_recipe("data.train.0.where={reflected: [0, 1]}"))


def test_rows_are_taken_by_ranges_of_numbers(toy_recipe):
    recipe = toy_recipe("data.train.0.where={mirrored: [0.1, 0.5]}")
    manifest = recipe.data.folder(recipe.data.train[0]) / "manifest.csv"
    heading, *rows = manifest.read_text().splitlines()
    lines = [f"{heading},mirrored", *(f"{row},{number / 10}" for number, row in enumerate(rows))]
    manifest.write_text("\n".join(lines) + "\n")
    _open.cache_clear()
    train = [number for number, row in enumerate(rows) if ",train" in row]
    assert len(views_of(recipe).rows) == sum(0.1 <= number / 10 <= 0.5 for number in train)


def test_an_empty_source_is_named(toy_recipe):
    with pytest.raises(RecipeError, match="faces has no crops for split 'dev'"):
        views_of(toy_recipe("data.train.0.split=dev"))


def test_manipulations_of_one_recording_are_videos_of_their_own(toy_recipe):
    recipe = toy_recipe()
    faces = recipe.data.folder(recipe.data.validation[0])
    rows = ["file,label,source,split,dataset,method,video,landmarks"]
    for method in ("real", "Deepfakes", "Face2Face"):
        label = "real" if method == "real" else "fake"
        rows += [
            f"{label}{n}.png,{label},033,val,FaceForensics++,{method},{method}/033.mp4,24 26 40 26 32 34 26 44 38 44"
            for n in (3, 7)
        ]
    (faces / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    found = views_of(recipe, training=False).rows
    assert found.video.tolist() == [0, 0, 1, 1, 2, 2]
    assert len(set(found.pair.tolist())) == 1, "a batch takes real and fake of one recording together"
    halves = views_of(toy_recipe("data.validation.0.kind=self_blended"), training=False).rows
    assert len(set(halves.video.tolist())) == 2, "the blended half of a video is another video"


@pytest.mark.parametrize("part", ["train", "validation"])
def test_what_a_set_keeps_for_testing_is_neither_trained_nor_chosen_on(toy_recipe, part):
    with pytest.raises(RecipeError, match=f"data.{part}.0.split.*test"):
        toy_recipe(f"data.{part}.0.split=test")

    recipe = toy_recipe("data.train.0.split=null", "data.validation.0.split=null")
    views_of(recipe, part == "train")
    manifest = recipe.data.folder(recipe.data.train[0]) / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",val,", ",test,", 1))
    _open.cache_clear()
    with pytest.raises(RecipeError, match="split for testing"):
        views_of(recipe, part == "train")


def test_a_limit_draws_by_the_seed_and_evenly_over_classes():
    labels = np.array([0] * 30 + [1] * 970)
    drawn = draw_evenly(labels, 40, seed=1)
    assert len(set(drawn)) == 40 and (np.diff(drawn) > 0).all()
    assert labels[drawn].sum() == 20
    assert not np.array_equal(drawn, draw_evenly(labels, 40, seed=2))
    assert set(drawn) <= set(draw_evenly(labels, 60, seed=1))
    assert labels[draw_evenly(labels, 100, seed=1)].sum() == 70  # There are no more real ones.
    assert len(draw_evenly(labels, 5000, seed=1)) == 1000
    assert len(draw_evenly(np.zeros(9, int), 4, seed=1)) == 4


def test_a_share_is_of_whole_sources_drawn_by_the_data_s_seed(toy_recipe):
    whole = views_of(toy_recipe()).rows
    drawn = [views_of(toy_recipe("data.train.0.share=0.5", f"data.seed={seed}")).rows for seed in (0, 1, 0)]
    for rows in drawn:
        assert 0 < len(rows) < len(whole)
        # Real and fake of each source that was drawn.
        assert set(np.unique(rows.group, return_counts=True)[1]) == {2}
    assert set(drawn[0].group) == set(drawn[2].group) != set(drawn[1].group)


def test_unlabelled_crops_are_drawn_by_themselves(toy_recipe):
    views = views_of(toy_recipe("data.train.0.kind=unlabelled", "pretraining.steps=8"))
    assert len(set(views.rows.pair)) == len(views.rows) == 24
    assert views.rows.label.sum() == 12
