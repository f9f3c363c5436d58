import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unmask.statistics.auc import auc_difference, auc_estimate
from unmask.statistics.delong import delong_test
from unmask.statistics.intervals import (
    Scored,
    Settings,
    bootstrap,
    cluster_index,
    item_counts,
    paired_bootstrap,
)
from unmask.statistics.metrics import UndefinedMetricError


def scored(labels, logits, threshold=0.5):
    logits = np.asarray(logits, dtype=np.float64)
    return Scored(np.asarray(labels), logits, 1 / (1 + np.exp(-logits)), threshold)


def made_up(seed=0, items=300, separation=1.0):
    random = np.random.default_rng(seed)
    labels = np.arange(items) % 2
    return labels, random.normal(labels * separation, 1.0)


def slow_delong(labels, detectors):
    fakes, reals = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)

    def wins(values):
        return np.array(
            [[(values[i] > values[j]) + 0.5 * (values[i] == values[j]) for j in reals] for i in fakes]
        )

    tables = [wins(values) for values in detectors]
    areas = np.array([table.mean() for table in tables])
    covariance = np.zeros((len(tables), len(tables)))
    for a, first in enumerate(tables):
        for b, second in enumerate(tables):
            by_fake = sum((first.mean(1) - areas[a]) * (second.mean(1) - areas[b])) / (len(fakes) - 1)
            by_real = sum((first.mean(0) - areas[a]) * (second.mean(0) - areas[b])) / (len(reals) - 1)
            covariance[a, b] = by_fake / len(fakes) + by_real / len(reals)
    return areas, covariance


def test_interval_matches_a_bootstrap_by_hand():
    labels, logits = made_up(items=60)
    clusters = np.arange(60) // 4
    settings = Settings(resamples=300, seed=7)
    index = cluster_index(clusters, 60)
    areas = []
    for count in np.concatenate(list(item_counts(index, settings))).astype(int):
        chosen = np.repeat(np.arange(60), count)
        areas.append(roc_auc_score(labels[chosen], logits[chosen]))
    estimate = bootstrap(scored(labels, logits), clusters, settings)["auc"]
    assert estimate.value == pytest.approx(roc_auc_score(labels, logits))
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.quantile(areas, [0.025, 0.975])))


def test_whole_clusters_are_drawn():
    index = np.array([0, 0, 1, 2, 2, 2])
    counts = np.concatenate(list(item_counts(index, Settings(resamples=50))))
    assert counts.shape == (50, 6)
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 3] == counts[:, 5]).all()
    assert (counts[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_blocks_do_not_change_the_draws(monkeypatch):
    index = np.arange(40)
    whole = np.concatenate(list(item_counts(index, Settings(resamples=30))))
    monkeypatch.setattr("unmask.statistics.intervals._CELLS_AT_ONCE", 200)
    assert (np.concatenate(list(item_counts(index, Settings(resamples=30)))) == whole).all()


def test_same_seed_same_interval_other_seed_another():
    labels, logits = made_up()
    first, again, other = (
        bootstrap(scored(labels, logits), np.arange(300), Settings(resamples=200, seed=seed))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first["auc"] != other["auc"]


def test_copies_of_an_item_in_one_cluster_do_not_narrow_the_interval():
    labels, logits = made_up(items=80)
    once = bootstrap(scored(labels, logits), np.arange(80))["auc"]
    copied = bootstrap(scored(np.repeat(labels, 10), np.repeat(logits, 10)), np.repeat(np.arange(80), 10))[
        "auc"
    ]
    ignored = bootstrap(scored(np.repeat(labels, 10), np.repeat(logits, 10)), np.arange(800))["auc"]
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert ignored.high - ignored.low < 0.5 * (once.high - once.low)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    truth = 0.7602  # Phi(1 / sqrt 2): AUC of unit normals one apart
    covered = 0
    for seed in range(100):
        labels, logits = made_up(seed, items=100)
        estimate = bootstrap(scored(labels, logits), np.arange(100), Settings(resamples=300, seed=seed))[
            "auc"
        ]
        covered += estimate.low <= truth <= estimate.high
    assert 88 <= covered <= 99


def test_bootstrap_agrees_with_delong_on_independent_items():
    labels, logits = made_up(items=400)
    estimate = bootstrap(scored(labels, logits), np.arange(400))["auc"]
    areas, covariance = slow_delong(labels, [logits])
    half = 1.96 * covariance[0, 0] ** 0.5
    assert estimate.low == pytest.approx(areas[0] - half, abs=0.01)
    assert estimate.high == pytest.approx(areas[0] + half, abs=0.01)


@pytest.mark.parametrize("items", [0, 20, 200])
def test_the_auc_alone_is_that_among_all_metrics(items):
    labels, logits = made_up(items=items)
    clusters = np.arange(items) // 4
    one, other = scored(labels, logits), scored(labels, logits[::-1])
    assert auc_estimate(labels, logits, clusters) == bootstrap(one, clusters)["auc"]
    gap = auc_difference(labels, logits, logits[::-1], clusters)
    assert gap == paired_bootstrap(one, other, clusters)["auc"]


def test_one_cluster_gives_a_value_without_an_interval():
    labels, logits = made_up(items=20)
    estimate = bootstrap(scored(labels, logits), np.zeros(20))["auc"]
    assert estimate.value is not None
    assert estimate.low is None
    assert "two sources" in estimate.reason


def test_single_class_gives_neither_value_nor_interval():
    estimates = bootstrap(scored([0, 0, 0], [0.1, 0.2, 0.3]), [1, 2, 3])
    assert estimates["auc"].value is None
    assert estimates["auc"].reason == "needs both classes, and all 3 items are real"
    assert estimates["fpr"].value == 1.0
    assert estimates["fpr"].low == 1.0


def test_no_item_gives_nothing_but_reasons():
    estimates = bootstrap(scored(np.zeros(0, dtype=int), []), [])
    assert {estimate.reason for estimate in estimates.values()} == {"no scored item"}


def test_classes_that_resamples_lose_give_no_interval():
    # The only fake is drawn in 1 - (1 - 1/4)^4 = 68 % of resamples: the rest has no AUC.
    estimate = bootstrap(scored([0, 0, 0, 1], [0.0, 1.0, 2.0, 3.0]), [1, 2, 3, 4])["auc"]
    assert estimate.value == 1.0
    assert estimate.low is None
    assert "lack a class" in estimate.reason


def test_paired_bootstrap_of_a_detector_with_itself_is_zero():
    labels, logits = made_up()
    difference = paired_bootstrap(scored(labels, logits), scored(labels, logits), np.arange(300))["auc"]
    assert (difference.value, difference.low, difference.high, difference.p) == (0.0, 0.0, 0.0, 1.0)


def test_paired_bootstrap_sees_what_unpaired_intervals_hide():
    labels, logits = made_up(items=200)
    better = logits + 0.25 * labels
    clusters = np.arange(200)
    difference = paired_bootstrap(scored(labels, better), scored(labels, logits), clusters)["auc"]
    assert difference.value == pytest.approx(roc_auc_score(labels, better) - roc_auc_score(labels, logits))
    assert 0 < difference.low < difference.value < difference.high
    assert difference.p < 0.01
    first, second = (bootstrap(scored(labels, values), clusters)["auc"] for values in (better, logits))
    assert first.low < second.high
    test = delong_test(labels, better, logits)
    assert difference.high - difference.low == pytest.approx(2 * 1.96 * test.standard_error, rel=0.15)


def test_paired_bootstrap_refuses_different_items():
    with pytest.raises(ValueError, match="same items"):
        paired_bootstrap(scored([0, 1], [0, 1]), scored([1, 0], [0, 1]), [0, 1])


@pytest.mark.parametrize("step", [None, 0.5], ids=["distinct", "ties"])
def test_delong_equals_the_slow_formula(step):
    labels, first = made_up(3, items=50)
    second = first + np.random.default_rng(4).normal(size=50)
    if step:
        first, second = np.round(first / step) * step, np.round(second / step) * step
    areas, covariance = slow_delong(labels, [first, second])
    assert areas[0] == pytest.approx(roc_auc_score(labels, first))
    test = delong_test(labels, first, second)
    assert test.difference == pytest.approx(areas[0] - areas[1])
    assert test.standard_error**2 == pytest.approx(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])


def test_delong_of_the_same_detector_finds_nothing():
    labels, logits = made_up(items=40)
    test = delong_test(labels, logits, 3 * logits + 1)
    assert (test.difference, test.p) == (0.0, 1.0)


def test_delong_needs_two_of_each_class():
    with pytest.raises(UndefinedMetricError, match="two items"):
        delong_test([0, 0, 1], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3])


@pytest.mark.parametrize("wrong", [{"resamples": 0}, {"confidence": 1.0}])
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match="must"):
        Settings(**wrong)
