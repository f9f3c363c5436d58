"""Thresholds from real items alone that hold a rate of false positives: split conformal prediction.

If the next real item comes from the same source as the n calibration items (they are exchangeable), the probability
that it scores above the k-th lowest of them is at most (n + 1 - k) / (n + 1), whatever the distribution of scores
(Vovk et al. 2005; Lei et al. 2018). The promise is over the draw of the calibration items too: with these n items
given, the rate itself is distributed as Beta(n + 1 - k, k) (Vovk 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta

from unmask.statistics.metrics import Floats

LEVEL = 0.90
"""Of the interval of the rate."""


class TooFewItemsError(ValueError):
    """There are too few items for the wished rate; the message says what they allow."""


@dataclass(frozen=True)
class ConformalThreshold:
    """A threshold and what it promises of real items like those that it was fixed on.

    Parameters
    ----------
    rate
        Wished rate of false positives, in (0, 1).
    threshold
        Items that score at or above it are called fake.
    promised
        Upper bound of the probability that the next real item scores so, at most the rate.
    low, high
        90 % interval of the rate itself, given the calibration items.
    items
        Number of scores, one for each group.
    """

    rate: float
    threshold: float
    promised: float
    low: float
    high: float
    items: int


def least_rate(items: int) -> float:
    """Return the least rate that can be promised, 1 / (n + 1).

    Parameters
    ----------
    items
        Their number n.
    """
    return 1 / (items + 1)


def items_needed(rate: float) -> int:
    """Return the least number of items that can promise a rate.

    Parameters
    ----------
    rate
        In (0, 1).
    """
    return math.ceil(1 / rate - 1 - 1e-9)


def bound_in_words(items: int) -> str:
    """Return what a number of files allows: ``with 40 files no rate below 2.4 % can be promised``.

    The percentage has two digits and is rounded down, so that what it says is true.

    Parameters
    ----------
    items
        Their number.
    """
    exact = 100 * least_rate(items)
    unit = 10.0 ** (math.floor(math.log10(exact)) - 1)
    percent = math.floor(exact / unit + 1e-9) * unit
    files = "1 file" if items == 1 else f"{items:,} files"
    return f"with {files} no rate below {percent:g} % can be promised"


def conformal_threshold(
    scores: ArrayLike, rate: float, groups: ArrayLike | None = None
) -> ConformalThreshold:
    """Return the lowest threshold that promises a rate of false positives.

    Parameters
    ----------
    scores
        (N,) finite scores of real items, higher is more fake.
    rate
        In (0, 1).
    groups
        (N,) group of each item, of which only the highest score counts: the rate is then that of groups in which some
        item is called fake. None: each item by itself.

    Raises
    ------
    TooFewItemsError
        So few items cannot promise the rate.
    ValueError
        A score is not finite, or the rate not in (0, 1).
    """
    values = _highest_of_groups(scores, groups)
    if not 0 < rate < 1:
        raise ValueError(f"a rate of false positives must lie between 0 and 1, not {rate:g}")
    count = len(values)
    if count < items_needed(rate):
        raise TooFewItemsError(
            f"{bound_in_words(count)}; {100 * rate:g} % needs at least {items_needed(rate):,}"
        )
    place = math.ceil(
        (1 - rate) * (count + 1) - 1e-9
    )  # 1-based; 0.95 * 200 must not become 190.00000000000003.
    above = count + 1 - place
    low, high = beta.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], above, place)
    # At the threshold itself an item is called fake, so it lies just above the score.
    threshold = float(np.nextafter(np.sort(values)[place - 1], np.inf))
    return ConformalThreshold(rate, threshold, above / (count + 1), float(low), float(high), count)


def _highest_of_groups(scores: ArrayLike, groups: ArrayLike | None = None) -> Floats:
    """Return the highest score of each group, (G,) in the order of their sorted names; without groups all scores."""
    values = np.asarray(scores, np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("scores must be (N,) and finite")
    if groups is None:
        return values
    index = np.unique(np.asarray(groups), return_inverse=True)[1]
    if len(index) != len(values):
        raise ValueError(f"{len(values)} scores need as many groups, not {len(index)}")
    highest = np.full(int(index.max()) + 1 if len(index) else 0, -np.inf)
    np.maximum.at(highest, index, values)
    return highest
