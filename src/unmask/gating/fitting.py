"""Fit how wide each quality gate opens an interval, on labelled faces of every quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from unmask.detectors import Card, Detector, Quality
from unmask.gating.labelled_faces import MEASURES, FaceSample, LabelledFaces
from unmask.statistics.metrics import Floats, Labels
from unmask.statistics.risk_coverage import log_odds
from unmask.training.quality import distribution
from unmask.verdict import Gate, gates_of, rule_of

FITTING_SAMPLES = {"plain": FaceSample(), "worse": FaceSample(videos=3, degradations=1)}
"""Faces that the widths are fitted on."""
DEGRADED_WEIGHT = 3.0
"""Weight of a degraded face in the fit."""

LARGEST = 12.0
"""Bound on a width, in calibrated log-odds: beyond it a face says nothing."""
RIDGE = 1e-3
"""Weight of the mean squared width beside the mean log loss: a gate that hardly ever fires stays narrow.

Of 3e-3, 1e-3, 6e-4, 3e-4, 1e-4 and 3e-5 the one with the least log loss out of fold on dfdc-faces' validation faces."""
SMALLEST = 0.2
"""Widths below are taken for 0: they change nothing that could be seen."""


def severities(measures: Sequence[Mapping[str, float]], gates: Sequence[Gate]) -> Floats:
    """Return the severity (N, gates) of each gate for each face.

    Parameters
    ----------
    measures
        N faces' measures by name.
    gates
        Of the detector.
    """
    rows = [[gate.severity(row.get(gate.measure, math.nan)) for gate in gates] for row in measures]
    return np.array(rows, np.float64).reshape(len(measures), len(gates))


def fit_widths(
    values: Floats,
    labels: Labels,
    severity: Floats,
    threshold: float,
    weights: Floats | None = None,
    ridge: float = RIDGE,
) -> NDArray[np.float64]:
    """Fit the widths (gates, 2) of the uncertainty above and below, by maximum likelihood.

    Uncertainty of variance v on a log-odds z leaves the probability sigmoid(z / sqrt(1 + pi v / 8)) (MacKay 1992). A
    score below the threshold is uncertain upwards, one above it downwards: the side on which the verdict can be wrong.
    A common factor on the log-odds is fitted as well and discarded: good faces may be more certain than the mean.

    Parameters
    ----------
    values
        (N,) calibrated log-odds of single faces.
    labels
        (N,) 0 real or 1 fake.
    severity
        (N, gates), see `severities`.
    threshold
        Log-odds that part real from fake.
    weights
        (N,) weight of each face.
    ridge
        Weight of the mean squared width.
    """
    count = severity.shape[1]
    share = np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64)
    share = share / share.sum()
    squared = severity**2
    sides = np.where((values < threshold)[:, None], np.hstack([squared, 0 * squared]), 0.0)
    sides += np.where((values >= threshold)[:, None], np.hstack([0 * squared, squared]), 0.0)
    signs = 2 * labels - 1

    def loss(parameters: Floats) -> tuple[float, Floats]:
        widths, factor = parameters[:-1], parameters[-1]
        scaled = factor * values
        variance = sides @ widths**2
        shrunk = 1 + math.pi / 8 * variance * factor**2
        moderated = scaled / np.sqrt(shrunk)
        total = float(share @ np.logaddexp(0, -signs * moderated) + ridge * np.mean(widths**2))
        slack = -share * signs * expit(-signs * moderated)
        by_variance = slack * scaled * -0.5 * shrunk**-1.5 * math.pi / 8 * factor**2
        by_width = (by_variance @ sides) * 2 * widths + ridge * 2 * widths / len(widths)
        by_factor = slack @ (
            values / np.sqrt(shrunk) - scaled * shrunk**-1.5 * math.pi / 8 * variance * factor
        )
        return total, np.r_[by_width, by_factor]

    bounds = [(0.0, LARGEST)] * (2 * count) + [(0.5, 3.0)]
    found = minimize(loss, np.ones(2 * count + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    widths: NDArray[np.float64] = np.stack([found[:count], found[count : 2 * count]], axis=1)
    return np.where(widths < SMALLEST, 0.0, widths)


def with_widths(gates: Sequence[Gate], widths: Floats) -> tuple[Gate, ...]:
    """Return the gates with other widths.

    Parameters
    ----------
    gates
        To copy.
    widths
        (gates, 2), up and down.
    """
    return tuple(
        replace(gate, up=round(float(up), 2), down=round(float(down), 2))
        for gate, (up, down) in zip(gates, widths, strict=True)
    )


def card_quality(detector: Detector, faces: LabelledFaces, name: str) -> Quality:
    """Return the card's quality, with the distribution of the reconstruction error on these real faces if it has none.

    Parameters
    ----------
    detector
        That scored the faces.
    faces
        Of the set.
    name
        The set's name.
    """
    quality = detector.card.quality or Quality()
    if quality.reconstruction_error is None and detector.has_decoder:
        real = (faces.label == 0) & (faces.way == "")
        errors = faces.measures[real, MEASURES.index("reconstruction_error")]
        quality = quality.model_copy(update={"reconstruction_error": distribution({name: errors})})
    return quality


def fit_gates(card: Card, quality: Quality, faces: LabelledFaces) -> tuple[Gate, ...]:
    """Fit the widths of all gates of a card.

    Parameters
    ----------
    card
        Of the detector that scored the faces.
    quality
        In place of the card's own.
    faces
        Labelled.
    """
    rule = rule_of(card)
    gates = gates_of(card.model_copy(update={"quality": quality}))
    values = rule.calibration.slope * faces.logit + rule.calibration.intercept
    weights = np.where(faces.way == "", 1.0, DEGRADED_WEIGHT)
    severity = severities(faces.rows(), gates)
    return with_widths(gates, fit_widths(values, faces.label, severity, log_odds(rule.threshold), weights))
