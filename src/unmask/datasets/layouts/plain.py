"""A plain folder: ``real/`` and ``fake/``, or the two within ``train/``, ``val/`` and ``test/``."""

from __future__ import annotations

from pathlib import Path

from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow, media_below

_SPLITS = ("", "train", "val", "test")


def read(root: Path) -> Listing:
    """List videos and images; a folder below ``fake/`` names the method, a file's name its source.

    Parameters
    ----------
    root
        Of the dataset.
    """
    rows = []
    for split in _SPLITS:
        for label, folder in enumerate(("real", "fake")):
            top = f"{split}/{folder}" if split else folder
            rows += [_row(path, label, top, split, root) for path in media_below(root, top, images=True)]
    return Listing(tuple(rows))


def _row(path: str, label: int, top: str, split: str, root: Path) -> VideoRow:
    below = path.removeprefix(f"{top}/")
    method, source = below.rpartition("/")[0], below.rpartition(".")[0]
    return VideoRow(
        path,
        label,
        root.resolve().name,
        (method or "fake") if label else REAL,
        source=source,
        group=source,
        split=split,
    )


LAYOUTS = (Layout("folder", "real/ and fake/", (("real", "*/real"), ("fake", "*/fake")), read, rank=4),)
