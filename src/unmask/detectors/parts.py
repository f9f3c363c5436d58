"""Parts of the face on the map that a detector reads: where each lies, and whether it can be seen.

A part is found by a linear filter of tokens, learned without labels on real faces (after PARTICUL, arXiv 2206.13304;
`unmask.training.part_filters`). It lies where its filter answers most, and can be seen as far as that answer is usual
on real faces. Names are given once, by the landmarks that lie nearest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.detectors.companions import Companion
from unmask.detectors.derived import PartsOfFace
from unmask.detectors.errors import DetectorError

PARTS_NAME = "parts.npz"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FacePart:
    """One part of a face on a crop.

    Parameters
    ----------
    name
        In plain words; left and right as the picture shows them.
    x, y
        Where it lies, from the left and the top, in sides of the crop.
    visible
        Confidence in [0, 1] that it can be seen: 0.5 for the mean answer on real faces.
    """

    name: str
    x: float
    y: float
    visible: float


@dataclass(frozen=True, eq=False)
class PartFilters:
    """Filters of P parts.

    Parameters
    ----------
    kernel
        (C, P) float32, on a token's last C channels.
    bias
        (P,).
    mean, deviation
        (P,) of each filter's largest answer on a real face.
    names
        P names; several parts may share one.
    """

    kernel: Floats
    bias: Floats
    mean: Floats
    deviation: Floats
    names: tuple[str, ...]

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> PartFilters:
        """Return the filters that `save` wrote.

        Parameters
        ----------
        arrays
            By their names in the file.

        Raises
        ------
        DetectorError
            When one is missing, or their shapes do not fit together.
        """
        try:
            kernel, bias, mean, deviation = (
                arrays[name].astype(np.float32) for name in ("kernel", "bias", "mean", "deviation")
            )
            names = tuple(str(name) for name in arrays["names"])
        except (KeyError, ValueError) as error:
            raise DetectorError(f"{PARTS_NAME} cannot be read: {error}") from None
        shapes = {kernel.shape[1:], bias.shape, mean.shape, deviation.shape, (len(names),)}
        if kernel.ndim != 2 or len(shapes) > 1:
            raise DetectorError(f"{PARTS_NAME} holds filters of different shapes")
        return cls(kernel, bias, mean, deviation, names)

    def activations(self, tokens: npt.NDArray[np.floating]) -> Floats:
        """Return the filters' answers (..., places, P) float32.

        Parameters
        ----------
        tokens
            (..., places, channels).
        """
        read = tokens[..., -len(self.kernel) :].astype(np.float32, copy=False)
        answers: Floats = read @ self.kernel + self.bias
        return answers

    def places(self, answers: Floats) -> Floats:
        """Return where parts lie, (N, P, 2) float32: x and y in sides of the crop.

        Parameters
        ----------
        answers
            (N, places, P).

        Notes
        -----
        The mean of the 3x3 places around the strongest one, weighted by the exponentials of their answers.
        """
        side = round(answers.shape[1] ** 0.5)
        rows, columns = np.divmod(np.arange(side * side), side)
        best = answers.argmax(1)  # (N, P)
        near = (np.abs(rows[:, None] - rows[best][:, None]) <= 1) & (
            np.abs(columns[:, None] - columns[best][:, None]) <= 1
        )
        weight = np.where(near, np.exp(answers - answers.max(1, keepdims=True)), 0)
        weight /= weight.sum(1, keepdims=True)
        middles = np.stack([columns, rows], -1) / side + 0.5 / side
        places: Floats = np.einsum("nsp,sc->npc", weight, middles).astype(np.float32)
        return places

    def visible(self, answers: Floats) -> Floats:
        """Return the confidence (N, P) in [0, 1] that parts can be seen: sigmoid of the standardised largest answer.

        Parameters
        ----------
        answers
            (N, places, P).
        """
        standardised = (answers.max(1) - self.mean) / self.deviation
        confidence: Floats = 0.5 * (1 + np.tanh(standardised / 2))
        return confidence

    def find(self, tokens: Floats) -> tuple[FacePart, ...]:
        """Return the parts of one face.

        Parameters
        ----------
        tokens
            (places, channels) float32, the face's map.
        """
        answers = self.activations(tokens[None])
        places, visible = self.places(answers)[0].tolist(), self.visible(answers)[0].tolist()
        return tuple(
            FacePart(name, x, y, seen) for name, (x, y), seen in zip(self.names, places, visible, strict=True)
        )

    def renamed(self, names: Sequence[str]) -> PartFilters:
        """Return the same filters with other names.

        Parameters
        ----------
        names
            P names.
        """
        return replace(self, names=tuple(names))

    def save(self, path: Path) -> None:
        """Write the filters.

        Parameters
        ----------
        path
            An npz file.
        """
        np.savez(
            path,
            kernel=self.kernel.astype(np.float32),
            bias=self.bias.astype(np.float32),
            mean=self.mean.astype(np.float32),
            deviation=self.deviation.astype(np.float32),
            names=np.array(self.names),
        )


def shares_of_parts(parts: Sequence[FacePart], strength: npt.NDArray[np.floating]) -> list[float] | None:
    """Return which share of a map lies nearer to each part than to the others; None for an empty map.

    Parameters
    ----------
    parts
        Of the face.
    strength
        (h, w), at least 0, of the same crop.
    """
    total = float(strength.sum())
    if not parts or total <= 0:
        return None
    height, width = strength.shape
    y, x = ((np.arange(count) + 0.5) / count for count in (height, width))
    distances = [(x[None] - part.x) ** 2 + (y[:, None] - part.y) ** 2 for part in parts]
    nearest = np.argmin(distances, axis=0)
    return [float(strength[nearest == number].sum()) / total for number in range(len(parts))]


def read_part_filters(folders: Sequence[Path], card: PartsOfFace, trunk: str, channels: int) -> PartFilters:
    """Read the filters from the first folder that has some.

    Parameters
    ----------
    folders
        Of the detector, then of its trunk, whose heads share them.
    card
        What its card says of the file.
    trunk
        Identity of the trunk that the detector's head reads.
    channels
        Of one of its tokens.

    Raises
    ------
    DetectorError
        When the file is not the one that the card names, or belongs to another trunk.
    """
    arrays = Companion(PARTS_NAME, card.sha256, card.trunk, trunk, "scripts/fit_parts.py").read(folders)
    filters = PartFilters.of(arrays)
    if len(filters.kernel) > channels:
        raise DetectorError(f"{PARTS_NAME} holds filters of another shape than the trunk's tokens")
    return filters
