"""Risk-coverage curves against a slow direct formula, and their comparison on what is known by construction."""

import numpy as np
import pytest

from unmask.statistics.intervals import Settings
from unmask.statistics.risk_coverage import compare_abstaining, figures, resampled_figures, risk_coverage


def direct(confidence, wrong, weights):
    """Return the mean, over items, of the error rate among all items that are at least as sure."""
    total = 0.0
    for sure, weight in zip(confidence, weights, strict=True):
        as_sure = [(w, e) for c, e, w in zip(confidence, wrong, weights, strict=True) if c >= sure]
        total += weight * sum(w * e for w, e in as_sure) / max(1e-12, sum(w for w, _ in as_sure))
    return total / sum(weights)


@pytest.mark.parametrize("seed", range(12))
def test_the_area_is_that_of_the_direct_formula_with_ties_and_weights(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 60))
    confidence = np.round(rng.normal(size=count), int(rng.integers(0, 3)))
    wrong = rng.integers(0, 2, count)
    weights = np.ones(count) if seed % 2 else rng.integers(0, 4, count).astype(float)
    weights[0] += 1
    curve = risk_coverage(confidence, wrong, weights)
    assert curve.area == pytest.approx(direct(confidence, wrong, weights))
    assert curve.coverage[-1] == 1
    assert curve.risk[-1] == pytest.approx((wrong * weights).sum() / weights.sum())


@pytest.mark.parametrize("coverage", [0.01, 0.3, 0.5, 0.8, 1.0])
def test_the_risk_at_a_coverage_is_that_of_the_surest_items(coverage):
    rng = np.random.default_rng(3)
    confidence, wrong = rng.normal(size=40), rng.integers(0, 2, 40)
    surest = sorted(zip(-confidence, wrong, strict=True))[: int(np.ceil(coverage * 40 - 1e-9))]
    assert risk_coverage(confidence, wrong).at(coverage) == pytest.approx(np.mean([e for _, e in surest]))


def test_a_perfect_order_has_no_risk_until_only_errors_are_left():
    curve = risk_coverage([4, 3, 2, 1], [0, 0, 0, 1])
    assert curve.risk.tolist() == [0, 0, 0, 0.25] and curve.area == 0.25 / 4
    assert risk_coverage([1, 2, 3, 4], [0, 0, 0, 1]).area == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_weights_are_repetitions():
    confidence, wrong = np.array([3.0, 1.0, 2.0]), np.array([0, 1, 1])
    repeated = np.repeat(np.arange(3), [2, 1, 3])
    weighted = risk_coverage(confidence, wrong, [2, 1, 3])
    assert weighted.area == pytest.approx(risk_coverage(confidence[repeated], wrong[repeated]).area)


@pytest.mark.parametrize("items", [([], []), ([1.0], [0, 1])])
def test_nothing_to_draw_is_an_error(items):
    with pytest.raises(ValueError):
        risk_coverage(*items)


def test_gates_that_know_the_errors_are_better_and_equal_ones_differ_by_nothing():
    rng = np.random.default_rng(0)
    wrong = rng.random(300) < 0.2
    blind = rng.normal(size=300)
    clusters = np.repeat(np.arange(100).astype(str), 3)
    settings = Settings(resamples=200)
    better = compare_abstaining(blind, blind - 3 * wrong, wrong, clusters, settings)
    gap = better.difference["aurc"]
    assert gap.high < 0 and gap.p < 0.05 and (better.items, better.clusters) == (300, 100)
    assert better.without["aurc"].value == pytest.approx(direct(blind, wrong, np.ones(300)))
    assert better.difference["risk at 100%"].value == 0
    same = compare_abstaining(blind, blind, wrong, clusters, settings).difference["aurc"]
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_resamples_together_are_the_curves_of_each_alone():
    rng = np.random.default_rng(4)
    sure, wrong = np.round(rng.normal(size=50), 1), rng.integers(0, 2, 50).astype(float)
    counts = rng.integers(0, 3, (20, 50)).astype(float)
    together = resampled_figures(sure, wrong, [counts[:7], counts[7:]])
    alone = [figures(risk_coverage(sure, wrong, row)) for row in counts]
    for name, values in together.items():
        np.testing.assert_allclose(values, [each[name] for each in alone])


def test_one_cluster_has_no_interval():
    alone = compare_abstaining([1, 2], [2, 1], [0, 1], ["a", "a"], Settings(resamples=10))
    assert alone.difference["aurc"].low is None and alone.difference["aurc"].reason


def test_risks_are_those_at_the_coverages_that_are_asked_for():
    sure, wrong = np.arange(10.0), np.array([1, 0, 0, 1, 0, 0, 0, 0, 1, 0.0])  # The surest last.
    found = resampled_figures(sure, wrong, [np.ones((1, 10))], (0.2, 1.0))
    assert {name: value.tolist() for name, value in found.items() if name != "aurc"} == {
        "risk at 20%": [0.5],
        "risk at 100%": [0.3],
    }
    assert list(figures(risk_coverage(sure, wrong), (0.2,))) == ["aurc", "risk at 20%"]
