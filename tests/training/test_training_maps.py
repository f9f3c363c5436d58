"""The cache of maps: right, resumable, and recomputed exactly when it must be."""

import numpy as np
import pytest
from training_toys import TOY, toy_maps, toy_trunk

from unmask.training import maps
from unmask.training.maps import MapStore, cache_maps
from unmask.training.masks import add_masks, mask_of


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(maps, "CHUNK", 4)


def cached(recipe, trunk=toy_trunk, training=True, **arguments):
    return cache_maps(recipe, training=training, trunk=trunk, reference=TOY, **arguments)


def content(stores):
    return [
        (np.array(s.maps), np.array(s.targets), s.label, s.pair, s.group) for views in stores for s in views
    ]


def assert_same(a, b):
    for left, right in zip(content(a), content(b), strict=True):
        for x, y in zip(left, right, strict=True):
            np.testing.assert_array_equal(x, y)


def test_each_row_holds_its_own_map_target_and_label(toy_recipe):
    recipe = toy_recipe("data.train.0.views=2")
    (stores,) = cached(recipe)
    views = maps.open_views(recipe, size=224, training=True)[0]
    assert len(stores) == 2
    for number, store in enumerate(stores):
        assert store.maps.shape == (24, 16, 12)
        assert store.targets.shape == (24, 8, 8, 3)
        np.testing.assert_array_equal(store.label, views.rows.label)
        crop = views.image(5, number)
        np.testing.assert_allclose(store.maps[5], toy_maps(crop[None])[0], atol=1e-3)
        blocks = crop.reshape(8, 28, 8, 28, 3).mean((1, 3))
        assert np.abs(store.targets[5] - blocks).max() <= 1
        for row in (0, 5, 23):
            read = store.read(row)
            np.testing.assert_array_equal(read[0], store.maps[row])
            np.testing.assert_array_equal(read[1], store.targets[row])


def test_a_finished_cache_is_not_computed_again(toy_recipe):
    first = cached(toy_recipe())

    def no_trunk():
        raise AssertionError("the trunk was opened again")

    assert_same(cached(toy_recipe("data.train.0.weight=3", "loss.weight=0"), trunk=no_trunk), first)


def test_more_views_keep_those_there_are(toy_recipe):
    first = cached(toy_recipe())
    calls = []

    def counting_trunk():
        def counted(crops):
            calls.append(len(crops))
            return toy_maps(crops)

        return counted

    more = cached(toy_recipe("data.train.0.views=2"), trunk=counting_trunk)
    assert sum(calls) == 24
    np.testing.assert_array_equal(more[0][0].maps, first[0][0].maps)
    assert (more[0][1].maps != first[0][0].maps).any()


@pytest.mark.parametrize(
    "change", ["seed=1", "data.augment.flip=0", "data.train.0.crop=[1.0, 1.1]", "trunk.target=10"]
)
def test_what_changes_the_maps_changes_the_cache(toy_recipe, change):
    first = cached(toy_recipe())[0][0].folder
    assert cached(toy_recipe(change))[0][0].folder != first


@pytest.mark.parametrize("cut_line", [False, True])
def test_a_cache_killed_and_resumed_equals_an_undisturbed_one(toy_recipe, tmp_path, cut_line):
    undisturbed = cached(toy_recipe())
    calls = []

    def dying_trunk():
        def dying(crops):
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return toy_maps(crops)

        return dying

    recipe = toy_recipe_in(toy_recipe, tmp_path / "other")
    with pytest.raises(KeyboardInterrupt):
        cached(recipe, trunk=dying_trunk)
    (done,) = (tmp_path / "other").rglob("done-4.txt")
    assert done.read_text().split() == ["0", "1", "2"]
    if cut_line:  # the kill came while the line was written, and rows of the next chunk were half written
        done.write_text("0\n1")
        with done.with_name("maps.f16").open("r+b") as file:
            file.seek(4 * 16 * 12 * 2)
            file.write(b"\xff" * 100)
    assert_same(cached(recipe), undisturbed)


def toy_recipe_in(toy_recipe, cache):
    recipe = toy_recipe()
    return recipe.model_copy(update={"trunk": recipe.trunk.model_copy(update={"cache": str(cache)})})


def test_worker_processes_write_the_same_cache(toy_recipe, tmp_path):
    alone = cached(toy_recipe())
    recipe = toy_recipe_in(toy_recipe, tmp_path / "other")
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"workers": 2})})
    assert_same(cached(recipe), alone)


def test_views_of_a_recording_are_pairs_of_their_own(toy_recipe):
    (stores,) = cached(toy_recipe("data.train.0.views=2"))
    labels, pairs = maps.map_rows(stores)
    assert len(labels) == 48
    _, counts = np.unique(pairs, return_counts=True)
    assert (counts == 2).all()


def test_maps_beyond_float16_are_refused(toy_recipe):
    with pytest.raises(ValueError, match="float16"):
        cached(toy_recipe(), trunk=lambda: lambda crops: toy_maps(crops) * 1e9)


def test_a_store_opens_without_reading_its_maps(toy_recipe):
    store = cached(toy_recipe())[0][0]
    again = MapStore.open(store.folder)
    assert isinstance(again.maps, np.memmap)
    assert len(again) == 24


def test_a_cache_gets_its_masks_when_they_are_asked_for(toy_recipe):
    recipe = toy_recipe("data.train.0.kind=self_blended", "data.train.0.views=2")
    stores = cached(recipe)
    assert not list(stores[0][0].folder.glob("masks*"))
    masked = add_masks(recipe, stores)
    views = maps.open_views(recipe, size=224, training=True)[0]
    for number, store in enumerate(masked[0]):
        assert store.masks.shape == (24, 28, 28)
        np.testing.assert_array_equal(store.read_mask(5), mask_of(views, 5, number))
        assert store.read_mask(5).any() and not store.read_mask(4).any()
    assert cached(recipe)[0][0].folder == masked[0][0].folder
