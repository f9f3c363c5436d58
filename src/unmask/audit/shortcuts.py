"""Facts of files that separate real from fake: a detector could learn them instead of faces.

Each fact alone is held against the label by its AUC, with a bootstrap interval over clusters. That one of many facts
stands out by chance is accounted for by permuting labels: the largest statistic of all facts under each permutation
is what a fact has to beat (Westfall and Young's maxT).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from unmask.audit.columns import Column, Fact, columns_of, fact_order
from unmask.audit.units import Units
from unmask.evaluation.zero_pixel import LEAK
from unmask.statistics.intervals import (
    Estimate,
    Settings,
    cluster_index,
    estimate,
    item_counts,
    too_few_clusters,
)
from unmask.statistics.metrics import Floats, UndefinedMetricError, single_class_reason
from unmask.statistics.weighted import RankingMetrics, auc_of_labellings

PERMUTATIONS = 999
#: Adjusted p values from here on are chance.
ALPHA = 0.05
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class FactAUC(Fact):
    """How well one fact separates real from fake.

    Parameters
    ----------
    auc
        At least 0.5, whichever way round.
    higher_in
        `fake` or `real`: the class in which the fact is larger, or the value more frequent.
    p
        Adjusted for all facts that were tried.
    """

    auc: Estimate
    higher_in: str
    p: float

    @property
    def is_shortcut(self) -> bool:
        """Whether it is significant, and its interval is over `zero_pixel.LEAK` as a whole."""
        return self.p < ALPHA and self.auc.low is not None and self.auc.low > LEAK

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "fact": self.fact,
            "value": self.value,
            "auc": self.auc.to_dict(),
            "higher_in": self.higher_in,
            "p": self.p,
            "shortcut": self.is_shortcut,
        }


def facts_by_auc(units: Units, settings: Settings) -> list[FactAUC]:
    """Rank the facts of videos by how well each alone separates real from fake, best first.

    Parameters
    ----------
    units
        The videos.
    settings
        Resamples, confidence and seed.

    Raises
    ------
    UndefinedMetricError
        There is only one class.
    """
    if not len(units):
        raise UndefinedMetricError("no readable item")
    if reason := single_class_reason(units.labels):
        raise UndefinedMetricError(reason)
    columns = columns_of(units.facts)
    if not columns:
        return []
    index = cluster_index(units.clusters, len(units))
    ranked = rankdata([column.values for column in columns], axis=1).T
    observed = auc_of_labellings(ranked, units.labels[None].astype(np.float64))[0]
    p = _adjusted_p(ranked, observed, units.labels, index, settings.seed)
    best = _best_of_each(columns, np.abs(observed - 0.5), p)
    chosen = [columns[n] for n in best]
    signs = np.where(observed[best] >= 0.5, 1.0, -1.0)
    intervals = _intervals(chosen, signs, units.labels, index, settings)
    facts = [
        FactAUC(column.fact, column.value, interval, "fake" if sign > 0 else "real", float(p[n]))
        for n, column, interval, sign in zip(best, chosen, intervals, signs, strict=True)
    ]
    # Equal figures, such as those of a quality and of the tables that it gives, stand in the order of causes.
    return sorted(facts, key=lambda fact: (-round(fact.auc.value or 0.5, 3), fact_order(fact.fact)))


def _best_of_each(columns: Sequence[Column], apart: Floats, p: Floats) -> list[int]:
    """Choose each fact's most predictive column, the order rather than a value where both are equal."""
    best: dict[str, int] = {}
    for n, column in enumerate(columns):
        other = best.get(column.fact)
        if other is None or round(apart[n] - apart[other], 6) > 0:
            best[column.fact] = n
    return list(best.values())


def _adjusted_p(
    ranked: Floats, observed: Floats, labels: NDArray[np.int64], index: NDArray[np.int64], seed: int
) -> Floats:
    """P (M,) of each column: the share of permutations in which the most extreme of all columns beats it."""
    draws = np.concatenate([auc_of_labellings(ranked, block) for block in _permuted(labels, index, seed)])
    draws = draws[np.isfinite(draws).all(axis=1)]
    centre, spread = draws.mean(axis=0), draws.std(axis=0)
    # A column that no permutation changes separates nothing.
    spread = np.where(spread > 1e-12, spread, np.inf)
    largest = (np.abs(draws - centre) / spread).max(axis=1)
    ours = np.abs(observed - centre) / spread
    p: Floats = ((largest[:, None] >= ours - 1e-9).sum(axis=0) + 1) / (len(draws) + 1)
    return p


def _permuted(labels: NDArray[np.int64], index: NDArray[np.int64], seed: int) -> Iterator[Floats]:
    """Yield blocks (b, N) of labels permuted within clusters that hold both, and over clusters that hold one.

    Real and fake of one source share its facts, so a fake is exchanged with its own source's real ones; a source with
    one label keeps its items together.
    """
    random = np.random.default_rng(seed)
    size = np.bincount(index)
    fakes = np.bincount(index, weights=labels).astype(np.int64)
    mixed = (fakes > 0) & (fakes < size)
    inside = np.flatnonzero(mixed[index])
    inside = inside[np.argsort(index[inside], kind="stable")]
    pure = np.flatnonzero(~mixed)
    outside = np.flatnonzero(~mixed[index])
    place = np.searchsorted(pure, index[outside])
    block = max(1, _AT_ONCE // len(labels))
    for start in range(0, PERMUTATIONS, block):
        drawn = np.tile(labels.astype(np.float64), (min(block, PERMUTATIONS - start), 1))
        for row in drawn:
            order = np.lexsort((random.random(len(inside)), index[inside]))
            row[inside] = labels[inside[order]]
            row[outside] = (fakes[pure] > 0)[random.permutation(len(pure))][place]
        yield drawn


def _intervals(
    columns: Sequence[Column],
    signs: Floats,
    labels: NDArray[np.int64],
    index: NDArray[np.int64],
    settings: Settings,
) -> list[Estimate]:
    metrics = [
        RankingMetrics(labels, sign * column.values) for column, sign in zip(columns, signs, strict=True)
    ]
    ones = np.ones((1, len(labels)))
    values = [float(metric.auc(ones)[0]) for metric in metrics]
    too_few = too_few_clusters(index)
    if too_few:
        return [estimate(value, None, settings, too_few) for value in values]
    blocks = [[metric.auc(counts) for metric in metrics] for counts in item_counts(index, settings)]
    draws = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    return [estimate(value, drawn, settings) for value, drawn in zip(values, draws, strict=True)]
