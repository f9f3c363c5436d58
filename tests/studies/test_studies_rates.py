"""Rates at a frozen threshold, against direct formulas."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from unmask.statistics import Settings
from unmask.studies.cells import Cell
from unmask.studies.judging import Rows, read_rows
from unmask.studies.rates import FAKE_CALLED_REAL, REAL_CALLED_FAKE, balanced_threshold, judge_rates
from unmask.studies.runs import Cost, Run

SETTINGS = Settings(resamples=200)


def write_run(folder, seed, shift):
    """Write a run's logits: a set at home, and foreign real faces that score higher by `shift`."""
    rng = np.random.default_rng(seed)
    home = np.concatenate([rng.normal(0, 1, 60), rng.normal(2, 1, 40)])
    foreign = rng.normal(shift, 1, 50)
    folder.mkdir()
    np.savez(
        folder / "validation.npz",
        set=np.repeat(["home", "foreign"], [100, 50]),
        label=np.repeat([0, 1, 0], [60, 40, 50]),
        group=np.array([f"g{number // 5}" for number in range(150)]),
        video=np.arange(150),
        logit=np.concatenate([home, foreign]),
    )
    return folder


def test_the_threshold_has_the_best_balanced_accuracy():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [70, 30])
    logits = np.round(rng.normal(labels * 1.5), 1)
    threshold = balanced_threshold([Rows(labels, logits, np.arange(100).astype(str))])
    found = balanced_accuracy_score(labels, logits >= threshold)
    tried = [balanced_accuracy_score(labels, logits >= place) for place in np.arange(-4, 6, 0.05)]
    assert found == pytest.approx(max(tried))


def test_sets_weigh_the_same_in_the_threshold():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], 15)
    sets = [Rows(labels, rng.normal(labels + shift), np.arange(30).astype(str)) for shift in (0.0, 1.2)]
    copied = Rows(*(np.repeat(part, 50) for part in (sets[0].labels, sets[0].logits, sets[0].groups)))
    assert balanced_threshold([copied, sets[1]]) == pytest.approx(balanced_threshold(sets))


def test_a_threshold_needs_both_classes():
    with pytest.raises(ValueError, match="real and fake"):
        balanced_threshold([Rows(np.zeros(3, int), np.arange(3.0), np.array(["a", "b", "c"]))])


def test_rates_are_shares_at_each_run_s_own_threshold(tmp_path):
    runs = [Run("base", s, write_run(tmp_path / f"base{s}", s, 0.0), Cost(1, 1, 1, 1)) for s in (0, 1)]
    runs += [Run("shifted", s, write_run(tmp_path / f"shifted{s}", s, 1.0), Cost(1, 1, 1, 1)) for s in (0, 1)]
    cells = [Cell("base", {"a": "0"}, None, (0, 1), None), Cell("shifted", {"a": "1"}, None, (0, 1), "base")]
    found = judge_rates(cells, runs, ["home, frames"], settings=SETTINGS)
    shares = {}
    for run in runs:
        rows = read_rows(run.folder)
        threshold = balanced_threshold([rows["home, frames"]])
        shares.setdefault(run.cell, []).append(np.mean(rows["foreign, frames"].logits >= threshold))
    rates = found["shifted"][REAL_CALLED_FAKE]["foreign, frames"]
    assert rates.share.value == pytest.approx(np.mean(shares["shifted"]))
    assert rates.share.low < rates.share.value < rates.share.high
    assert rates.difference.value == pytest.approx(np.mean(shares["shifted"]) - np.mean(shares["base"]))
    assert rates.difference.low > 0
    assert set(found["base"][FAKE_CALLED_REAL]) == {"home, frames"}, "the foreign set has no fakes"
    assert found["base"][REAL_CALLED_FAKE]["foreign, frames"].difference is None
