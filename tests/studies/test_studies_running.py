"""Whole studies on the toy faces: what is trained, found again, named when it fails, and written."""

import json
from dataclasses import replace

import pytest
from study_toys import STUDY

from unmask.studies import runs
from unmask.studies.running import run_study
from unmask.studies.study import StudyError
from unmask.training.recipes import RecipeError

SHORT = """
name: short
recipe: toy.yaml
changes: {optimiser.steps: 2}
seeds: [0]
factors: {lambda: {"0": {loss.weight: 0}, "1": {loss.weight: 1}}}
control: {lambda: "0"}
"""


@pytest.fixture
def trained(monkeypatch):
    """Names of the runs that were trained."""
    names = []
    train = runs.train_run

    def counting(cell, seed, *others):
        names.append((cell.name, seed))
        return train(cell, seed, *others)

    monkeypatch.setattr("unmask.studies.running.train_run", counting)
    return names


def test_a_study_trains_each_run_once_and_writes_its_page(toy_study, tools, tmp_path, trained):
    out = tmp_path / "out"
    report = run_study(toy_study(), out, (), tools)
    assert len(trained) == len(set(trained)) == report.finished == report.planned == 2 * 6 + 1
    written = json.loads((out / "study.json").read_text())
    assert written["runs"] == {"planned": 13, "finished": 13}
    assert written["sets"]["faces, frames"] == {"real": 4, "fake": 4, "groups": 4}
    cell = next(cell for cell in written["cells"] if cell["name"] == "data both, lambda 0.5, target real")
    assert set(cell["figures"]) == {"faces, frames", "faces, videos"}
    assert cell["figures"]["faces, frames"]["paired_seeds"] == 2
    assert cell["cost"]["steps"] == 6
    assert cell["cost"]["cpu_seconds"] > 0
    page = (out / "study.md").read_text()
    assert "unmask study study.yaml --out out" in page
    assert "13 of 13 runs" in page
    assert "6 principal components" in page
    assert (out / "effects.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((out / "maps").glob("*.npz"))) == 1


def test_runs_go_seed_by_seed_with_controls_first(toy_study, tools, tmp_path, trained):
    run_study(toy_study(), tmp_path / "out", (), tools)
    assert [seed for _, seed in trained] == [0] * 7 + [1] * 6
    assert trained[0][0] == "data both, lambda 0"


def test_finished_runs_are_read_and_changed_ones_trained(toy_study, tools, tmp_path, trained):
    path, out = toy_study(SHORT), tmp_path / "out"
    run_study(path, out, (), tools)
    assert len(trained) == 2
    run_study(path, out, (), tools)
    assert len(trained) == 2
    # Another name for a level is the same run; another recipe is not.
    renamed = SHORT.replace('"1": {loss', '"one": {loss')
    report = run_study(toy_study(renamed), out, (), tools)
    assert (len(trained), report.finished) == (2, 2)
    run_study(path, out, ["optimiser.lr=0.5"], tools)
    assert len(trained) == 4


def test_a_run_that_was_killed_is_trained_again(toy_study, tools, tmp_path, trained):
    path, out = toy_study(SHORT), tmp_path / "out"
    run_study(path, out, (), tools)
    (first, *_) = sorted((out / "runs").iterdir())
    (first / "cost.json").unlink()
    run_study(path, out, (), tools)
    assert len(trained) == 3


def test_a_run_that_fails_is_named_and_the_others_go_on(toy_study, tools, tmp_path, monkeypatch):
    train = runs.train_run

    def failing(cell, seed, *others):
        if cell.name == "lambda 1":
            raise RecipeError("the loss is\nnot finite")
        return train(cell, seed, *others)

    monkeypatch.setattr("unmask.studies.running.train_run", failing)
    report = run_study(toy_study(SHORT), tmp_path / "out", (), tools)
    assert report.finished == 1
    assert [(f.cell, f.seed, f.error) for f in report.failures] == [("lambda 1", 0, "the loss is not finite")]
    assert "lambda 1, seed 0: the loss is not finite" in (tmp_path / "out" / "study.md").read_text()


def test_a_study_without_any_run_is_an_error(toy_study, tools, tmp_path):
    with pytest.raises(StudyError, match="no run came to an end: the loss is not finite"):
        run_study(toy_study(SHORT), tmp_path / "out", ["optimiser.lr=1e30", "optimiser.clip=0"], tools)


def test_controls_and_the_best_cell_get_more_seeds(toy_study, tools, tmp_path, trained):
    text = SHORT + '  # more\nmore_seeds: [7]\nvideos: [faces]\nbest: "faces, videos"\n'
    report = run_study(toy_study(text), tmp_path / "out", (), tools)
    assert trained == [("lambda 0", 0), ("lambda 1", 0), ("lambda 0", 7), ("lambda 1", 7)]
    assert report.best == "lambda 1"
    with pytest.raises(StudyError, match="there are faces"):
        run_study(toy_study(text.replace('"faces, videos"', '"celeb, videos"')), tmp_path / "out", (), tools)


def test_cells_share_their_maps_whatever_their_data_and_seed(toy_study, tools, tmp_path):
    run_study(toy_study(STUDY), tmp_path / "out", (), tools)
    # Training rows, the sixteen of the limited level, validation rows.
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_some_cells_can_go_first_and_are_found_by_the_whole_study(toy_study, tools, tmp_path, trained):
    path, out = toy_study(), tmp_path / "out"
    report = run_study(path, out, (), replace(tools, only=("data both", "sequential")))
    assert (report.planned, len(trained)) == (7, 7)
    assert run_study(path, out, (), tools).finished == 13
    assert len(set(trained)) == len(trained) == 13
    with pytest.raises(StudyError, match="no cell's name holds 'celeb'"):
        run_study(path, out, (), replace(tools, only=("celeb",)))
