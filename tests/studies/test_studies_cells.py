"""From study files to cells: which recipes, which seeds, against which control."""

import pytest
from study_toys import STUDY

from unmask.studies.cells import plan, recipe_key
from unmask.studies.study import StudyError, load_study


def cells_of(path, *overrides):
    return {cell.name: cell for cell in plan(load_study(path), path, overrides)}


def test_every_combination_is_a_cell_and_equal_recipes_are_one(toy_study):
    cells = cells_of(toy_study())
    assert list(cells)[:2] == ["data both, lambda 0", "data limited, lambda 0"]
    assert len(cells) == 2 * (1 + 2) + 1
    assert cells["data both, lambda 0"].levels == {"data": "both", "lambda": "0", "target": "any"}
    real = cells["data limited, lambda 0.5, target real"].recipe
    assert (real.loss.weight, real.loss.target, real.data.train[0].limit) == (0.5, "real", 16)


def test_a_cell_is_compared_with_the_control_of_its_own_data(toy_study):
    cells = cells_of(toy_study())
    assert cells["data both, lambda 0"].control is None
    assert cells["data both, lambda 0.5, target all"].control == "data both, lambda 0"
    assert cells["data limited, lambda 0.5, target real"].control == "data limited, lambda 0"
    assert cells["sequential"].control == "data both, lambda 0"
    assert cells["sequential"].seeds == (0,)


def test_runs_are_judged_at_their_last_step_on_the_same_pixels(toy_study):
    for cell in cells_of(toy_study()).values():
        recipe = cell.run(5)
        assert recipe.evaluation.every == recipe.optimiser.steps == 6
        assert (recipe.seed, recipe.data_seed) == (5, 0)


def test_changes_from_the_command_line_reach_every_cell(toy_study):
    assert {cell.recipe.optimiser.lr for cell in cells_of(toy_study(), "optimiser.lr=0.5").values()} == {0.5}


def test_the_key_names_what_decides_a_run_and_nothing_else(toy_study):
    first, *_ = cells_of(toy_study()).values()
    recipe = first.recipe
    same = [
        "name=other",
        "runs=elsewhere",
        "trunk.cache=elsewhere",
        "data.root=elsewhere",
        "loss.target=real",
    ]
    for change in same:
        other, *_ = cells_of(toy_study(), change).values()
        assert recipe_key(other.recipe) == recipe_key(recipe), change
    for change in ("seed=1", "optimiser.lr=0.5", "optimiser.steps=7", "model.encoder.width=9", "data.seed=3"):
        other, *_ = cells_of(toy_study(), change).values()
        assert recipe_key(other.recipe) != recipe_key(recipe), change


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("videos:", "vidoes:", "unknown key 'vidoes'; the nearest is 'videos'"),
        ('control: {lambda: "0"}', 'control: {lambda: "2"}', "no level '2'"),
        ('control: {lambda: "0"}', 'control: {mu: "0"}', "no factor 'mu'"),
        ("{loss.weight: 0.5}", "{loss.wieght: 0.5}", "unknown key 'loss.wieght'; the nearest is 'weight'"),
        ("recipe: toy.yaml", "recipe: none.yaml", "none.yaml: No such file"),
        ("seeds: [0, 1]\n", "seeds: [0, 1]\nmore_seeds: [1]\n", "every cell has"),
    ],
)
def test_wrong_studies_are_named_in_one_line(toy_study, old, new, message):
    with pytest.raises(StudyError) as error:
        cells_of(toy_study(STUDY.replace(old, new)))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_with_a_run_of_its_own_is_refused(tmp_path):
    (tmp_path / "sync.yaml").write_text(
        "name: s\ndata: {train: [{set: people}], validation: [{set: people}]}\nmodel: {family: sync}\n"
    )
    study = "name: s\nrecipe: sync.yaml\nseeds: [0]\nfactors: {width: {a: {model.width: 2}, b: {model.width: 4}}}\n"
    (tmp_path / "study.yaml").write_text(study + "control: {width: a}\n")
    with pytest.raises(StudyError, match="studies are for models of face crops; sync reads videos"):
        cells_of(tmp_path / "study.yaml")


def test_keys_with_a_full_stop_hold_anchors(toy_study):
    text = STUDY.replace("recipe:", ".some: &some {set: faces, split: train, limit: 16}\nrecipe:")
    text = text.replace("[{set: faces, split: train, limit: 16}]", "[*some]")
    assert cells_of(toy_study(text)).keys() == cells_of(toy_study()).keys()


def test_seeds_may_draw_data_of_their_own(toy_study):
    path = toy_study()
    path.write_text(path.read_text() + "shared_data: false\n")
    first, *_ = cells_of(path).values()
    assert [first.run(seed).data_seed for seed in (0, 5)] == [0, 5]
