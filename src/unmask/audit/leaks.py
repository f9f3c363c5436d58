"""Names that are on both sides of a split, and rows that contradict each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from unmask.audit.inspection import InspectedSet
from unmask.audit.listing import Row


@dataclass(frozen=True)
class Leak:
    """A source, group, video or file that is where it must not be.

    Parameters
    ----------
    kind
        `source`, `group` or `video` on both sides of a split; `label`: a file labelled both ways; `file`: listed more
        than once.
    name
        What it is called.
    places
        The splits (or labels) with the number of its rows in each.
    """

    kind: str
    name: str
    places: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {"kind": self.kind, "name": self.name, "places": self.places}


def find_leaks(inspected: InspectedSet) -> list[Leak]:
    """Find what is on both sides of a split, has both labels, or is listed twice.

    A row whose split is empty is on no side.

    Parameters
    ----------
    inspected
        One or two sets.
    """
    rows, places = inspected.rows, inspected.places
    leaks = _apart("video", rows, places, lambda row: row.item.video, lambda row: row.item.path)
    leaks += _apart(
        "source", rows, places, lambda row: _named(row, row.item.source), lambda row: row.item.source
    )
    # Without groups of its own a set's groups are its sources.
    if any(row.item.group != row.item.source for row in rows):
        leaks += _apart(
            "group", rows, places, lambda row: _named(row, row.item.group), lambda row: row.item.group
        )
    # A video's key holds its method, which real ones and fakes never share: files are what can be labelled twice.
    labels = ["fake" if row.item.label else "real" for row in rows]
    leaks += _apart("label", rows, labels, lambda row: (row.item.dataset, row.file), lambda row: row.file)
    listed = Counter((name, row.file, row.item.label) for name, row in zip(inspected.sets, rows, strict=True))
    leaks += [Leak("file", file, {"rows": count}) for (_, file, _), count in listed.items() if count > 1]
    return leaks


def _named(row: Row, name: str) -> Hashable:
    return (row.item.dataset, name) if name else None


def _apart(
    kind: str,
    rows: Sequence[Row],
    places: Sequence[str],
    key: Callable[[Row], Hashable],
    name: Callable[[Row], str],
) -> list[Leak]:
    seen: defaultdict[Hashable, Counter[str]] = defaultdict(Counter)
    names: dict[Hashable, str] = {}
    for row, place in zip(rows, places, strict=True):
        what = key(row)
        if what is not None and place:
            seen[what][place] += 1
            names[what] = name(row)
    return [Leak(kind, names[what], dict(where)) for what, where in seen.items() if len(where) > 1]
