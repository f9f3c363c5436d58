"""A toy set of faces whose fakes carry a mark, and a toy trunk that sees it."""

import csv

import numpy as np
from PIL import Image

from unmask.detectors import TrunkReference
from unmask.training.recipes import load_recipe

TOY = TrunkReference(name="toy", sha256="0" * 64, output="tokens")

RECIPE = """
name: toy
data:
  train: [{set: faces, split: train}]
  validation: [{set: faces, split: val}]
  workers: 0
  crop_profile: tight
  augment: {video: 0.0, webp: 0.0}
model:
  backbone: {kind: maps, channels: 12, grid: 4}
  encoder: {width: 8}
  classifier: {hidden: 8}
  decoder: {width: 16, resolution: 8}
trunk: {target: 8}
optimiser: {steps: 8, batch_size: 8, warm_up: 2, lr: 0.01}
evaluation: {every: 4, batch_size: 8}
"""


def write_faces(folder, count=16, side=64):
    """Write noise pictures: fakes are brighter in the middle; the fake of a source beside its real one."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    with (folder / "manifest.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["file", "label", "source", "split", "landmarks"])
        for number in range(count):
            real = rng.integers(60, 120, (side, side, 3), dtype=np.uint8)
            fake = real.copy()
            fake[16:48, 16:48] += 90
            split = "val" if number % 4 == 3 else "train"
            points = "24 26 40 26 32 34 26 44 38 44"
            for label, image in (("real", real), ("fake", fake)):
                Image.fromarray(image).save(folder / f"{label}{number}.png")
                writer.writerow([f"{label}{number}.png", label, f"s{number}", split, points])


def toy_recipes(folder, count=16):
    """Write so many sources' faces, and the recipe on them as toy.yaml; gives a function from changes to a recipe."""
    write_faces(folder / "faces", count)
    path = folder / "toy.yaml"
    path.write_text(RECIPE)
    places = [f"data.root={folder}", f"trunk.cache={folder / 'cache'}", f"runs={folder / 'runs'}"]
    return lambda *changes: load_recipe(path, [*places, *changes])


def toy_trunk():
    """Open a trunk: the mean colours of a 4 x 4 grid, of its squares and their spread, as 12 channels."""
    return toy_maps


def toy_maps(crops):
    cells = crops.reshape(len(crops), 4, 56, 4, 56, 3).astype(np.float32) / 255
    mean, std = cells.mean((2, 4)), cells.std((2, 4))
    return np.concatenate([mean, std, mean**2, mean * std], -1).reshape(len(crops), 16, 12)
