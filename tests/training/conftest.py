"""Recipes on the toy set of faces."""

import pytest
import torch
from training_toys import toy_recipes

torch.set_num_threads(1)


@pytest.fixture
def toy_recipe(tmp_path):
    """Return a function from overrides to a recipe on the toy set."""
    return toy_recipes(tmp_path)
