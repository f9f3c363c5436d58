"""The zero-pixel control: how well a file's metadata alone tells real from fake.

Whatever a logistic regression on size, bytes, bitrate, codec, duration and JPEG quality reaches was not seen in a
face. Where it scores high, the set leaks, and a detector's figure on it says little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.statistics.auc import auc_estimate
from unmask.statistics.intervals import Estimate, Settings
from unmask.statistics.metrics import Floats

#: Facts about a file: numbers, words (codecs), or None where unknown.
Metadata = Mapping[str, float | str | None]

FOLDS = 5
#: From this lower bound on, metadata alone tell more than chance would.
LEAK = 0.6

_STANDARD_LUMINANCE_SUM = 3688


@dataclass(frozen=True)
class Control:
    """AUC of metadata alone with its interval, and the facts that it had."""

    auc: Estimate
    features: tuple[str, ...]

    @property
    def leaks(self) -> bool:
        """Whether the interval lies over `LEAK` as a whole."""
        return self.auc.low is not None and self.auc.low > LEAK

    def to_dict(self) -> dict[str, object]:
        """Return the fields as plain values."""
        return {"auc": self.auc.to_dict(), "features": list(self.features), "leaks": self.leaks}


def jpeg_quality(luminance: Sequence[int]) -> float:
    """Estimate the quality 1 .. 100 of a JPEG by IJG's scaling rule.

    Parameters
    ----------
    luminance
        The 64 steps of its luminance table.
    """
    percent = 100 * sum(luminance) / _STANDARD_LUMINANCE_SUM
    return float(np.clip((200 - percent) / 2 if percent <= 100 else 5000 / percent, 1, 100))


def zero_pixel_control(
    labels: NDArray[np.int64],
    metadata: Sequence[Metadata],
    clusters: NDArray[np.str_],
    settings: Settings | None = None,
) -> Control:
    """Cross-validate a logistic regression on metadata, no cluster on both sides.

    Parameters
    ----------
    labels
        (N,) 0 real or 1 fake.
    metadata
        N mappings from fact to number, word or None.
    clusters
        (N,) source or group of each item.
    settings
        Resamples, confidence and seed; the seed also draws the folds.
    """
    settings = settings or Settings()
    columns, features = _matrix(metadata)
    folds = _folds(labels, clusters)
    if not features:
        return Control(Estimate(None, reason="no fact differs between the items"), ())
    if folds < 2:
        return Control(Estimate(None, reason="needs two sources or groups of each class"), features)
    decisions = _out_of_fold(labels, columns, clusters, folds, settings.seed)
    return Control(auc_estimate(labels, decisions, clusters, settings), features)


def _folds(labels: NDArray[np.int64], clusters: NDArray[np.str_]) -> int:
    """Return as many folds as there are clusters that hold the rarer class, at most `FOLDS`."""
    return min(FOLDS, *(len(np.unique(clusters[labels == label])) for label in (0, 1)))


def _out_of_fold(
    labels: NDArray[np.int64], columns: Floats, clusters: NDArray[np.str_], folds: int, seed: int
) -> Floats:
    # Balanced weights: otherwise a fold's intercept follows the share of fakes in the others, and ranks
    # its items against theirs the wrong way round.
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    decisions = np.zeros(len(labels))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for train, held_out in splitter.split(columns, labels, clusters):
        if len(np.unique(labels[train])) == 2:
            decisions[held_out] = model.fit(columns[train], labels[train]).decision_function(
                columns[held_out]
            )
    return decisions


def _matrix(metadata: Sequence[Metadata]) -> tuple[Floats, tuple[str, ...]]:
    """Facts as columns that differ: logarithms of numbers, indicators of words and of what is missing."""
    columns: list[Floats] = []
    used: list[str] = []
    for fact in sorted({name for row in metadata for name in row}):
        differing = [column for column in _columns([row.get(fact) for row in metadata]) if np.ptp(column) > 0]
        if differing:
            used.append(fact)
            columns += differing
    return np.stack(columns, axis=1) if columns else np.zeros((len(metadata), 0)), tuple(used)


def _columns(values: Sequence[float | str | None]) -> list[Floats]:
    words = sorted({value for value in values if isinstance(value, str)})
    columns = [np.array([value == word for value in values], dtype=np.float64) for word in words]
    numbers = np.array([np.nan if value is None or isinstance(value, str) else value for value in values])
    known = np.isfinite(numbers)
    if known.any():
        logarithms = np.log1p(np.maximum(numbers, 0))
        columns.append(np.where(known, logarithms, logarithms[known].mean()))
    columns.append(np.array([value is None for value in values], dtype=np.float64))
    return columns
