"""Looks at every file of a set once, in several threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unmask.audit.listing import Listing, Look, Row
from unmask.evaluation.zero_pixel import Metadata

_AHEAD = 512


@dataclass(frozen=True, eq=False)
class InspectedSet:
    """The rows of one or two sets with what their files are, in order; `sets` names the set of each."""

    rows: Sequence[Row]
    looks: Sequence[Look]
    sets: Sequence[str]

    @cached_property
    def places(self) -> list[str]:
        """On which side of a split each row lies: its split, or `set/split` where there are two sets."""
        if len(set(self.sets)) < 2:
            return [row.split for row in self.rows]
        return [
            f"{name}/{row.split}" if row.split else name
            for name, row in zip(self.sets, self.rows, strict=True)
        ]

    def facts(self, index: int) -> Metadata:
        """Return what file and manifest state of a row.

        Parameters
        ----------
        index
            Number of the row.
        """
        return {**self.looks[index].facts, **self.rows[index].stated}

    @property
    def statuses(self) -> dict[str, int]:
        """Number of rows of each status."""
        return dict(Counter(look.status for look in self.looks))

    def __add__(self, other: InspectedSet) -> InspectedSet:
        return InspectedSet([*self.rows, *other.rows], [*self.looks, *other.looks], [*self.sets, *other.sets])

    def thumbnails(self, indexes: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the thumbnails of rows that have them, (N, F, 32, 32).

        Parameters
        ----------
        indexes
            Numbers of the rows.
        """
        return np.stack([_of(self.looks[index]) for index in indexes])


def _of(look: Look) -> NDArray[np.uint8]:
    assert look.thumbnails is not None
    return look.thumbnails


def inspect_all(listing: Listing, workers: int, on_item: Callable[[], None] = lambda: None) -> InspectedSet:
    """Inspect every file of a set.

    Parameters
    ----------
    listing
        The set.
    workers
        Number of threads.
    on_item
        Called after each file.
    """
    looks: list[Look] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="look") as pool:
        # In blocks: a map over all rows would queue a million tasks at once.
        for start in range(0, len(listing.rows), _AHEAD):
            block = range(start, min(start + _AHEAD, len(listing.rows)))
            for look in pool.map(listing.look, block):
                looks.append(look)
                on_item()
    return InspectedSet(listing.rows, looks, [listing.name] * len(looks))
