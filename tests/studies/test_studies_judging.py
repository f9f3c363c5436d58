"""Figures of cells and differences from controls, against slow direct formulas."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unmask.statistics import Settings
from unmask.studies.cells import Cell
from unmask.studies.judging import best_cell, judge, read_rows
from unmask.studies.runs import Cost, Run

SETTINGS = Settings(resamples=300)


def write_run(folder, seed, strength, groups=12, frames=4):
    """Write the logits of a run: videos of several frames, whose fakes score higher by `strength`."""
    rng = np.random.default_rng(7)
    noise = rng.normal(size=groups * 2 * frames) + np.random.default_rng(seed).normal(
        size=groups * 2 * frames
    )
    label = np.tile(np.repeat([0, 1], frames), groups)
    folder.mkdir(parents=True)
    np.savez(
        folder / "validation.npz",
        set=np.full(len(label), "clips"),
        label=label,
        group=np.repeat([f"g{number // 2}" for number in range(groups)], 2 * frames),
        video=np.repeat(np.arange(2 * groups), frames),
        logit=noise + strength * label,
    )
    return folder


def run_of(tmp_path, cell, seed, strength):
    return Run(cell, seed, write_run(tmp_path / f"{cell}{seed}", seed, strength), Cost(10, 5.0, 6.0, 100))


def cell_of(name, control=None):
    return Cell(name, {"lambda": name}, None, (0, 1, 2), control)


@pytest.fixture
def judged(tmp_path):
    runs = [run_of(tmp_path, "control", seed, 0.5) for seed in (0, 1, 2)]
    runs += [run_of(tmp_path, "better", seed, 2.0) for seed in (1, 2)]
    runs += [run_of(tmp_path, "same", seed, 0.5) for seed in (0, 1, 2)]
    cells = [cell_of("control"), cell_of("better", "control"), cell_of("same", "control"), cell_of("empty")]
    return {cell.name: cell for cell in judge(cells, runs, ["clips"], SETTINGS)}


def test_auc_is_the_mean_over_seeds_of_frames_and_of_videos(judged, tmp_path):
    assert set(judged) == {"control", "better", "same"}
    frames, videos = [], []
    for seed in (0, 1, 2):
        kept = np.load(tmp_path / f"control{seed}" / "validation.npz")
        frames.append(roc_auc_score(kept["label"], kept["logit"]))
        means = [kept["logit"][kept["video"] == number].mean() for number in range(24)]
        videos.append(roc_auc_score([number % 2 for number in range(24)], means))
    figures = judged["control"].figures
    for name, values in (("clips, frames", frames), ("clips, videos", videos)):
        assert figures[name].auc.value == pytest.approx(np.mean(values))
        assert list(figures[name].seeds.values()) == pytest.approx(values)
        assert figures[name].spread == pytest.approx(np.std(values, ddof=1))
        assert figures[name].auc.low < np.mean(values) < figures[name].auc.high


def test_sets_that_are_no_videos_have_frames_alone(tmp_path):
    folder = write_run(tmp_path / "run", 0, 1.0)
    assert list(read_rows(folder)) == ["clips, frames"]
    assert read_rows(folder)["clips, frames"].counts() == {"real": 48, "fake": 48, "groups": 6}
    assert read_rows(folder, ["clips"])["clips, videos"].counts() == {"real": 12, "fake": 12, "groups": 6}


def test_a_set_of_real_faces_alone_has_no_auc(tmp_path):
    run = run_of(tmp_path, "only", 0, 1.0)
    with np.load(run.folder / "validation.npz") as file:
        arrays = {name: file[name] for name in file.files}
    foreign = {
        **arrays,
        "set": np.full(len(arrays["set"]), "foreign"),
        "label": np.zeros_like(arrays["label"]),
    }
    np.savez(run.folder / "validation.npz", **{k: np.concatenate([arrays[k], foreign[k]]) for k in arrays})
    (found,) = judge([cell_of("only")], [run], [], SETTINGS)
    assert set(found.figures) == {"clips, frames"}


def test_a_difference_is_taken_between_runs_of_one_seed(judged):
    better, control = (judged[name].figures["clips, frames"] for name in ("better", "control"))
    assert better.paired_seeds == 2
    expected = np.mean([better.seeds[seed] - control.seeds[seed] for seed in (1, 2)])
    assert better.difference.value == pytest.approx(expected)
    assert 0 < better.difference.low < expected < better.difference.high
    assert better.difference.p < 0.05


def test_runs_that_say_the_same_do_not_differ(judged):
    same = judged["same"].figures["clips, frames"].difference
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_pairing_makes_the_interval_narrower_than_that_of_either_cell(judged):
    better = judged["better"].figures["clips, frames"]
    control = judged["control"].figures["clips, frames"]
    unpaired = np.hypot(better.auc.high - better.auc.low, control.auc.high - control.auc.low)
    assert better.difference.high - better.difference.low < unpaired


def test_the_interval_is_the_spread_of_resampled_groups_and_seeds(judged, tmp_path):
    rows = [read_rows(tmp_path / f"control{seed}")["clips, frames"] for seed in (0, 1, 2)]
    rng = np.random.default_rng(1)
    names = np.unique(rows[0].groups)
    values = []
    for _ in range(400):
        drawn = np.concatenate(
            [np.flatnonzero(rows[0].groups == name) for name in rng.choice(names, len(names))]
        )
        seeds = rng.integers(3, size=3)
        values.append(np.mean([roc_auc_score(rows[s].labels[drawn], rows[s].logits[drawn]) for s in seeds]))
    low, high = np.quantile(values, [0.025, 0.975])
    estimate = judged["control"].figures["clips, frames"].auc
    assert estimate.low == pytest.approx(low, abs=0.03)
    assert estimate.high == pytest.approx(high, abs=0.03)


def test_the_best_cell_is_one_that_is_compared(judged):
    assert best_cell(judged.values(), "clips, videos").name == "better"
    assert best_cell([judged["control"]], None) is None


def test_cells_are_plain_values_in_json(judged):
    text = json.dumps([cell.to_dict() for cell in judged.values()], allow_nan=False)
    assert json.loads(text)[1]["figures"]["clips, frames"]["paired_seeds"] == 2
    assert json.loads(text)[1]["cost"]["cpu_seconds"] == 5.0
