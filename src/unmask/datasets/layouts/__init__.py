"""Layouts of published datasets: each turns a folder into rows of videos with what is known about them."""

from __future__ import annotations

import difflib
from pathlib import Path

from unmask.datasets.layouts import (
    celeb_df,
    deeperforensics,
    deepfake_timit,
    dfdc,
    faceforensics,
    fake_av_celeb,
    manifest,
    plain,
    uadfv,
    wild_deepfake,
)
from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow
from unmask.datasets.manifests import DatasetError

# In the order in which a folder is recognised: layouts that ask for more before those that ask for less.
LAYOUTS = {
    layout.name: layout
    for layout in (
        faceforensics.LAYOUT,
        celeb_df.LAYOUT_V2,
        celeb_df.LAYOUT_V1,
        fake_av_celeb.LAYOUT,
        deeperforensics.LAYOUT,
        deepfake_timit.LAYOUT,
        wild_deepfake.LAYOUT,
        dfdc.LAYOUT_PREVIEW,
        dfdc.LAYOUT,
        uadfv.LAYOUT,
        plain.LAYOUT,
        manifest.LAYOUT,
    )
}


def layout(name: str) -> Layout:
    """Look up a layout; raises DatasetError, which names the nearest, for an unknown one."""
    if name not in LAYOUTS:
        near = difflib.get_close_matches(name, LAYOUTS, n=1, cutoff=0.0)[0]
        raise DatasetError(f"unknown layout {name!r}; did you mean {near!r}? Known: {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def recognise(root: Path) -> Layout | None:
    """Return which layout a folder (or the file of a table) has, if any.

    The two versions of Celeb-DF are laid out alike: version 2 is answered unless the folder's name holds "v1".
    """
    fitting = [known for known in LAYOUTS.values() if not known.missing(root)]
    if celeb_df.LAYOUT_V1 in fitting and "v1" in root.resolve().name.lower():
        return celeb_df.LAYOUT_V1
    return fitting[0] if fitting else None


def list_videos(name: str, root: Path) -> Listing:
    """List the videos of a dataset on disk, in a fixed order.

    Raises
    ------
    DatasetError
        The layout is unknown, the folder has another one or lacks a part (the message says which), or holds
        no videos.
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
    """Return what the folder looks like, or where near it the wanted layout lies."""
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
