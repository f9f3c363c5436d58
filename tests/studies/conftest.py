"""A small study on the toy faces of the training tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from training_toys import RECIPE, TOY, toy_trunk, write_faces

STUDY = """
name: toy-study
recipe: toy.yaml
changes: {optimiser.steps: 6}
components: 6
seeds: [0, 1]
factors:
  data:
    both: {}
    limited: {data.train: [{set: faces, split: train, limit: 16}]}
  lambda:
    "0": {loss.weight: 0}
    "0.5": {loss.weight: 0.5}
  target:
    all: {loss.target: all}
    real: {loss.target: real}
control: {lambda: "0"}
videos: [faces]
variants:
  sequential: {changes: {loss.weight: 1, pretraining.steps: 3}, seeds: [0]}
"""


@pytest.fixture
def toy_study(tmp_path):
    """Give a function from extra lines of YAML to a study file beside its recipe and data."""
    write_faces(tmp_path / "faces")
    root = f"\n  root: {tmp_path}\n"
    recipe = RECIPE.replace("\ndata:\n", f"\ndata:{root}").replace(
        "trunk: {target: 8}", f"trunk: {{target: 8, cache: {tmp_path / 'cache'}}}"
    )
    (tmp_path / "toy.yaml").write_text(recipe)

    def write(text=STUDY):
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def tools():
    from unmask.evaluation import Settings
    from unmask.studies.running import Tools

    return Tools(Settings(resamples=200), toy_trunk, TOY, command="unmask study study.yaml --out out")
