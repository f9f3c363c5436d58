"""A toy study, and tools that run it on a toy trunk."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from study_toys import STUDY
from training_toys import RECIPE, TOY, toy_trunk, write_faces


@pytest.fixture
def toy_study(tmp_path):
    """Return a function from extra lines of YAML to a study file beside its recipe and data."""
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
    from unmask.statistics import Settings
    from unmask.studies.running import Tools

    return Tools(Settings(resamples=200), toy_trunk, TOY, command="unmask study study.yaml --out out")
