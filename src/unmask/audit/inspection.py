"""Inspects every file of a set once, in several threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unmask.audit.listing import FileInspection, Listing, Row
from unmask.evaluation.zero_pixel import Metadata

_AHEAD = 512


@dataclass(frozen=True, eq=False)
class InspectedSet:
    """The rows of one or two sets with what their files are, in order; `sets` names the set of each."""

    rows: Sequence[Row]
    inspections: Sequence[FileInspection]
    sets: Sequence[str]

    @cached_property
    def places(self) -> list[str]:
        """The side of a split on which each row is: its split, or `set/split` where there are two sets."""
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
        return {**self.inspections[index].facts, **self.rows[index].stated}

    @property
    def statuses(self) -> dict[str, int]:
        """Number of rows of each status."""
        return dict(Counter(one.status for one in self.inspections))

    def __add__(self, other: InspectedSet) -> InspectedSet:
        return InspectedSet(
            [*self.rows, *other.rows], [*self.inspections, *other.inspections], [*self.sets, *other.sets]
        )

    def thumbnails(self, indexes: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the thumbnails of rows that have them, (N, F, 32, 32).

        Parameters
        ----------
        indexes
            Numbers of the rows.
        """
        return np.stack([_of(self.inspections[index]) for index in indexes])


def _of(one: FileInspection) -> NDArray[np.uint8]:
    assert one.thumbnails is not None
    return one.thumbnails


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
    inspections: list[FileInspection] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="inspect") as pool:
        # In blocks: a map over all rows would queue a million tasks at once.
        for start in range(0, len(listing.rows), _AHEAD):
            block = range(start, min(start + _AHEAD, len(listing.rows)))
            for one in pool.map(listing.inspect, block):
                inspections.append(one)
                on_item()
    return InspectedSet(listing.rows, inspections, [listing.name] * len(inspections))
