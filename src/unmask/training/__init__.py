"""Recipes, the training loop, cached trunk maps and export.

Reading recipes and caching maps needs no torch; it is imported by what trains: `unmask.training.loop.train`,
`unmask.training.export.export`.
"""

from unmask.training.recipes import Recipe, RecipeError, load_recipe

__all__ = ["Recipe", "RecipeError", "load_recipe"]
