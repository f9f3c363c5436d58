"""Recipes on the toy set of faces."""

import pytest
import torch
from training_toys import RECIPE, write_faces

from unmask.training.recipes import load_recipe

torch.set_num_threads(1)


@pytest.fixture
def toy_recipe(tmp_path):
    """Give a function from overrides to a recipe on the toy set."""
    write_faces(tmp_path / "faces")
    path = tmp_path / "toy.yaml"
    path.write_text(RECIPE)

    def load(*overrides):
        return load_recipe(path, [f"data.root={tmp_path}", f"trunk.cache={tmp_path / 'cache'}", *overrides])

    return load
