"""WildDeepfake (Zi et al., ACM MM 2020): sequences of face images, unpacked from its archives.

Each archive is one video from the internet and holds one or more folders of numbered frames.
"""

from __future__ import annotations

from pathlib import Path

from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow, frame_folders

_TOP = "deepfake_in_the_wild"
_PARTS = {"real_train": 0, "real_test": 0, "fake_train": 1, "fake_test": 1}


def read(root: Path) -> Listing:
    """List folders of frames; a group is the video (archive) that they come from.

    Parameters
    ----------
    root
        Of the dataset.
    """
    top = f"{_TOP}/" if (root / _TOP).is_dir() else ""
    rows = []
    packed = 0
    for part, label in _PARTS.items():
        packed += sum(1 for _ in (root / top / part).glob("*.tar*"))
        for path in frame_folders(root, top + part):
            below = path.removeprefix(f"{top}{part}").strip("/").split("/")
            source = f"{part}/{below[0]}"
            method = "wild" if label else REAL
            split = part.partition("_")[2]
            rows.append(
                VideoRow(path, label, "WildDeepfake", method, source=source, group=source, split=split)
            )
    note = (
        f"{packed} archives (*.tar*) lie in the folders: unpack each where it lies, in a folder of its name"
    )
    return Listing(tuple(rows), (note,) if packed and not rows else ())


LAYOUTS = (
    Layout(
        "wild-deepfake", "WildDeepfake", ((*_PARTS, *(f"{_TOP}/{part}" for part in _PARTS)),), read, rank=1
    ),
)
