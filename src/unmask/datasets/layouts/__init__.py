"""Layouts of published datasets: each turns a folder into rows of videos with what is known about them.

A layout is a file of this folder that has a tuple ``LAYOUTS``; it is found by being there.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow
from unmask.datasets.manifests import DatasetError


def _found() -> dict[str, Layout]:
    """Return the layouts of all files of this folder by name, in the order in which a folder is recognised."""
    files = sorted(module.name for module in iter_modules(__path__))
    layouts = [one for file in files for one in getattr(import_module(f"{__name__}.{file}"), "LAYOUTS", ())]
    return {one.name: one for one in sorted(layouts, key=lambda one: one.rank)}


LAYOUTS = _found()


def layout(name: str) -> Layout:
    """Return a layout by its name.

    Parameters
    ----------
    name
        In `LAYOUTS`.

    Raises
    ------
    DatasetError
        For an unknown name; it names the nearest.
    """
    if name not in LAYOUTS:
        near = difflib.get_close_matches(name, LAYOUTS, n=1, cutoff=0.0)[0]
        raise DatasetError(f"unknown layout {name!r}; did you mean {near!r}? Known: {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def recognise(root: Path) -> Layout | None:
    """Return which layout a folder (or the file of a table) has, if any.

    The two versions of Celeb-DF are laid out alike: version 2 is answered unless the folder's name holds "v1".

    Parameters
    ----------
    root
        A folder, or the file of a table.
    """
    fitting = [known for known in LAYOUTS.values() if not known.missing(root)]
    first = LAYOUTS["celeb-df-v1"]
    if first in fitting and "v1" in root.resolve().name.lower():
        return first
    return fitting[0] if fitting else None


def list_videos(name: str, root: Path) -> Listing:
    """List the videos of a dataset on disk, in a fixed order.

    Parameters
    ----------
    name
        Of the layout.
    root
        Of the dataset.

    Raises
    ------
    DatasetError
        The layout is unknown, the folder has another one or lacks a part (the message says which), or holds no
        videos.
    """
    chosen = layout(name)
    if not root.exists():
        raise DatasetError(f"{root}: no such file or folder")
    if missing := chosen.missing(root):
        lacks = f"{root} is not laid out as {name}: no {', no '.join(missing)}"
        raise DatasetError(f"{lacks}; {_advice(root, chosen)}")
    listing = chosen.read(root)
    if not listing.rows:
        raise DatasetError(f"{root}: no videos found; {' '.join(listing.notes) or 'the folders are empty'}")
    for row in listing.rows:
        if any("\ud800" <= character <= "\udfff" for character in row.path):
            raise DatasetError(f"{root}: rename {row.path!a}: a manifest cannot hold this name")
    return listing


def _advice(root: Path, wanted: Layout) -> str:
    """Return which layout the folder has, or where near it the wanted one is."""
    if other := recognise(root):
        return f"it looks like {other.name} ({other.title})"
    beside = sorted(place for place in root.iterdir() if place.is_dir()) if root.is_dir() else []
    for place in [*beside[:100], root.resolve().parent, root.resolve().parent.parent]:
        if place.parent != place and not wanted.missing(place):
            return f"did you mean {place}?"
    for place in beside[:100]:
        if other := recognise(place):
            return f"{place} looks like {other.name} ({other.title})"
    return "it looks like none of the known layouts (docs/datasets.md shows them)"


__all__ = ["LAYOUTS", "REAL", "Layout", "Listing", "VideoRow", "layout", "list_videos", "recognise"]
