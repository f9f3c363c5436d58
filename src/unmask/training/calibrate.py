"""Calibration, threshold and figures from validation logits, for the exported detector's card."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import roc_curve

from unmask.detectors import Calibration

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]
LEAST_FRAMES = 4  # Of a video whose spread counts.


def fit_platt(logits: Floats, labels: Labels) -> Calibration:
    """Fit slope and intercept by maximum likelihood, as if real and fake were equally frequent.

    Labels are moved a little inwards as Platt (1999) does, so that perfectly separated logits give a finite slope.

    Parameters
    ----------
    logits
        (N,).
    labels
        (N,) 0 real, 1 fake.

    Raises
    ------
    ValueError
        Unless both classes are there.
    """
    logits, labels = np.asarray(logits, float), np.asarray(labels)
    counts = np.bincount(labels, minlength=2)
    if (counts == 0).any():
        raise ValueError("calibration needs real and fake validation rows")
    targets = np.where(labels == 1, (counts[1] + 1) / (counts[1] + 2), 1 / (counts[0] + 2))
    weights = 0.5 / counts[labels]
    scale = max(float(np.std(logits)), 1e-12)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        values = parameters[0] * logits / scale + parameters[1]
        slack = weights * (expit(values) - targets)
        total = float(np.sum(weights * (np.logaddexp(0, values) - targets * values)))
        return total, np.array([np.sum(slack * logits / scale), np.sum(slack)])

    # A card's slope is positive: a detector that is worse than chance is not turned around.
    found = minimize(
        loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(1e-3, None), (None, None)]
    )
    return Calibration(slope=float(found.x[0] / scale), intercept=float(found.x[1]))


def choose_threshold(
    scores: Floats, labels: Labels, rule: Literal["balanced_accuracy", "eer"] = "balanced_accuracy"
) -> float:
    """Choose the threshold on calibrated scores, midway between the two neighbouring scores.

    Parameters
    ----------
    scores
        (N,) in [0, 1].
    labels
        (N,) 0 real, 1 fake.
    rule
        `balanced_accuracy`: the largest mean of true positive and true negative rate. `eer`: false positive and false
        negative rate as nearly equal as they can be.
    """
    false, true, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    goodness = true - false if rule == "balanced_accuracy" else -np.abs(1 - true - false)
    best = int(np.argmax(goodness))
    upper = min(float(thresholds[best]), 1.0)
    below = np.asarray(scores)[np.asarray(scores) < upper]
    return float((upper + below.max()) / 2) if below.size else upper


def choose_band(scores: Floats, labels: Labels, threshold: float, error: float) -> tuple[float, float]:
    """Choose the inconclusive band around the threshold.

    Parameters
    ----------
    scores
        (N,) calibrated, in [0, 1].
    labels
        (N,) 0 real, 1 fake.
    threshold
        Lies within the band.
    error
        Largest share of real faces above the band, and of fakes below it.

    Returns
    -------
    (lower, upper)
        Ends of the band.
    """
    upper = float(np.quantile(scores[labels == 0], 1 - error, method="higher"))
    lower = float(np.quantile(scores[labels == 1], error, method="lower"))
    return min(lower, threshold), max(upper, threshold)


def spread_within(logits: Floats, keys: list[npt.NDArray[np.str_]]) -> float | None:
    """Return the standard deviation of frame logits around their video's mean, pooled over videos.

    Parameters
    ----------
    logits
        (N,).
    keys
        Arrays (N,) that together name the video of each row.

    Returns
    -------
    float or None
        None where no video has `LEAST_FRAMES`; videos of fewer are left out.
    """
    _, video = np.unique(np.stack(keys), axis=1, return_inverse=True)
    counts = np.bincount(video)
    means = np.bincount(video, logits) / counts
    squares = np.bincount(video, (np.asarray(logits, float) - means[video]) ** 2)
    used = counts >= LEAST_FRAMES
    if not used.any():
        return None
    return float(np.sqrt(squares[used].sum() / (counts[used] - 1).sum()))


def mean_by_video(logits: Floats, videos: npt.NDArray[Any]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Average the logits of each video's rows.

    Parameters
    ----------
    logits
        (N,).
    videos
        (N,) equal for the rows of one video.

    Returns
    -------
    means
        (V,), in the order of the sorted videos.
    first
        (V,) number of each video's first row.
    """
    _, first, video = np.unique(videos, return_index=True, return_inverse=True)
    return np.bincount(video, logits) / np.bincount(video), first
