"""UADFV (Yang, Li and Lyu, ICASSP 2019): ``real/0000.mp4`` beside ``fake/0000_fake.mp4``."""

from __future__ import annotations

from pathlib import Path

from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow, media_below

_MARK = "_fake"


def read(root: Path) -> Listing:
    """List both classes; a group is a recording with its fake. There is no official split.

    Parameters
    ----------
    root
        Of the dataset.
    """
    rows = []
    for label, folder in enumerate(("real", "fake")):
        for path in media_below(root, folder):
            source = Path(path).stem.removesuffix(_MARK)
            method = "FakeApp" if label else REAL
            rows.append(VideoRow(path, label, "UADFV", method, source=source, group=source))
    return Listing(tuple(rows))


LAYOUTS = (Layout("uadfv", "UADFV", (("real",), (f"fake/*{_MARK}.*",)), read, rank=3),)
