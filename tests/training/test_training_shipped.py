"""The recipes in the repository, and the command that runs them."""

from pathlib import Path

import pytest
import torch
from training_toys import write_faces
from typer.testing import CliRunner

from unmask.cli.main import build
from unmask.models import build_model
from unmask.models.inputs import model_input
from unmask.models.registry import model_family
from unmask.studies.cells import ANY, combinations, find, plan
from unmask.studies.study import load_study
from unmask.training.recipes import RecipeError, load_recipe, read_keys

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(FOLDER.glob("*.yaml"))
STUDIES = sorted((RECIPES[0].parent / "studies").glob("*.yaml"))


def without_files(recipe_path):
    """Return the changes that let a recipe's network begin without the pretrained weights that it names."""
    model = read_keys(recipe_path, RecipeError)["model"]
    named = [option for option in model_family(model).options.files if _value(model, option.split("."))]
    return [f"model.{option}=null" for option in named]


def _value(section, path):
    """Return what stands in nested sections; None where nothing does."""
    for key in path:
        section = (section or {}).get(key)
    return section


def built(recipe):
    """Build a recipe's network."""
    return model_family(recipe.model).build(recipe.model, recipe)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_each_recipe_is_valid_and_its_model_can_be_built(path):
    recipe = load_recipe(path, without_files(path))
    assert recipe.name == path.stem
    assert all(source.terms for source in recipe.data.train)
    model = built(recipe).eval()
    if recipe.model.reads == "clips":
        return
    stored = torch.zeros(1, *recipe.model.input_shape, dtype=torch.uint8)
    if recipe.model.reads != "crops":
        stored = stored.half()
    entry = model_input(stored, whole=recipe.model.reads == "tokens")
    with torch.no_grad():
        assert model_family(recipe.model).logits(model, entry).shape == (1,)
        if recipe.model.family == "joint" and recipe.loss.weight:
            side = recipe.model.decoder.resolution
            assert model(entry).reconstruction.shape == (1, 3, side, side)


def test_the_paper_s_size_gives_the_latent_of_the_specification():
    recipe = load_recipe(RECIPES[0].with_name("xception-299.yaml"), ["model.backbone.pretrained=null"])
    model = build_model(recipe.model).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 299, 299), reconstruct=False).latent.shape == (1, 256, 10, 10)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_each_study_resolves_to_cells_with_controls_whose_models_can_be_built(path):
    study = load_study(path)
    cells = {cell.name: cell for cell in plan(study, path, without_files(path.parent / study.recipe))}
    grid = {name: cell for name, cell in cells.items() if cell.levels}
    assert study.name == path.stem
    assert all(find(grid.values(), levels) for levels in combinations(study))
    assert set(study.variants) == cells.keys() - grid.keys()
    for cell in grid.values():
        # A control has none; every other cell differs from its control in the controlled factors alone.
        own = [cell.levels[factor] == level for factor, level in study.control.items()]
        assert (cell.control is None) == all(own), cell.name
        against = cells[cell.control] if cell.control else cell
        for factor, level in against.levels.items():
            fixed = study.control.get(factor, cell.levels[factor])
            assert level in (fixed, ANY), (cell.name, factor)
    for name in study.variants:
        against = cells[cells[name].control]
        for factor, level in (study.base | study.control).items():
            assert against.levels[factor] in (level, ANY), (name, factor)
    for cell in cells.values():
        built(cell.recipe)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_command_plans_each_study(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(build(), ["study", str(path), "--plan"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    study = load_study(path)
    cells = plan(study, path)
    runs = sum(len(cell.seeds) for cell in cells)
    assert f"{runs} runs" in result.stdout
    rows = {tuple(part.strip() for part in line.split("│")[1:-1]) for line in result.stdout.splitlines()}
    for cell in cells:
        seeds = " ".join(map(str, cell.seeds))
        assert (cell.name, seeds, str(cell.recipe.optimiser.steps), cell.control or "-") in rows
    assert not list(tmp_path.iterdir())


def test_the_command_trains_the_tiny_recipe(tmp_path, monkeypatch):
    write_faces(tmp_path / "wide-faces")
    monkeypatch.setenv("UNMASK_DATA", str(tmp_path))
    arguments = ["train", str(RECIPES[0].with_name("tiny.yaml")), f"runs={tmp_path / 'runs'}"]
    arguments += ["optimiser.steps=2", "evaluation.every=1", "data.train.0.limit=4", "optimiser.batch_size=4"]
    result = CliRunner().invoke(build(), arguments)
    assert result.exit_code == 0, result.output
    assert "next: unmask export" in result.output
    assert (tmp_path / "runs" / "tiny" / "best.safetensors").is_file()
