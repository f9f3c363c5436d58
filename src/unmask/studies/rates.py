"""Rates of cells at a threshold that is frozen on chosen sets: real faces called fake, and fakes called real."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unmask.statistics import Settings
from unmask.statistics.intervals import (
    Difference,
    Estimate,
    cluster_index,
    estimate,
    item_counts,
    too_few_clusters,
)
from unmask.statistics.metrics import Floats
from unmask.studies.cells import Cell
from unmask.studies.judging import NO_INTERVAL, Rows, over_seeds, paired_difference, read_rows
from unmask.studies.runs import Run

REAL_CALLED_FAKE, FAKE_CALLED_REAL = "real called fake", "fake called real"
RATES = {REAL_CALLED_FAKE: 0, FAKE_CALLED_REAL: 1}
"""Each rate, and the label of the items that it is a share of."""


@dataclass(frozen=True)
class Rate:
    """A share of a set's items on the wrong side of the threshold, over seeds, and its difference from the control."""

    share: Estimate
    difference: Difference | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"share": self.share.to_dict(), "difference": self.difference and self.difference.to_dict()}


#: Cell -> rate -> figure (`faces, frames`) -> what it is.
Rates = Mapping[str, Mapping[str, Mapping[str, Rate]]]


def judge_rates(
    cells: Iterable[Cell],
    runs: Sequence[Run],
    frozen_on: Sequence[str],
    videos: Sequence[str] = (),
    settings: Settings | None = None,
) -> Rates:
    """Judge every cell that has a run.

    Parameters
    ----------
    cells
        Of the study.
    runs
        Finished ones.
    frozen_on
        Figures, such as `faces, frames`, whose rows fix each run's threshold.
    videos
        Names of sets whose rows are several frames of a video.
    settings
        Resamples, confidence and seed.
    """
    settings = settings or Settings()
    by_cell: dict[str, list[Run]] = {}
    for run in runs:
        by_cell.setdefault(run.cell, []).append(run)
    wrong = {(run.cell, run.seed): _Wrong(read_rows(run.folder, videos), frozen_on, settings) for run in runs}
    result: dict[str, dict[str, dict[str, Rate]]] = {}
    for cell in cells:
        mine = by_cell.get(cell.name, [])
        if not mine:
            continue
        theirs = {run.seed for run in by_cell.get(cell.control or "", [])}
        of_cell = [wrong[cell.name, run.seed] for run in mine]
        pairs = [
            (wrong[cell.name, run.seed], wrong[cell.control or "", run.seed])
            for run in mine
            if run.seed in theirs
        ]
        result[cell.name] = {
            rate: {
                name: _rate(of_cell, pairs, name, label, settings)
                for name in of_cell[0].rows
                if of_cell[0].has(name, label)
            }
            for rate, label in RATES.items()
        }
    return result


def balanced_threshold(sets: Sequence[Rows]) -> float:
    """Return the logit above which to call fake, so that the mean of both error rates is smallest.

    Each set and class weighs the same, however many items it has.

    Parameters
    ----------
    sets
        Rows that fix it.

    Raises
    ------
    ValueError
        Where they lack a class.
    """
    logits = np.concatenate([rows.logits for rows in sets])
    labels = np.concatenate([rows.labels for rows in sets])
    weights = np.concatenate([_class_weights(rows.labels) for rows in sets])
    if len(np.unique(labels)) < 2:
        raise ValueError("a threshold needs real and fake items")
    order = np.argsort(logits, kind="stable")
    logits, labels, weights = logits[order], labels[order], weights[order]
    # Error of a threshold above the first k items: fakes among these, and real ones among the rest.
    missed = np.concatenate([[0.0], np.cumsum(weights * (labels == 1))]) / weights[labels == 1].sum()
    alarms = 1 - np.concatenate([[0.0], np.cumsum(weights * (labels == 0))]) / weights[labels == 0].sum()
    possible = np.concatenate([[True], np.diff(logits) > 0, [True]])
    best = int(np.argmin(np.where(possible, missed + alarms, np.inf)))
    padded = np.concatenate([[logits[0] - 1], logits, [logits[-1] + 1]])
    return float((padded[best] + padded[best + 1]) / 2)


def _class_weights(labels: np.ndarray) -> Floats:
    counts = np.bincount(labels, minlength=2)
    weights: Floats = 1.0 / counts[labels]
    return weights


class _Wrong:
    """Which of a run's items lie on the wrong side of its threshold."""

    def __init__(self, rows: Mapping[str, Rows], frozen_on: Sequence[str], settings: Settings) -> None:
        self.rows, self.settings = rows, settings
        self.threshold = balanced_threshold([rows[name] for name in frozen_on])

    def has(self, name: str, label: int) -> bool:
        return bool(np.any(self.rows[name].labels == label))

    def value(self, name: str, label: int) -> float:
        wrong, counted = self._items(name, label)
        return float(wrong.sum() / counted.sum())

    def draws(self, name: str, label: int) -> Floats | None:
        """Return the rate (B,) under resampled groups, the same resamples for every run; None for too few."""
        index = cluster_index(self.rows[name].groups, len(self.rows[name].labels))
        if too_few_clusters(index):
            return None
        wrong, counted = self._items(name, label)
        with np.errstate(invalid="ignore"):
            parts = [(w @ wrong) / (w @ counted) for w in item_counts(index, self.settings)]
        return np.concatenate(parts)

    def _items(self, name: str, label: int) -> tuple[Floats, Floats]:
        rows = self.rows[name]
        counted = rows.labels == label
        over = rows.logits >= self.threshold
        return (counted & (over != bool(label))).astype(float), counted.astype(float)


def _rate(
    runs: Sequence[_Wrong], pairs: Sequence[tuple[_Wrong, _Wrong]], name: str, label: int, settings: Settings
) -> Rate:
    value = float(np.mean([run.value(name, label) for run in runs]))
    draws = over_seeds([run.draws(name, label) for run in runs], settings)
    values = [[run.value(name, label) for run in pair] for pair in pairs]
    paired = [[run.draws(name, label) for run in pair] for pair in pairs]
    return Rate(estimate(value, draws, settings, NO_INTERVAL), paired_difference(values, paired, settings))
