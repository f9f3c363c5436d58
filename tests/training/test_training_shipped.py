"""The recipes in the repository, and the command that runs them."""

from pathlib import Path

import pytest
import torch
from training_toys import write_faces
from typer.testing import CliRunner

from unmask.models import build_model
from unmask.training.recipes import load_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_each_recipe_is_valid_and_its_model_can_be_built(path):
    recipe = load_recipe(path, ["model.backbone.pretrained=null"])
    assert recipe.name == path.stem
    assert all(source.terms for source in recipe.data.train)
    model = build_model(recipe.model, recipe.loss).eval()
    backbone = recipe.model.backbone
    shape: tuple[int, ...] = (3, backbone.input_size, backbone.input_size)
    if backbone.kind == "maps":
        shape = (backbone.channels, backbone.grid, backbone.grid)
    elif backbone.start:
        shape = (1 + backbone.grid**2, backbone.channels)
    entry = torch.zeros(1, *shape)
    with torch.no_grad():
        output = model(entry)
    side = recipe.model.decoder.resolution
    assert output.reconstruction.shape == (1, 3, side, side)


def test_the_paper_s_size_gives_the_latent_of_the_specification():
    recipe = load_recipe(RECIPES[0].with_name("xception-299.yaml"), ["model.backbone.pretrained=null"])
    model = build_model(recipe.model).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 299, 299), reconstruct=False).latent.shape == (1, 256, 10, 10)


def test_the_command_trains_the_tiny_recipe(tmp_path, monkeypatch):
    from unmask.cli.main import build

    write_faces(tmp_path / "wide-faces")
    monkeypatch.setenv("UNMASK_DATA", str(tmp_path))
    arguments = ["train", str(RECIPES[0].with_name("tiny.yaml")), f"runs={tmp_path / 'runs'}"]
    arguments += ["optimiser.steps=2", "evaluation.every=1", "data.train.0.limit=4", "optimiser.batch_size=4"]
    result = CliRunner().invoke(build(), arguments)
    assert result.exit_code == 0, result.output
    assert "next: unmask export" in result.output
    assert (tmp_path / "runs" / "tiny" / "best.safetensors").is_file()
