import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from unmask.detectors import DataSource
from unmask.evaluation.predictions import Prediction, Predictions
from unmask.evaluation.protocol import Options, evaluate
from unmask.statistics import metrics
from unmask.statistics.curves import GRID, reliability, roc_band
from unmask.statistics.intervals import Settings
from unmask.statistics.weighted import CalibratedMetrics

FAST = Options(intervals=Settings(resamples=150))


@pytest.fixture
def planted():
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 300)
    scores = np.clip(0.5 + 0.3 * (labels - 0.5) + random.normal(0, 0.25, 300), 0, 1)
    return labels, scores


def test_log_loss_is_scikit_learns_and_finite_at_the_ends(planted):
    labels, scores = planted
    assert (scores == 0).any() or (scores == 1).any()
    assert metrics.log_loss(labels, scores) == pytest.approx(reference.log_loss(labels, scores))
    assert np.isfinite(metrics.log_loss([0, 1], [1.0, 0.0]))


def test_weighted_log_loss_is_scikit_learns(planted):
    labels, scores = planted
    weights = np.random.default_rng(0).integers(0, 4, (3, len(labels))).astype(float)
    figures = CalibratedMetrics(labels, scores, 0.5)(weights)["log_loss"]
    expected = [reference.log_loss(labels, scores, sample_weight=row) for row in weights]
    assert figures == pytest.approx(expected)


def crops(encode_jpeg, greys, **columns):
    return [
        {
            "file": f"{n}.jpg",
            "label": ("real", "fake")[n % 2],
            "source": f"s{n // 2}",
            "data": encode_jpeg(grey),
            **columns,
        }
        for n, grey in enumerate(greys)
    ]


def slow_ece(labels, scores, bins=15):
    total = 0.0
    for low in np.arange(bins) / bins:
        held = (scores >= low) & (scores < low + 1 / bins)
        if held.any():
            total += held.mean() * abs(scores[held].mean() - labels[held].mean())
    return total


def test_before_is_slope_one_and_after_is_the_cards(detector, make_crops, encode_jpeg):
    greys = [100, 110, 120, 141, 133, 150, 105, 160]
    report = evaluate(detector, [make_crops("crops", crops(encode_jpeg, greys))], options=FAST)
    row = next(each for each in report.calibration if each.level == "video")
    logits = np.array([each.logit for each in report.predictions.at("video")])
    labels = np.arange(8) % 2
    for figures, slope, intercept in ((row.before, 1, 0), (row.after, 0.5, 0.1)):
        scores = 1 / (1 + np.exp(-(slope * logits + intercept)))
        assert figures["brier"].value == pytest.approx(reference.brier_score_loss(labels, scores))
        assert figures["log_loss"].value == pytest.approx(reference.log_loss(labels, scores))
        assert figures["ece"].value == pytest.approx(slow_ece(labels, scores))
        assert figures["brier"].low <= figures["brier"].value <= figures["brier"].high


def test_sets_of_the_card_are_in_domain_and_pooled_apart(make_detector, make_crops, encode_jpeg):
    card_data = (
        DataSource(name="Old Set", terms="x"),
        DataSource(name="chosen", terms="x", use="validation"),
    )
    detector = make_detector(data=card_data)
    greys = [100, 110, 120, 141]
    folders = [
        make_crops("old-set", crops(encode_jpeg, greys, split="test")),
        make_crops("renamed", crops(encode_jpeg, greys, dataset="chosen", split="test")),
        make_crops("new", crops(encode_jpeg, greys)),
        make_crops("newer", crops(encode_jpeg, greys)),
    ]
    report = evaluate(detector, folders, options=FAST)
    domains = {(row.dataset, row.domain, row.items) for row in report.calibration}
    assert domains == {
        ("old-set", "in domain", 4),
        ("renamed", "in domain", 4),
        ("new", "out of domain", 4),
        ("newer", "out of domain", 4),
        ("in domain", "in domain", 8),
        ("out of domain", "out of domain", 8),
        ("all", "mixed", 16),
    }


def test_a_single_class_has_a_brier_score_but_nothing_scored_has_none(detector, make_crops, encode_jpeg):
    rows = [row | {"label": "real"} for row in crops(encode_jpeg, [100, 120, 130])]
    row = evaluate(detector, [make_crops("real", rows)], options=FAST).calibration[0]
    assert row.after["brier"].value > 0
    broken = [row | {"data": b"broken"} for row in rows]
    row = evaluate(detector, [make_crops("broken", broken)], options=FAST).calibration[0]
    assert (row.items, row.after["ece"].value) == (0, None)
    assert row.after["ece"].reason == "no scored item"


def test_reliability_bins_are_scikit_learns(planted):
    labels, scores = planted
    bins = reliability(labels, scores)
    fakes, score = calibration_curve(labels, scores, n_bins=15, strategy="uniform")
    assert bins.fakes == pytest.approx(fakes)
    assert bins.score == pytest.approx(score)
    assert bins.count.sum() == len(labels)


def test_roc_band_is_that_of_resampled_curves(planted):
    labels, scores = (values[:60] for values in planted)
    clusters = np.array([f"c{n % 9}" for n in range(60)])
    settings = Settings(resamples=80, seed=4)
    low, high = roc_band(labels, scores, clusters, settings)
    random = np.random.default_rng(4)
    curves = []
    for counts in random.multinomial(9, np.full(9, 1 / 9), size=80):
        drawn = np.repeat(np.arange(60), counts[np.arange(60) % 9])
        fpr, tpr, _ = reference.roc_curve(labels[drawn], scores[drawn], drop_intermediate=False)
        upper = np.r_[np.diff(fpr) > 0, True]
        curves.append(np.interp(GRID, fpr[upper], tpr[upper]))
    wanted_low, wanted_high = np.quantile(curves, [0.025, 0.975], axis=0)
    assert low == pytest.approx(wanted_low)
    assert high == pytest.approx(wanted_high)
    assert roc_band(labels, scores, np.array(["one"] * 60), settings) is None


def test_pooling_keeps_every_row():
    from unmask.evaluation.calibration import calibration_row

    rows = [Prediction("d", "", f"{n}", f"s{n}", "", n % 2, "video", "ok", 0.0, 0.5) for n in range(4)]
    row = calibration_row("all", "mixed", "video", Predictions(tuple(rows)), 0.5, Settings(resamples=50))
    assert (row.after["ece"].value, row.after["brier"].value) == (0.0, 0.25)
    assert row.before["log_loss"].value == pytest.approx(np.log(2))
