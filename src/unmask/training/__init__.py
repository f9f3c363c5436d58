"""Recipes, the training loop, cached trunk maps and export."""
