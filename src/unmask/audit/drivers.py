"""What drives a detector's decisions on a set: facts of the files, and training crops.

After Pezeshkpour, Jain, Singh and Wallace, arXiv 2107.00323: instance attribution (which training examples a
prediction rests on) joined with feature attribution (which features these share with it). Here the instances are the
nearest training crops in the last hidden layer and those with the most similar gradient there, and the features are
facts of the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import rankdata

from unmask.audit.columns import Fact, columns_of, fact_order, fewer_words
from unmask.audit.latents import Latents
from unmask.audit.units import Units
from unmask.evaluation.zero_pixel import Metadata
from unmask.statistics.intervals import (
    Estimate,
    Settings,
    cluster_counts,
    cluster_index,
    estimate,
    too_few_clusters,
)
from unmask.statistics.metrics import Floats

#: Training crops that a decision is said to rest on.
NEIGHBOURS = 10
FLIPS = 1999
INFLUENTIAL = 10  # Training crops that are named.
ALPHA = 0.05
#: A fact whose correlation with the logit lies over this as a whole, at the same label, is worth attention.
PULL = 0.3
#: Facts that are numbers are compared by which of so many equally full ranges they are in.
RANGES = 8


@dataclass(frozen=True)
class FactCorrelation(Fact):
    """How a detector's logit follows a fact among items with the same label.

    `pull` is a rank correlation in [-1, 1], positive where a larger value (or having `value`) makes the detector say
    fake; `p` is adjusted for all facts that were tried. `nearest` and `gradient` are the shares of the training crops
    that decisions rest on which have the fact in common with them, each minus the share that any training crop has.
    """

    pull: Estimate
    p: float
    nearest: Estimate | None = None
    gradient: Estimate | None = None

    @property
    def drives(self) -> bool:
        """Whether it is significant, and the interval is beyond `PULL` as a whole."""
        low, high = self.pull.low, self.pull.high
        return self.p < ALPHA and low is not None and high is not None and max(low, -high) > PULL

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "fact": self.fact,
            "value": self.value,
            "pull": self.pull.to_dict(),
            "p": self.p,
            "drives": self.drives,
            "nearest": self.nearest.to_dict() if self.nearest else None,
            "gradient": self.gradient.to_dict() if self.gradient else None,
        }


@dataclass(frozen=True)
class InfluentialCrop:
    """A training crop that decisions rest on.

    `gradient_share` is its part of all support that decisions get from training crops; `decisions` counts those that
    have it among their `NEIGHBOURS` nearest by gradient.
    """

    file: str
    label: int
    probability: float
    gradient_share: float
    decisions: int
    facts: Metadata

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {**self.__dict__, "label": "fake" if self.label else "real", "facts": dict(self.facts)}


@dataclass(frozen=True, eq=False)
class Training:
    """Training crops that were run through the detector: files, labels (N,), facts and latents."""

    files: Sequence[str]
    labels: NDArray[np.int64]
    facts: Sequence[Metadata]
    latents: Latents


def correlations(units: Units, logits: NDArray[np.floating], settings: Settings) -> list[FactCorrelation]:
    """Rank facts by how the logit of videos follows them among videos of the same label, strongest first.

    The p values come from flipping the sign of whole clusters' contributions, each fact being compared with the largest
    statistic of all facts.

    Parameters
    ----------
    units
        N videos.
    logits
        (N,).
    settings
        Resamples and seed.
    """
    columns = columns_of(units.facts)
    if not columns or len(units) < 2:
        return []
    index = cluster_index(units.clusters, len(units))
    y = _within(np.asarray(logits, np.float64), units.labels)
    x = np.stack([_within(column.values, units.labels) for column in columns], axis=1)
    usable = (x != 0).any(axis=0)
    columns, x = [column for column, keep in zip(columns, usable, strict=True) if keep], x[:, usable]
    if not columns or not y.any():
        return []
    together, squares = _summed(x * y[:, None], index), _summed(x**2, index)
    own = _summed(y[:, None] ** 2, index)
    value = together.sum(0) / np.sqrt(squares.sum(0) * own.sum(0))
    p = _flipped_p(together, settings.seed)
    too_few = too_few_clusters(index)
    draws = None if too_few else _correlations(together, squares, own, settings)
    best: dict[str, FactCorrelation] = {}
    for n, column in enumerate(columns):
        figure = estimate(float(value[n]), None if draws is None else draws[:, n], settings, too_few)
        other = best.get(column.fact)
        if other is None or round(abs(value[n]) - abs(other.pull.value or 0), 6) > 0:
            best[column.fact] = FactCorrelation(column.fact, column.value, figure, float(p[n]))
    return sorted(
        best.values(), key=lambda fact: (-round(abs(fact.pull.value or 0), 3), fact_order(fact.fact))
    )


def _within(values: Floats, labels: NDArray[np.int64]) -> Floats:
    """Ranks of values (N,) within their label, centred, over the largest possible: in [-0.5, 0.5]."""
    centred = np.zeros(len(values))
    for label in np.unique(labels):
        here = labels == label
        centred[here] = (rankdata(values[here]) - (here.sum() + 1) / 2) / max(1, here.sum() - 1)
    return centred


def _summed(values: Floats, index: NDArray[np.int64]) -> Floats:
    """Sum to (C, M) the values (N, M) over clusters."""
    return np.stack([np.bincount(index, weights=column) for column in values.T], axis=1)


def _flipped_p(sums: Floats, seed: int) -> Floats:
    """P (M,) that the clusters' sums (C, M) are about zero, adjusted for M by the largest statistic."""
    spread = np.sqrt((sums**2).sum(axis=0))
    scaled = sums / np.where(spread > 0, spread, 1)
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(FLIPS, len(sums)))
    largest = np.abs(signs @ scaled).max(axis=1)
    ours = np.abs(scaled.sum(axis=0))
    p: Floats = ((largest[:, None] >= ours - 1e-9).sum(axis=0) + 1) / (FLIPS + 1)
    return p


def _correlations(together: Floats, squares: Floats, own: Floats, settings: Settings) -> Floats:
    """Correlations (B, M) in resamples of clusters."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.concatenate(
            [
                (counts @ together) / np.sqrt((counts @ squares) * (counts @ own))
                for counts in cluster_counts(len(together), settings)
            ]
        )


def similarities(latents: Latents, training: Training) -> tuple[Floats, Floats]:
    """Compare decisions with training crops: cosine of hidden layers, and support by gradient, (N, T) each.

    The cosine is taken about the training crops' mean. Support is how much a step on the training crop moves the
    decision's logit to the side on which it is: s (y' - p') (<h, h'> + 1), s being 1 for fake and -1 for real.

    Parameters
    ----------
    latents
        Of N decisions.
    training
        T crops.
    """
    mean = training.latents.hidden.mean(axis=0)
    ours, theirs = _unit(latents.hidden - mean), _unit(training.latents.hidden - mean)
    sides = np.where(latents.logits > 0, 1.0, -1.0)[:, None]
    residual = training.labels - expit(training.latents.logits.astype(np.float64))
    inner = latents.hidden.astype(np.float64) @ training.latents.hidden.T.astype(np.float64) + 1
    return (ours @ theirs.T).astype(np.float64), sides * residual * inner


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    units: NDArray[np.floating] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return units


def top(similarity: Floats) -> NDArray[np.int64]:
    """Return the numbers (N, K) of the training crops that each decision rests on most.

    Parameters
    ----------
    similarity
        (N, T).
    """
    count = min(NEIGHBOURS, similarity.shape[1])
    return np.argsort(-similarity, axis=1, kind="stable")[:, :count]


def influences(gradient: Floats, training: Training) -> list[InfluentialCrop]:
    """Return the training crops from which the decisions together get most support.

    Parameters
    ----------
    gradient
        (N, T) support of `similarities`.
    training
        T crops.
    """
    support = np.maximum(gradient, 0).sum(axis=0)
    decisions = np.bincount(top(gradient).ravel(), minlength=len(support))
    probability = expit(training.latents.logits.astype(np.float64))
    total = max(support.sum(), 1e-12)
    return [
        InfluentialCrop(
            training.files[n],
            int(training.labels[n]),
            float(probability[n]),
            float(support[n] / total),
            int(decisions[n]),
            training.facts[n],
        )
        for n in np.argsort(-support, kind="stable")[:INFLUENTIAL]
    ]


def shared_facts(
    facts: Sequence[Metadata],
    clusters: NDArray[np.str_],
    neighbours: NDArray[np.int64],
    training: Training,
    settings: Settings,
) -> dict[str, Estimate]:
    """Return for each fact how much more often decisions share it with their neighbours than with any training crop.

    Facts are the same where words are, and where numbers are in the same of `RANGES` ranges.

    Parameters
    ----------
    facts
        Of N decisions.
    clusters
        (N,) cluster of each.
    neighbours
        (N, K) of `top`.
    training
        T crops.
    settings
        Resamples, confidence and seed.

    Returns
    -------
    dict
        By fact, a difference of shares in [-1, 1].
    """
    merged = fewer_words([*facts, *training.facts])
    shared = {}
    for name in sorted({key for row in merged for key in row}, key=fact_order):
        codes = _codes([row.get(name) for row in merged])
        ours, theirs = codes[: len(facts)], codes[len(facts) :]
        if len(np.unique(codes)) < 2:
            continue
        frequency = np.bincount(theirs, minlength=codes.max() + 1) / len(theirs)
        more = (theirs[neighbours] == ours[:, None]).mean(axis=1) - frequency[ours]
        shared[name] = mean_over_clusters(more, clusters, settings)
    return shared


def mean_over_clusters(values: Floats, clusters: NDArray[np.str_], settings: Settings) -> Estimate:
    """Estimate a mean, whole clusters being drawn.

    Parameters
    ----------
    values
        (N,).
    clusters
        (N,) cluster of each.
    settings
        Resamples, confidence and seed.
    """
    index = cluster_index(clusters, len(values))
    if too_few := too_few_clusters(index):
        return Estimate(float(values.mean()), reason=too_few)
    totals, sizes = np.bincount(index, weights=values), np.bincount(index)
    draws = [counts @ totals / (counts @ sizes) for counts in cluster_counts(len(sizes), settings)]
    return estimate(float(values.mean()), np.concatenate(draws), settings)


def _codes(values: Sequence[float | str | None]) -> NDArray[np.int64]:
    """Return each kind of value a number: words, ranges of numbers, and the unknown."""
    numbers = np.array([np.nan if value is None or isinstance(value, str) else value for value in values])
    known = np.isfinite(numbers)
    few = np.unique(numbers[known])
    if len(few) > RANGES:
        few = np.unique(np.quantile(numbers[known], np.linspace(0, 1, RANGES + 1)[1:-1]))
        numbers = np.searchsorted(few, numbers, side="right").astype(np.float64)
    words = [
        value if isinstance(value, str) else f"{number}" if seen else ""
        for value, number, seen in zip(values, numbers, known, strict=True)
    ]
    return np.unique(np.array(words), return_inverse=True)[1].astype(np.int64)
