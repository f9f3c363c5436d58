"""What a layout of a dataset is: what a folder must hold to have it, and the videos found in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unmask.datasets.manifests import COLUMNS
from unmask.media import IMAGE_ENDINGS, VIDEO_ENDINGS

REAL = "real"
"""The method of untouched recordings."""

RESERVED = frozenset(
    (
        *COLUMNS,
        *("path", "compression", "donor", "person", "status"),
        *("frames", "crops", "detail"),
        *("video", "frame", "time", "box", "landmarks", "crop_px", "crop_profile", "confidence"),
    )
)
"""Columns of a preparation's tables that have a meaning of their own: no attribute has such a name."""


@dataclass(frozen=True)
class VideoRow:
    """One video (or image, or folder of frames) of a dataset.

    Parameters
    ----------
    path
        From the dataset's root, with slashes.
    label
        0 real, 1 fake.
    dataset
        Its name.
    method
        How it was made; "real" for recordings.
    source
        The untouched recording that its frames come from; its own name for a recording.
    donor
        Origin of the face, its expression or its voice.
    person
        Whose recording it is, where known.
    group
        What must stay on one side of a split.
    split
        Official part, empty where there is none.
    attributes
        What else is known, such as the gender or skin type of the person, one line each.

    Raises
    ------
    ValueError
        For an attribute of a name in `RESERVED`.
    """

    path: str
    label: int
    dataset: str
    method: str = ""
    compression: str = ""
    source: str = ""
    donor: str = ""
    person: str = ""
    group: str = ""
    split: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if taken := sorted(RESERVED.intersection(self.attributes)):
            raise ValueError(f"no attributes, but columns that preparation writes itself: {', '.join(taken)}")


@dataclass(frozen=True)
class Listing:
    """The videos of a dataset, and remarks for its user."""

    rows: tuple[VideoRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """One published layout.

    Parameters
    ----------
    name
        What the command line calls it.
    title
        The dataset.
    needs
        For each thing that a root must hold, the glob patterns that meet it, the usual one first.
    read
        Lists a root that holds them.
    endings
        Endings of files that are a root of their own.
    rank
        Where several layouts fit a root, the one of the lowest rank is recognised: those that ask for little come last.
    """

    name: str
    title: str
    needs: tuple[tuple[str, ...], ...]
    read: Callable[[Path], Listing]
    endings: tuple[str, ...] = ()
    rank: int = 0

    def missing(self, root: Path) -> list[str]:
        """Return what a root lacks to have this layout; empty when it has it.

        Parameters
        ----------
        root
            A folder, or the file of a table.
        """
        if root.is_file():
            return [] if root.suffix.lower() in self.endings else [patterns[0] for patterns in self.needs]
        return [patterns[0] for patterns in self.needs if not any(_holds(root, p) for p in patterns)]


def _holds(root: Path, pattern: str) -> bool:
    return next(iter(root.glob(pattern)), None) is not None


def media_below(root: Path, folder: str, images: bool = False) -> list[str]:
    """Return the videos (and images) anywhere below a folder, as sorted paths from the root.

    Parameters
    ----------
    root
        Of the dataset.
    folder
        Of the root.
    images
        Whether images count.
    """
    endings = VIDEO_ENDINGS | IMAGE_ENDINGS if images else VIDEO_ENDINGS
    return sorted(_files(root, folder, endings))


def frame_folders(root: Path, folder: str) -> list[str]:
    """Return the folders that hold images themselves, anywhere below a folder.

    Parameters
    ----------
    root
        Of the dataset.
    folder
        Of the root.
    """
    return sorted({path.rpartition("/")[0] for path in _files(root, folder, IMAGE_ENDINGS)})


def _files(root: Path, folder: str, endings: Iterable[str]) -> Iterator[str]:
    for place, _, names in os.walk(root / folder):
        below = Path(place).relative_to(root)
        yield from (
            (below / name).as_posix()
            for name in names
            if Path(name).suffix.lower() in endings and not name.startswith(".")
        )


def connected(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Group names that are linked, directly or not: each name's group is the least name in it.

    Parameters
    ----------
    pairs
        Linked names.
    """
    parent: dict[str, str] = {}

    def top(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in pairs:
        low, high = sorted((top(one), top(other)))
        parent[high] = low
    return {name: top(name) for name in list(parent)}
