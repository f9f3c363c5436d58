import itertools
from fractions import Fraction

import numpy as np
import pytest
from sklearn import metrics as reference

from unmask.statistics import metrics
from unmask.statistics.metrics import UndefinedMetricError
from unmask.statistics.weighted import CalibratedMetrics, RankingMetrics

THRESHOLD = 0.6


def made_up(seed, items=120, step=None):
    random = np.random.default_rng(seed)
    labels = (random.random(items) < 0.4).astype(np.int64)
    labels[:2] = 0, 1
    logits = random.normal(labels * 1.2, 1.0)
    if step:
        logits = np.round(logits / step) * step
    return labels, logits, 1 / (1 + np.exp(-logits))


@pytest.fixture(params=[(0, None), (1, 0.25), (2, 2.0)], ids=["distinct", "ties", "many ties"])
def sample(request):
    return made_up(request.param[0], step=request.param[1])


def test_auc_counts_pairs(sample):
    labels, logits, _ = sample
    pairs = [
        1.0 if fake > real else 0.5 if fake == real else 0.0
        for fake in logits[labels == 1]
        for real in logits[labels == 0]
    ]
    assert metrics.auc(labels, logits) == pytest.approx(np.mean(pairs))


def test_average_precision_by_hand():
    # Order: fake, real, fake -> precisions 1 and 2/3 at the fakes.
    assert metrics.average_precision([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx((1 + 2 / 3) / 2)


def precisions(labels, values):
    """Precision at each fake, whose threshold calls it and everything as high fake."""
    for own in values[labels == 1]:
        called = values >= own
        yield (labels[called] == 1).mean()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("step", [None, 0.25, 2.0])
def test_average_precision_of_ties_is_that_of_the_formula_and_of_scikit_learn(seed, step):
    labels, logits, _ = made_up(seed, step=step)
    weights = np.random.default_rng(seed).integers(1, 4, len(labels))
    assert (len(np.unique(logits)) < len(logits)) == (step is not None)
    found = metrics.average_precision(labels, logits)
    assert found == pytest.approx(np.mean(list(precisions(labels, logits))), abs=1e-9)
    assert found == pytest.approx(reference.average_precision_score(labels, logits), abs=1e-9)
    weighted = RankingMetrics(labels, logits)(weights[None])["ap"][0]
    expected = reference.average_precision_score(labels, logits, sample_weight=weights)
    assert weighted == pytest.approx(expected, abs=1e-9)


def roc_walk(labels, values):
    """List the ROC curve's points as fractions, each threshold's items counted one by one."""
    fakes = [value for value, label in zip(values, labels, strict=True) if label == 1]
    reals = [value for value, label in zip(values, labels, strict=True) if label == 0]
    points = [(Fraction(0), Fraction(0))]
    for threshold in sorted({*values}, reverse=True):
        false, true = (sum(value >= threshold for value in group) for group in (reals, fakes))
        points.append((Fraction(false, len(reals)), Fraction(true, len(fakes))))
    return points


def crossing(points):
    """Walk straight lines between points to where the false positive rate equals the false negative rate."""
    for (fpr, tpr), (next_fpr, next_tpr) in itertools.pairwise(points):
        before, after = 1 - tpr - fpr, 1 - next_tpr - next_fpr
        if after <= 0:
            return fpr + (next_fpr - fpr) * before / (before - after)
    raise AssertionError("a ROC curve ends at (1, 1)")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("step", [None, 0.25, 2.0])
def test_equal_error_rate_is_where_the_roc_crosses(seed, step):
    labels, logits, _ = made_up(seed, items=120 + seed, step=step)
    expected = float(crossing(roc_walk(labels.tolist(), logits.tolist())))
    assert 0 < expected < 0.5
    assert metrics.equal_error_rate(labels, logits) == pytest.approx(expected, abs=1e-9)
    ones = np.ones((1, len(labels)))
    assert RankingMetrics(labels, logits)(ones)["eer"][0] == pytest.approx(expected, abs=1e-9)


def test_equal_error_rate_by_hand():
    # From (1/4, 1/2) to (1/2, 1), a tie of one real and two fakes: 1 - TPR = FPR at 1/3.
    labels, logits = [0, 1, 1, 0, 1, 1, 0, 0], [5, 5, 5, 4, 4, 4, 3, 2]
    assert metrics.equal_error_rate(labels, logits) == pytest.approx(1 / 3, abs=1e-9)
    assert metrics.equal_error_rate([0, 0, 1, 1], [1, 2, 3, 4]) == 0
    assert metrics.equal_error_rate([1, 1, 0, 0], [1, 2, 3, 4]) == 1
    assert metrics.equal_error_rate([0, 1], [5, 5]) == 0.5


@pytest.mark.parametrize("limit", [0.0, 0.01, 0.05, 0.5, 1.0])
def test_tpr_at_fpr_tries_every_threshold(sample, limit):
    labels, logits, _ = sample
    reals, fakes = logits[labels == 0], logits[labels == 1]
    best = max(
        (fakes >= threshold).mean()
        for threshold in [*np.unique(logits), np.inf]
        if (reals >= threshold).mean() <= limit
    )
    assert metrics.tpr_at_fpr(labels, logits, limit) == pytest.approx(best)


def test_operating_point_counts_a_score_on_the_threshold_as_fake():
    labels, scores = [0, 0, 0, 1, 1], [0.1, 0.6, 0.7, 0.6, 0.5]
    assert metrics.accuracy(labels, scores, THRESHOLD) == pytest.approx(2 / 5)
    assert metrics.balanced_accuracy(labels, scores, THRESHOLD) == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert metrics.false_positive_rate(labels, scores, THRESHOLD) == pytest.approx(2 / 3)
    assert metrics.false_negative_rate(labels, scores, THRESHOLD) == pytest.approx(1 / 2)


def test_calibration_agrees_with_torchmetrics_and_scikit_learn(sample):
    torch = pytest.importorskip("torch", reason="needs the extra [train]")
    from torchmetrics.functional.classification import binary_calibration_error

    labels, _, scores = sample
    expected = binary_calibration_error(torch.tensor(scores), torch.tensor(labels), n_bins=15, norm="l1")
    assert metrics.expected_calibration_error(labels, scores) == pytest.approx(float(expected), abs=1e-6)
    assert metrics.brier(labels, scores) == pytest.approx(reference.brier_score_loss(labels, scores))


def test_calibration_on_bin_edges():
    # 1.0 belongs to the last bin, and perfectly sure and right scores have no error.
    assert metrics.expected_calibration_error([0, 1], [0.0, 1.0]) == 0
    assert metrics.expected_calibration_error([0, 1, 1, 1], [0.98, 0.98, 0.98, 1.0]) == pytest.approx(
        0.94 / 4
    )


def test_single_class_has_no_value_but_a_reason():
    values = metrics.measure([1, 1, 1], [0.1, 2.0, 3.0], [0.5, 0.7, 0.9], THRESHOLD)
    for name in ("auc", "ap", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5", "balanced_accuracy", "fpr"):
        assert isinstance(values[name], UndefinedMetricError), name
    assert str(values["auc"]) == "needs both classes, and all 3 items are fake"
    assert values["accuracy"] == pytest.approx(2 / 3)
    assert values["fnr"] == pytest.approx(1 / 3)


def test_no_item_has_no_value():
    values = metrics.measure([], [], [], THRESHOLD)
    assert {str(value) for value in values.values()} == {"no scored item"}


@pytest.mark.parametrize(
    ("labels", "values", "problem"),
    [([0, 2], [0.1, 0.2], "0 .real. or 1"), ([0, 1], [0.1, np.nan], "finite"), ([0, 1], [0.1], "alike")],
)
def test_bad_input_is_refused(labels, values, problem):
    with pytest.raises(ValueError, match=problem):
        metrics.auc(labels, values)


def test_scores_outside_the_unit_interval_are_refused():
    with pytest.raises(ValueError, match="probabilities"):
        metrics.brier([0, 1], [0.2, 1.2])


def test_weighted_metrics_of_equal_weights_are_the_point_metrics(sample):
    labels, logits, scores = sample
    points = metrics.measure(labels, logits, scores, THRESHOLD)
    ones = np.ones((1, len(labels)))
    weighted = {**RankingMetrics(labels, logits)(ones), **CalibratedMetrics(labels, scores, THRESHOLD)(ones)}
    assert list(weighted) == list(metrics.NAMES)
    for name in metrics.NAMES:
        assert weighted[name][0] == pytest.approx(points[name]), name


def test_weighted_metrics_equal_repeated_items(sample):
    labels, logits, scores = sample
    counts = np.random.default_rng(5).integers(0, 4, size=(20, len(labels)))
    weighted = {
        **RankingMetrics(labels, logits)(counts),
        **CalibratedMetrics(labels, scores, THRESHOLD)(counts),
    }
    for row, count in enumerate(counts):
        repeated = metrics.measure(*(np.repeat(part, count) for part in (labels, logits, scores)), THRESHOLD)
        for name in metrics.NAMES:
            assert weighted[name][row] == pytest.approx(repeated[name]), name


def test_weighted_metrics_of_a_missing_class_are_nan():
    labels, logits = np.array([0, 1, 1]), np.array([0.0, 1.0, 2.0])
    values = RankingMetrics(labels, logits)(np.array([[0, 1, 2], [1, 0, 0], [1, 1, 1]]))
    for name, value in values.items():
        assert np.isnan(value[:2]).all(), name
        assert np.isfinite(value[2]), name
