"""`unmask study` as a user types it: on crops, with a network that reads pixels."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from training_toys import toy_recipes

from unmask.cli.main import build, explain
from unmask.studies import StudyError

STUDY = """
name: pixels
recipe: toy.yaml
changes:
  optimiser.steps: 2
  data.train: [{set: faces, split: train, limit: 8}]
  model.backbone: {kind: timm, name: mobilenetv3_small_050, tap: 1, input_size: 32}
seeds: [0]
factors: {lambda: {"0": {loss.weight: 0}, "1": {loss.weight: 1}}}
control: {lambda: "0"}
variants: {fast: {changes: {optimiser.lr: 1.0e+30, optimiser.clip: 0}}}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy_recipes(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    return lambda *arguments: CliRunner().invoke(build(), ["study", "study.yaml", "data.root=.", *arguments])


def test_it_trains_says_what_failed_and_goes_on_where_it_was(study, tmp_path):
    result = study("trunk.cache=cache", "--out", "out")
    assert result.exit_code == 1
    assert "failed: fast, seed 0: the loss is not finite at step 2: lower optimiser.lr" in result.stderr
    assert "out/study.md  (2 of 3 runs)" in result.stdout
    page = (tmp_path / "out" / "study.md").read_text()
    # Without the places where one machine keeps its files.
    assert "    unmask study study.yaml --out out --resamples 2000 --seed 0\n" in page
    assert "| lambda 1, target all |" not in page
    assert "| lambda 1 | lambda 0 |" in page
    assert result.stderr.count(", steps: 0 of 2\n") == 3
    again = study("--out", "out")
    assert "found: lambda 0, seed 0" in again.stderr
    assert "training: lambda" not in again.stderr


def test_the_plan_lists_cells_and_trains_nothing(study, tmp_path):
    result = study("--plan", "optimiser.steps=7")
    assert result.exit_code == 0, result.output
    assert "lambda 1" in result.stdout
    assert "3 runs" in result.stdout
    assert not (tmp_path / "study").exists()


def test_a_wrong_study_is_one_line_and_wrong_usage(study, tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY.replace("seeds:", "sedes:"))
    result = study()
    assert isinstance(result.exception, StudyError)
    assert explain(result.exception) == ("study.yaml: unknown key 'sedes'; the nearest is 'seeds'", 2)
