"""Videos as what facts and decisions are compared over: crops of one video are no independent evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.audit.inspection import InspectedSet
from unmask.evaluation.zero_pixel import Metadata


@dataclass(frozen=True, eq=False)
class Units:
    """The videos that facts are compared over: (N,) labels and clusters, facts, and the rows of each."""

    labels: NDArray[np.int64]
    clusters: NDArray[np.str_]
    facts: Sequence[Metadata]
    rows: Sequence[Sequence[int]]

    def __len__(self) -> int:
        return len(self.labels)


def merged(facts: Sequence[Metadata]) -> Metadata:
    """Merge the facts of a video's crops: medians of numbers, the most frequent word.

    Parameters
    ----------
    facts
        Of each crop.
    """
    if len(facts) == 1:
        return facts[0]
    return {name: _middle([row.get(name) for row in facts]) for name in {key for row in facts for key in row}}


def _middle(values: Sequence[float | str | None]) -> float | str | None:
    numbers = [value for value in values if value is not None and not isinstance(value, str)]
    if numbers:
        return float(np.median(numbers))
    words = Counter(value for value in values if isinstance(value, str))
    return min(words, key=lambda word: (-words[word], word)) if words else None


def units_of(inspected: InspectedSet, chosen: Iterable[int]) -> Units:
    """Merge readable rows into videos.

    Parameters
    ----------
    inspected
        The set.
    chosen
        Numbers of rows.
    """
    videos: defaultdict[object, list[int]] = defaultdict(list)
    for index in chosen:
        if inspected.inspections[index].status == "ok":
            videos[inspected.rows[index].item.video].append(index)
    rows = list(videos.values())
    return Units(
        np.array([inspected.rows[indexes[0]].item.label for indexes in rows], dtype=np.int64),
        np.array([inspected.rows[indexes[0]].cluster for indexes in rows], dtype=np.str_),
        [merged([inspected.facts(index) for index in indexes]) for indexes in rows],
        rows,
    )
