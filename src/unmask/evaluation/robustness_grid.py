"""The robustness grid: a set scored once for every distortion and level, lost faces counted as lost coverage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unmask.distortions.levels import DISTORTIONS, Change, Distortion
from unmask.evaluation.predictions import Predictions, by_video
from unmask.evaluation.scoring import Scorer, score_set
from unmask.evaluation.sets import EvaluationSet
from unmask.statistics.intervals import (
    Estimate,
    Scored,
    Settings,
    cluster_index,
    estimate,
    item_counts,
    too_few_clusters,
)
from unmask.statistics.metrics import Floats, UndefinedMetricError
from unmask.statistics.weighted import RankingMetrics
from unmask.verdict import rule_of

#: Where a distortion is applied, by kind of set.
PLACES = {
    "videos": "to the whole picture, before faces are looked for",
    "crops": "to the ready crop: no face can be lost, and coverage says nothing",
}


@dataclass(frozen=True)
class Cell:
    """Video-level figures at one level of one distortion; level 0 is the set as it is."""

    distortion: str
    level: int
    value: float | None
    auc: Estimate
    coverage: Mapping[str, int]

    @property
    def covered(self) -> float:
        """Share of the videos that were scored."""
        return self.coverage["ok"] / max(1, sum(self.coverage.values()))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "distortion": self.distortion,
            "level": self.level,
            "value": self.value,
            "auc": self.auc.to_dict(),
            "coverage": dict(self.coverage),
            "covered": self.covered,
        }


@dataclass(frozen=True)
class Robustness:
    """The grid of one set.

    Parameters
    ----------
    dataset, place
        The set, and what the distortions were applied to.
    clean
        The set as it is.
    cells
        One a distortion and level.
    means
        Distortion -> mean AUC over its levels, in the same resamples.
    drops
        Distortion -> that mean less the clean AUC.
    """

    dataset: str
    place: str
    clean: Cell
    cells: Sequence[Cell]
    means: Mapping[str, Estimate]
    drops: Mapping[str, Estimate]

    @property
    def distortions(self) -> list[str]:
        """Names of the distortions, in order."""
        return list(self.means)

    def of(self, distortion: str) -> list[Cell]:
        """Return the cells of one distortion, by level.

        Parameters
        ----------
        distortion
            Name of the distortion.
        """
        return [cell for cell in self.cells if cell.distortion == distortion]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "dataset": self.dataset,
            "applied": self.place,
            "clean": self.clean.to_dict(),
            "cells": [cell.to_dict() for cell in self.cells],
            "means": {name: mean.to_dict() for name, mean in self.means.items()},
            "drops": {name: drop.to_dict() for name, drop in self.drops.items()},
        }


def run_grid(
    detector: Scorer,
    items: EvaluationSet,
    chosen: Sequence[int],
    clean: Predictions,
    settings: Settings,
    names: Sequence[str] = (),
    on_item: Callable[[], None] = lambda: None,
) -> Robustness:
    """Score a set under every distortion and level.

    Parameters
    ----------
    detector
        The detector, with its card.
    items
        The set as it is.
    chosen
        Positions of the items to score.
    clean
        What the detector said about the same items undistorted.
    settings
        Resamples, confidence and seed; the seed also draws noise and blocks.
    names
        Distortions to apply; all of `DISTORTIONS` when empty.
    on_item
        Called after each item of each cell.
    """
    calibrate = rule_of(detector.card).calibration.score
    grid = _Grid(clean.at("video"), settings, detector.card.threshold)
    baseline, draws = grid.measure("", 0, None, clean.at("video"))
    cells: list[Cell] = []
    means: dict[str, Estimate] = {}
    drops: dict[str, Estimate] = {}
    for distortion in [DISTORTIONS[name] for name in names or DISTORTIONS]:
        measured = []
        for change in _changes(distortion, settings.seed):
            outcome = score_set(detector, items.distorted(change), chosen, on_item)
            rows = by_video(outcome.frames, calibrate)
            measured.append(grid.measure(distortion.name, change.level, change.value, rows))
        cells += [cell for cell, _ in measured]
        means[distortion.name], drops[distortion.name] = grid.mean(measured, baseline, draws)
    return Robustness(items.name, PLACES[items.kind], baseline, cells, means, drops)


def _changes(distortion: Distortion, seed: int) -> list[Change]:
    return [Change(distortion, level, seed) for level in range(1, len(distortion.levels) + 1)]


@dataclass
class _Grid:
    """Draws the same clusters for every cell, though each has lost other items."""

    rows: Predictions
    settings: Settings
    threshold: float
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = sorted({row.cluster for row in self.rows})

    def measure(
        self, name: str, level: int, value: float | None, rows: Predictions
    ) -> tuple[Cell, Floats | None]:
        """Return the cell and its AUC in each resample, (B,), or None where there are none."""
        scored = rows.scored.to_scored(self.threshold)
        auc = scored.measure()["auc"]
        index = cluster_index(np.array(self.names, dtype=np.str_), len(self.names))
        too_few = too_few_clusters(index)
        draws = None
        if not too_few and not isinstance(auc, UndefinedMetricError):
            draws = self._draws(scored, rows.scored, index)
        cell = Cell(name, level, value, estimate(auc, draws, self.settings, too_few), rows.coverage)
        return cell, draws

    def _draws(self, scored: Scored, rows: Predictions, index: np.ndarray) -> Floats:
        ranking = RankingMetrics(scored.labels, scored.logits)
        places = np.searchsorted(self.names, rows.clusters)
        blocks = item_counts(index, self.settings, cells=len(rows))
        return np.concatenate([ranking(counts[:, places])["auc"] for counts in blocks])

    def mean(
        self, measured: Sequence[tuple[Cell, Floats | None]], clean: Cell, clean_draws: Floats | None
    ) -> tuple[Estimate, Estimate]:
        """Return the mean AUC over the levels, and that mean less the clean AUC."""
        values = [cell.auc.value for cell, _ in measured]
        known = [value for value in values if value is not None]
        draws = [drawn for _, drawn in measured if drawn is not None]
        if len(known) < len(values) or clean.auc.value is None:
            nothing = Estimate(None, reason="at some level there is no AUC")
            return nothing, nothing
        mean = float(np.mean(known))
        if len(draws) < len(values) or clean_draws is None:
            return Estimate(mean, reason=clean.auc.reason), Estimate(
                mean - clean.auc.value, reason=clean.auc.reason
            )
        drawn = np.mean(draws, axis=0)
        drop = estimate(mean - clean.auc.value, drawn - clean_draws, self.settings)
        return estimate(mean, drawn, self.settings), drop
