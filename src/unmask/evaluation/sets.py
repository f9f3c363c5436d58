"""What a set to evaluate on is: items with labels, each read into crops or a status."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from unmask.distortions.levels import Change
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.predictions import VideoKey
from unmask.evaluation.zero_pixel import Metadata
from unmask.report import Status

Crop = NDArray[np.uint8]


@dataclass(frozen=True)
class Item:
    """What the manifest says about one input before it is opened; the fields are those of `Prediction`.

    `attributes` holds the manifest's other columns, such as groups of people for the fairness table.
    """

    dataset: str
    method: str
    path: str
    source: str
    group: str
    label: int
    frame: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def video(self) -> VideoKey:
        """The key of the video that the item is, or is a crop of."""
        return self.dataset, self.method, self.path


@dataclass(frozen=True, eq=False)
class Reading:
    """What opening one item gave.

    Parameters
    ----------
    status
        `ok` when there is a crop to score.
    crops
        (position among the sampled frames, (S, S, 3) uint8 RGB crop) for each frame with the face.
    without_face
        Positions of the frames in which the face was not found.
    metadata
        Facts about the file, for the zero-pixel control.
    detail
        One line on what went wrong, if anything did.
    """

    status: Status
    crops: tuple[tuple[int, Crop], ...] = ()
    without_face: tuple[int, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    detail: str | None = None


class EvaluationSet(Protocol):
    """A set of labelled items; `read` may be called from several threads at once."""

    @property
    def name(self) -> str:
        """The set's name in tables."""
        ...

    @property
    def kind(self) -> Literal["crops", "videos"]:
        """What its items are."""
        ...

    @property
    def split(self) -> str | None:
        """The split taken; None where the set has none."""
        ...

    @property
    def items(self) -> Sequence[Item]:
        """Its inputs."""
        ...

    @property
    def root(self) -> Path:
        """The folder, which no report names."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of the figures has to know about the set."""
        ...

    def distorted(self, change: Change) -> EvaluationSet:
        """Return the same set seen through a distortion.

        Parameters
        ----------
        change
            The distortion.
        """
        ...

    def read(self, index: int) -> Reading:
        """Open one item; a file that cannot be read is a status, not an error.

        Parameters
        ----------
        index
            Position among the items.
        """
        ...


def choose(items: Sequence[Item], limit: int | None, seed: int) -> list[int]:
    """Draw items, as many of each class as there are, and return their positions in order.

    Parameters
    ----------
    items
        To draw from.
    limit
        Maximum number of items; None for all.
    seed
        Of the draw.

    Raises
    ------
    ValueError
        The limit is not positive.
    """
    if limit is None or limit >= len(items):
        return list(range(len(items)))
    if limit < 1:
        raise ValueError("limit must be at least 1")
    generator = random.Random(seed)  # noqa: S311 - a reproducible draw, no secret
    classes = [[i for i, item in enumerate(items) if item.label == label] for label in (0, 1)]
    for positions in classes:
        generator.shuffle(positions)
    smaller, larger = sorted(classes, key=len)
    few = min(len(smaller), limit // 2)
    return sorted(smaller[:few] + larger[: limit - few])


def choose_split(splits: Sequence[str], wanted: str | None, name: str) -> str | None:
    """Return the split to evaluate on; training data are never taken unless asked for.

    Parameters
    ----------
    splits
        Split of each row, empty where the set has none.
    wanted
        The split asked for, or None for the only one that is not for training.
    name
        The set's name, for the message.

    Raises
    ------
    EvaluationError
        The split does not exist, or several could be meant.
    """
    known = sorted(set(splits) - {""})
    if not known:
        return None
    if wanted in known:
        return wanted
    others = [split for split in known if split != "train"]
    if wanted is None and len(others) == 1:
        return others[0]
    problem = f"has no split {wanted!r}" if wanted else "needs a split"
    raise EvaluationError(f"{name} {problem}: choose one of {', '.join(known)} with --split")
