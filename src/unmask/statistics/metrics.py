"""Point metrics of a binary detector: label 1 is fake, a higher score is more fake."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics as reference

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ECE_BINS = 15

#: Metrics of the order alone: computed on logits, which do not saturate as probabilities do.
RANKING = ("auc", "ap", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5")
#: Metrics of the calibrated score, those at the frozen threshold first.
CALIBRATED = ("accuracy", "balanced_accuracy", "fpr", "fnr", "brier", "ece", "log_loss")
NAMES = RANKING + CALIBRATED


class UndefinedMetricError(ValueError):
    """The metric has no value on these items; the message says why in one line."""


def check(labels: ArrayLike, values: ArrayLike) -> tuple[Labels, Floats]:
    """Validate labels and values and return them as arrays.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake.
    values
        (N,) finite logits or scores, higher is more fake.

    Raises
    ------
    ValueError
        Shapes differ, a label is neither 0 nor 1, or a value is not finite.
    UndefinedMetricError
        There is no item.
    """
    label_array = np.asarray(labels)
    value_array = np.asarray(values, dtype=np.float64)
    if label_array.ndim != 1 or label_array.shape != value_array.shape:
        raise ValueError(f"labels {label_array.shape} and values {value_array.shape} must be (N,) alike")
    if label_array.size == 0:
        raise UndefinedMetricError("no scored item")
    if not np.isin(label_array, (0, 1)).all():
        raise ValueError("labels must be 0 (real) or 1 (fake)")
    if not np.isfinite(value_array).all():
        raise ValueError("values must be finite")
    return label_array.astype(np.int64), value_array


def single_class_reason(labels: Labels) -> str | None:
    """Return why metrics of two classes are undefined, or None where both classes are present.

    Parameters
    ----------
    labels
        (N,) 0 real, 1 fake.
    """
    fakes = int(labels.sum())
    if 0 < fakes < labels.size:
        return None
    return f"needs both classes, and all {labels.size} items are {'fake' if fakes else 'real'}"


def check_both(labels: ArrayLike, values: ArrayLike) -> tuple[Labels, Floats]:
    """Return labels and values as `check` does.

    Parameters
    ----------
    labels, values
        As in `check`, with the same errors.

    Raises
    ------
    UndefinedMetricError
        A class is missing.
    """
    label_array, value_array = check(labels, values)
    reason = single_class_reason(label_array)
    if reason:
        raise UndefinedMetricError(reason)
    return label_array, value_array


def auc(labels: ArrayLike, values: ArrayLike) -> float:
    """Return the area under the ROC curve in [0, 1]; a tied pair counts one half.

    Parameters
    ----------
    labels, values
        As in `check`, with the same errors; both classes are needed.
    """
    return float(reference.roc_auc_score(*check_both(labels, values)))


def average_precision(labels: ArrayLike, values: ArrayLike) -> float:
    """Return the average precision in [0, 1] of the class fake, without interpolation.

    Parameters
    ----------
    labels, values
        As in `auc`.
    """
    return float(reference.average_precision_score(*check_both(labels, values)))


def roc(labels: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return every point of the ROC curve: (fpr, tpr, threshold), from (0, 0) to (1, 1).

    Parameters
    ----------
    labels, values
        As in `auc`.
    """
    fpr, tpr, threshold = reference.roc_curve(*check_both(labels, values), drop_intermediate=False)
    return fpr, tpr, threshold


def equal_error_rate(labels: ArrayLike, values: ArrayLike) -> float:
    """Return the rate in [0, 1] at which false positives equal false negatives, linear between ROC points.

    Parameters
    ----------
    labels, values
        As in `auc`.
    """
    fpr, tpr, _ = roc(labels, values)
    gap = 1 - tpr - fpr
    after = int(np.argmax(gap <= 0))
    part = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(fpr[after - 1] + part * (fpr[after] - fpr[after - 1]))


def tpr_at_fpr(labels: ArrayLike, values: ArrayLike, limit: float) -> float:
    """Return the highest true positive rate at a bounded false positive rate, without interpolation.

    Parameters
    ----------
    labels, values
        As in `auc`.
    limit
        Highest false positive rate.
    """
    fpr, tpr, _ = roc(labels, values)
    return float(tpr[fpr <= limit + 1e-12].max())


def accuracy(labels: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Return the share of items on the right side of the threshold.

    Parameters
    ----------
    labels, scores
        As in `check`, with the same errors.
    threshold
        Scores at or over it count as fake.
    """
    label_array, score_array = check(labels, scores)
    return float(reference.accuracy_score(label_array, score_array >= threshold))


def balanced_accuracy(labels: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Return the mean of the true positive and true negative rates at the threshold.

    Parameters
    ----------
    labels, scores
        As in `auc`.
    threshold
        Scores at or over it count as fake.
    """
    label_array, score_array = check_both(labels, scores)
    return float(reference.balanced_accuracy_score(label_array, score_array >= threshold))


def false_positive_rate(labels: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Return the share of real items at or over the threshold.

    Parameters
    ----------
    labels, scores
        As in `check`, with the same errors; a real item is needed.
    threshold
        Scores at or over it count as fake.
    """
    return _share_over(labels, scores, threshold, label=0)


def false_negative_rate(labels: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Return the share of fake items under the threshold.

    Parameters
    ----------
    labels, scores
        As in `check`, with the same errors; a fake item is needed.
    threshold
        Scores at or over it count as fake.
    """
    return 1 - _share_over(labels, scores, threshold, label=1)


def _share_over(labels: ArrayLike, scores: ArrayLike, threshold: float, label: int) -> float:
    label_array, score_array = check(labels, scores)
    chosen = score_array[label_array == label]
    if chosen.size == 0:
        raise UndefinedMetricError(f"there is no {'fake' if label else 'real'} item")
    return float((chosen >= threshold).mean())


def brier(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the mean squared distance between score and label, in [0, 1].

    Parameters
    ----------
    labels, scores
        As in `check`, with the same errors; scores in [0, 1].
    """
    label_array, score_array = _check_scores(labels, scores)
    return float(np.mean((score_array - label_array) ** 2))


def log_loss(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the mean negative logarithm, in nats, of the probability given to what each item is.

    Scores nearer to 0 or 1 than the spacing of 64-bit floats are held there, so that the value is finite.

    Parameters
    ----------
    labels, scores
        As in `brier`.
    """
    label_array, score_array = _check_scores(labels, scores)
    return float(negative_log_likelihood(label_array, score_array).mean())


def negative_log_likelihood(labels: Labels, scores: Floats) -> Floats:
    """Return the negative logarithm of the probability given to each item's label, (N,), in nats.

    Parameters
    ----------
    labels
        (N,) 0 real, 1 fake.
    scores
        (N,) in [0, 1].
    """
    held = np.clip(scores, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    return -np.log(np.where(labels == 1, held, 1 - held))


def expected_calibration_error(labels: ArrayLike, scores: ArrayLike, bins: int = ECE_BINS) -> float:
    """Return the mean gap between score and share of fakes over equally wide bins, weighted by their items.

    After Guo et al., arXiv 1706.04599, for the probability of the class fake. A bin holds its lower edge; 1.0
    belongs to the last.

    Parameters
    ----------
    labels, scores
        As in `brier`.
    bins
        Their number.
    """
    label_array, score_array = _check_scores(labels, scores)
    index = bin_index(score_array, bins)
    gap = np.bincount(index, weights=score_array - label_array, minlength=bins)
    return float(np.abs(gap).sum() / label_array.size)


def bin_index(scores: Floats, bins: int = ECE_BINS) -> Labels:
    """Return the number, 0 .. bins - 1, of the equally wide bin of each score.

    Parameters
    ----------
    scores
        (N,) in [0, 1].
    bins
        Their number.
    """
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    return np.searchsorted(edges, scores, side="right").astype(np.int64)


def _check_scores(labels: ArrayLike, scores: ArrayLike) -> tuple[Labels, Floats]:
    label_array, score_array = check(labels, scores)
    if score_array.min() < 0 or score_array.max() > 1:
        raise ValueError("scores must be probabilities in [0, 1]")
    return label_array, score_array


def measure(
    labels: ArrayLike, logits: ArrayLike, scores: ArrayLike, threshold: float
) -> dict[str, float | UndefinedMetricError]:
    """Compute every metric of `NAMES`; where one has no value, the error that says why stands in its place.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake.
    logits
        (N,) raw outputs, for the metrics of `RANKING`.
    scores
        (N,) calibrated probabilities, for those of `CALIBRATED`.
    threshold
        Operating point on the calibrated score, frozen beforehand.
    """
    formulas: dict[str, Callable[[], float]] = {
        "auc": lambda: auc(labels, logits),
        "ap": lambda: average_precision(labels, logits),
        "eer": lambda: equal_error_rate(labels, logits),
        "tpr_at_fpr_1": lambda: tpr_at_fpr(labels, logits, 0.01),
        "tpr_at_fpr_5": lambda: tpr_at_fpr(labels, logits, 0.05),
        "accuracy": lambda: accuracy(labels, scores, threshold),
        "balanced_accuracy": lambda: balanced_accuracy(labels, scores, threshold),
        "fpr": lambda: false_positive_rate(labels, scores, threshold),
        "fnr": lambda: false_negative_rate(labels, scores, threshold),
        "brier": lambda: brier(labels, scores),
        "ece": lambda: expected_calibration_error(labels, scores),
        "log_loss": lambda: log_loss(labels, scores),
    }
    values: dict[str, float | UndefinedMetricError] = {}
    for name in NAMES:
        try:
            values[name] = formulas[name]()
        except UndefinedMetricError as error:
            values[name] = error
    return values
