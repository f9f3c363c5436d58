"""Calibration, threshold, band and interval against scikit-learn and slow direct formulas."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from unmask.training.calibrate import choose_band, choose_threshold, fit_platt, spread_within
from unmask.training.cards import auc_figures


@pytest.fixture
def validation():
    rng = np.random.default_rng(0)
    labels = (rng.random(3000) < 0.3).astype(int)
    return 2.0 * rng.standard_normal(3000) + 3.0 * labels + 5.0, labels


def test_platt_agrees_with_a_balanced_logistic_regression(validation):
    logits, labels = validation
    reference = LogisticRegression(C=1e9, class_weight="balanced", tol=1e-8).fit(logits[:, None], labels)
    platt = fit_platt(logits, labels)
    assert platt.slope == pytest.approx(reference.coef_[0, 0], rel=0.02)
    assert platt.intercept == pytest.approx(reference.intercept_[0], rel=0.02)
    assert platt.scores(np.array([6.5]))[0] == pytest.approx(0.5, abs=0.02)  # midway between the two classes


def test_separated_logits_get_a_finite_slope():
    platt = fit_platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert 0 < platt.slope < 10


def test_a_detector_worse_than_chance_keeps_a_positive_slope(validation):
    logits, labels = validation
    assert 0 < fit_platt(-logits, labels).slope < 0.1


def test_one_class_alone_cannot_be_calibrated():
    with pytest.raises(ValueError, match="real and fake"):
        fit_platt(np.zeros(4), np.zeros(4, int))


def test_the_threshold_has_the_best_balanced_accuracy(validation):
    logits, labels = validation[0][:300], validation[1][:300]
    scores = fit_platt(logits, labels).scores(logits)
    threshold = choose_threshold(scores, labels)
    slow = max(balanced_accuracy_score(labels, scores >= value) for value in scores)
    assert balanced_accuracy_score(labels, scores > threshold) == pytest.approx(slow)
    assert threshold not in scores


def test_at_the_equal_error_threshold_both_errors_are_equal(validation):
    logits, labels = validation
    scores = fit_platt(logits, labels).scores(logits)
    threshold = choose_threshold(scores, labels, "eer")
    false_positive = np.mean(scores[labels == 0] > threshold)
    false_negative = np.mean(scores[labels == 1] <= threshold)
    assert false_positive == pytest.approx(false_negative, abs=0.005)


def test_outside_the_band_errors_are_as_rare_as_asked(validation):
    logits, labels = validation
    scores = fit_platt(logits, labels).scores(logits)
    threshold = choose_threshold(scores, labels)
    low, high = choose_band(scores, labels, threshold, 0.1)
    assert low <= threshold <= high
    assert np.mean(scores[labels == 0] > high) <= 0.1
    assert np.mean(scores[labels == 1] < low) <= 0.1


def test_the_interval_is_wider_when_groups_hold_copies(validation):
    logits, labels = validation[0][:400], validation[1][:400]
    copies = np.repeat(np.arange(400).astype(str), 4)
    wide = auc_figures("frame", labels.repeat(4), logits.repeat(4), copies)
    naive = auc_figures("frame", labels.repeat(4), logits.repeat(4), np.arange(1600).astype(str))
    (low, high), (naive_low, naive_high) = wide["frame_auc_interval"], naive["frame_auc_interval"]
    assert wide["frame_auc"] == pytest.approx(roc_auc_score(labels, logits), abs=5e-5)
    assert low < wide["frame_auc"] < high
    assert high - low > 1.5 * (naive_high - naive_low)


def test_spread_within_videos_against_a_slow_formula():
    rng = np.random.default_rng(3)
    videos = np.repeat(["a", "b", "c", "d"], [6, 5, 4, 3])  # the last has too few frames to count
    logits = rng.standard_normal(18) * 0.7 + np.repeat([0.0, 5.0, -3.0, 100.0], [6, 5, 4, 3])
    squares = sum(((logits[videos == v] - logits[videos == v].mean()) ** 2).sum() for v in "abc")
    sets = np.full(18, "set")
    assert spread_within(logits, [sets, videos]) == pytest.approx(np.sqrt(squares / (5 + 4 + 3)))
    assert spread_within(logits[15:], [sets[15:], videos[15:]]) is None
