"""Celeb-DF, versions 1 and 2 (Li et al., CVPR 2020).

``id0_0009`` is a recording of person id0; ``id0_id16_0009`` is that recording with the face of id16.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow, media_below

TEST_LIST = "List_of_testing_videos.txt"
_FOLDERS = {"Celeb-real": 0, "YouTube-real": 0, "Youtube-real": 0, "Celeb-synthesis": 1}
_FAKE = re.compile(r"(?P<target>id\d+)_(?P<donor>id\d+)_(?P<clip>.+)$")
_REAL = re.compile(r"(?P<target>id\d+)_(?P<clip>.+)$")


def read(root: Path, dataset: str) -> Listing:
    """List both classes; the official list is the split test, all else train. Groups are the persons seen.

    Parameters
    ----------
    root
        Of the dataset.
    dataset
        Its name, which has the version.
    """
    listed = root / TEST_LIST
    test = _listed(listed) if listed.is_file() else set()
    rows = []
    for path, label in _videos(root):
        split = "" if not test else "test" if path.lower() in test else "train"
        rows.append(_row(path, label, dataset, split))
    note = f"no {TEST_LIST}: split is empty"
    return Listing(tuple(rows), () if test else (note,))


def _listed(path: Path) -> set[str]:
    """Read the lines "1 YouTube-real/00170.mp4"; the class is known from the folder."""
    words = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines())
    return {line[1].strip().lower() for line in words if len(line) == 2}


def _videos(root: Path) -> Iterator[tuple[str, int]]:
    present = {place.name for place in root.iterdir() if place.is_dir()}
    for folder, label in _FOLDERS.items():
        if folder in present:
            yield from ((path, label) for path in media_below(root, folder))


def _row(path: str, label: int, dataset: str, split: str) -> VideoRow:
    folder, stem = path.partition("/")[0], Path(path).stem
    if label and (named := _FAKE.match(stem)):
        source = f"{named['target']}_{named['clip']}"
        person, donor = named["target"], named["donor"]
    elif not label and folder == "Celeb-real" and (named := _REAL.match(stem)):
        source, person, donor = stem, named["target"], ""
    else:
        source, person, donor = f"{folder}/{stem}", "", ""
    return VideoRow(
        path,
        label,
        dataset,
        "Celeb-synthesis" if label else REAL,
        source=source,
        donor=donor,
        person=person,
        group=person or source,
        split=split,
    )


_NEEDS = (("Celeb-synthesis",), ("Celeb-real",), ("YouTube-real", "Youtube-real"))
LAYOUTS = (
    Layout("celeb-df-v2", "Celeb-DF v2", _NEEDS, partial(read, dataset="Celeb-DF-v2")),
    Layout("celeb-df-v1", "Celeb-DF v1", _NEEDS, partial(read, dataset="Celeb-DF-v1")),
)
