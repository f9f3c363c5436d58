"""Judges runs: AUC of each cell and its difference from the control, with intervals over groups and seeds.

A resample draws sources or groups with replacement, the same for every run, and draws seeds with replacement: a
cell's value is the mean over the drawn seeds. A difference is taken between runs of one seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from unmask.statistics.auc import auc_draws
from unmask.statistics.intervals import (
    Difference,
    Estimate,
    Settings,
    cluster_index,
    difference,
    estimate,
    too_few_clusters,
)
from unmask.statistics.metrics import Floats, auc, single_class_reason
from unmask.studies.cells import Cell
from unmask.studies.runs import Cost, Run
from unmask.training.calibrate import mean_by_video

NO_INTERVAL = "an interval needs two groups and both classes"


@dataclass(frozen=True)
class Rows:
    """What a run said of a validation set's frames or videos: labels, logits, groups (N,)."""

    labels: np.ndarray
    logits: np.ndarray
    groups: np.ndarray

    def counts(self) -> dict[str, int]:
        """Count real, fake and groups."""
        fake = int((self.labels == 1).sum())
        return {"real": len(self.labels) - fake, "fake": fake, "groups": len(np.unique(self.groups))}


@dataclass(frozen=True)
class Figure:
    """AUC of a cell on one set at one level.

    Parameters
    ----------
    auc
        Mean over seeds, with its interval.
    seeds
        Seed -> AUC.
    spread
        Standard deviation over seeds, None for one.
    difference
        From the control, over the seeds of both.
    """

    auc: Estimate
    seeds: Mapping[int, float]
    spread: float | None
    difference: Difference | None = None
    paired_seeds: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "auc": self.auc.to_dict(),
            "seeds": {str(seed): value for seed, value in self.seeds.items()},
            "spread": self.spread,
            "difference": self.difference and self.difference.to_dict(),
            "paired_seeds": self.paired_seeds,
        }


@dataclass(frozen=True)
class Judged:
    """A cell with its figures by name (`faces, frames`) and the mean cost of its runs."""

    name: str
    levels: Mapping[str, str]
    control: str | None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    cost: Cost | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.name,
            "levels": dict(self.levels),
            "control": self.control,
            "figures": {name: figure.to_dict() for name, figure in self.figures.items()},
            "cost": self.cost and asdict(self.cost),
        }


def judge(
    cells: Iterable[Cell], runs: Sequence[Run], videos: Sequence[str], settings: Settings | None = None
) -> list[Judged]:
    """Judge every cell that has a run.

    Parameters
    ----------
    cells
        Of the study.
    runs
        Finished ones.
    videos
        Names of sets whose rows are several frames of a video.
    settings
        Resamples, confidence and seed.
    """
    settings = settings or Settings()
    names = {cell.name: [run for run in runs if run.cell == cell.name] for cell in cells}
    result = []
    for cell in cells:
        mine, theirs = names[cell.name], names.get(cell.control or "", [])
        if not mine:
            continue
        figures = {
            name: _figure(name, mine, theirs, tuple(videos), settings)
            for name, rows in read_rows(mine[0].folder, videos).items()
            if single_class_reason(rows.labels) is None
        }
        result.append(Judged(cell.name, cell.levels, cell.control, figures, _mean_cost(mine)))
    return result


def read_rows(folder: Path, videos: Iterable[str] = ()) -> dict[str, Rows]:
    """Read a run's validation logits: frames of every set, and the mean logit of each video for some.

    Parameters
    ----------
    folder
        Of the run.
    videos
        Names of sets whose rows are several frames of a video.
    """
    return _read_rows(folder, tuple(videos))


@lru_cache(maxsize=1024)
def _read_rows(folder: Path, videos: tuple[str, ...]) -> dict[str, Rows]:
    with np.load(folder / "validation.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in ("set", "label", "group", "video", "logit")}
    result = {}
    for name in dict.fromkeys(arrays["set"].tolist()):
        here = arrays["set"] == name
        labels, logits, groups = (arrays[key][here] for key in ("label", "logit", "group"))
        result[f"{name}, frames"] = Rows(labels.astype(np.int64), logits.astype(np.float64), groups)
        if name in videos:
            mean, first = mean_by_video(logits, arrays["video"][here])
            result[f"{name}, videos"] = Rows(labels[first].astype(np.int64), mean, groups[first])
    return result


def _figure(
    name: str, mine: Sequence[Run], theirs: Sequence[Run], videos: tuple[str, ...], settings: Settings
) -> Figure:
    values = {run.seed: _value(run.folder, name, videos) for run in mine}
    spread = float(np.std(list(values.values()), ddof=1)) if len(values) > 1 else None
    draws = over_seeds([_draws(run.folder, name, videos, settings) for run in mine], settings)
    mean = estimate(float(np.mean(list(values.values()))), draws, settings, NO_INTERVAL)
    controls = {run.seed: run for run in theirs}
    pairs = [(run, controls[run.seed]) for run in mine if run.seed in controls]
    return Figure(mean, values, spread, _difference(name, pairs, videos, settings), len(pairs))


def _difference(
    name: str, pairs: Sequence[tuple[Run, Run]], videos: tuple[str, ...], settings: Settings
) -> Difference | None:
    values = [[_value(run.folder, name, videos) for run in pair] for pair in pairs]
    draws = [[_draws(run.folder, name, videos, settings) for run in pair] for pair in pairs]
    return paired_difference(values, draws, settings)


def paired_difference(
    values: Sequence[Sequence[float]], draws: Sequence[Sequence[Floats | None]], settings: Settings
) -> Difference | None:
    """Return the mean difference between runs of one seed, with its interval; None without such pairs.

    Parameters
    ----------
    values
        A run's and its control's, for each seed.
    draws
        (B,) likewise, under the same resamples; None where a run has none.
    settings
        Confidence and seed.
    """
    if not values:
        return None
    gaps = [None if mine is None or theirs is None else mine - theirs for mine, theirs in draws]
    mean = float(np.mean([mine - theirs for mine, theirs in values]))
    return difference(mean, over_seeds(gaps, settings), settings, NO_INTERVAL)


def over_seeds(draws: Sequence[Floats | None], settings: Settings) -> Floats | None:
    """Average resamples over seeds drawn with replacement: (B,); None where a run has none.

    Parameters
    ----------
    draws
        (B,) of each seed's run.
    settings
        Seed of the draw.
    """
    known = [each for each in draws if each is not None]
    if len(known) < len(draws):
        return None
    table = np.stack(known)
    seeds, resamples = table.shape
    chosen = np.random.default_rng([settings.seed, 1]).integers(seeds, size=(resamples, seeds))
    mean: Floats = table[chosen, np.arange(resamples)[:, None]].mean(axis=1)
    return mean


def _value(folder: Path, name: str, videos: tuple[str, ...]) -> float:
    rows = read_rows(folder, videos)[name]
    return auc(rows.labels, rows.logits)


@lru_cache(maxsize=4096)
def _draws(folder: Path, name: str, videos: tuple[str, ...], settings: Settings) -> Floats | None:
    """Return the AUC (B,) under resampled groups, the same resamples for every run of a set; None for too few."""
    rows = read_rows(folder, videos)[name]
    index = cluster_index(rows.groups, len(rows.labels))
    if too_few_clusters(index):
        return None
    return auc_draws(rows.labels, rows.logits, index, settings)


def _mean_cost(runs: Sequence[Run]) -> Cost:
    costs = [run.cost for run in runs]
    return Cost(
        costs[0].steps,
        round(float(np.mean([cost.cpu_seconds for cost in costs])), 1),
        round(float(np.mean([cost.seconds for cost in costs])), 1),
        costs[0].weights,
    )


def best_cell(judged: Iterable[Judged], figure: str | None) -> Judged | None:
    """Find the cell with a control whose mean AUC is highest.

    Parameters
    ----------
    judged
        Cells.
    figure
        By which; None: the last one.
    """
    compared = [cell for cell in judged if cell.control and cell.levels and cell.figures]
    if not compared:
        return None
    name = figure or list(compared[0].figures)[-1]
    return max(compared, key=lambda cell: cell.figures[name].auc.value or 0.0)
