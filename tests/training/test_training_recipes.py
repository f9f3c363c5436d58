"""Recipes: overrides, resolved files, errors in one line."""

import pytest
import yaml

from unmask.training.recipes import RecipeError, load_recipe

MINIMAL = """
name: toy
data:
  train: [{set: faces, split: train}]
  validation: [{set: faces, split: val}]
"""


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "toy.yaml"
    path.write_text(MINIMAL)
    return path


def test_overrides_reach_nested_keys_and_lists(recipe_file):
    overrides = ["optimiser.lr=1e-4", "loss.target=real", "data.train.0.weight=2", "model.encoder.width=64"]
    recipe = load_recipe(recipe_file, overrides)
    assert recipe.optimiser.lr == 1e-4
    assert recipe.loss.target == "real"
    assert recipe.data.train[0].weight == 2
    assert recipe.model.encoder.width == 64


def test_the_resolved_recipe_shows_every_default_and_reads_back(recipe_file, tmp_path):
    recipe = load_recipe(recipe_file, ["seed=7"])
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(recipe.to_yaml())
    assert load_recipe(resolved) == recipe
    values = yaml.safe_load(resolved.read_text())
    assert values["model"]["decoder"]["resolution"] == 56
    assert values["data"]["train"][0]["weight"] == 1.0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.lr=1", "unknown key 'optimizer'; the nearest is 'optimiser'"),
        ("optimiser.learning_rate=1", "unknown key 'optimiser.learning_rate'"),
        ("model.encoder.widht=1", "the nearest is 'width'"),
        ("data.train.0.wieght=1", "unknown key 'data.train.0.wieght'; the nearest is 'weight'"),
        ("optimiser.lr=fast", "optimiser.lr: "),
        ("data.train.9.weight=1", "names no place"),
        ("nonsense", "is not key=value"),
        ("model.decoder.resolution=112", "trunk.target"),
        ("loss.target=fake", "loss.target"),
        ("data.augment.jpg=0.5", "the nearest is 'jpeg'"),
    ],
)
def test_errors_are_one_line_that_names_the_key(recipe_file, override, message):
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe_file, [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a list", "a: [", "!!python/object/apply:os.system [ls]"])
def test_files_that_are_no_recipe_are_refused_in_one_line(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"nowhere\.yaml"):
        load_recipe(tmp_path / "nowhere.yaml")
