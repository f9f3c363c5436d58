"""Prototypes: where the kinds of manipulation that a detector knows lie in a space of features.

A face's feature is the mean of what the detector's network reads of it, over all places, whitened by the spread of
faces, with the mean of real faces at the origin. There, a prototype p scores a feature z by z.p - |p|^2 / 2: the log
likelihood ratio of two normal distributions of unit variance, one around the prototype and one around real faces
(linear discriminant analysis).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.detectors.card import Card, KnownKinds
from unmask.detectors.errors import DetectorError
from unmask.detectors.trunk import trunk_path
from unmask.hashing import file_sha256

PROTOTYPES_NAME = "prototypes.npz"
_NO_LEVELS = np.zeros((0, 2), np.float32)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Prototypes:
    """A space of features and the prototypes in it.

    Parameters
    ----------
    centre
        (D,) float32, mean of what is read of real faces.
    whitening
        (D, K) float32, from a difference to the centre to a feature.
    reals
        (R, K) float32, features of real faces, by which an enrolled prototype's scores are judged.
    points
        (P, K) float32.
    names
        P names; several prototypes may share one.
    levels
        (E, 2) float32, of each of the last E prototypes, the enrolled ones, the score at which a face is as likely real
        as not, and the log-odds that one more is worth.
    """

    centre: Floats
    whitening: Floats
    reals: Floats
    points: Floats
    names: tuple[str, ...]
    levels: Floats

    def feature(self, read: Floats) -> Floats:
        """Return the feature (K,) of one face.

        Parameters
        ----------
        read
            (..., D) float32, what the network reads of it.
        """
        mean = read.reshape(-1, read.shape[-1]).mean(axis=0)
        feature: Floats = (mean - self.centre) @ self.whitening
        return feature

    def scores(self, features: Floats) -> Floats:
        """Return the score (N, P) of each feature by each prototype.

        Parameters
        ----------
        features
            (N, K).
        """
        scores: Floats = features @ self.points.T - (self.points**2).sum(axis=1) / 2
        return scores

    def enrolled_log_odds(self, feature: Floats) -> float:
        """Return the log-odds that a face is of an enrolled kind, by the kind that it matches best; -inf without one.

        Parameters
        ----------
        feature
            (K,).
        """
        if not len(self.levels):
            return -np.inf
        own = self.scores(feature[None])[0, -len(self.levels) :]
        return float(((own - self.levels[:, 0]) * self.levels[:, 1]).max())

    def save(self, path: Path) -> None:
        """Write an npz file, the larger part of it in half precision.

        Parameters
        ----------
        path
            Of the file.
        """
        np.savez(
            path,
            centre=self.centre,
            whitening=self.whitening.astype(np.float16),
            reals=self.reals.astype(np.float16),
            points=self.points,
            names=np.array(self.names, str),
            levels=self.levels,
        )

    def with_kind(self, name: str, examples: Floats) -> Prototypes:
        """Return these prototypes with one more, of a kind that a user has examples of; one of this name is replaced.

        Parameters
        ----------
        name
            Of the kind.
        examples
            (N, K), features of its faces, N > 1.
        """
        kept = self.without(name)
        point = adaptive_mean(examples, kept.points[: kept.families])
        own = replace(kept, points=point[None], names=(name,), levels=_NO_LEVELS).scores
        level = level_of(own(self.reals)[:, 0], own(examples)[:, 0])
        return replace(
            kept,
            points=np.concatenate([kept.points, point[None]]),
            names=(*kept.names, name),
            levels=np.concatenate([kept.levels, level[None]]),
        )

    def without(self, name: str) -> Prototypes:
        """Return these prototypes without an enrolled kind.

        Parameters
        ----------
        name
            Of the kind; a family stays.
        """
        kept = [place for place, one in enumerate(self.names) if place < self.families or one != name]
        enrolled = [place - self.families for place in kept if place >= self.families]
        return replace(
            self,
            points=self.points[kept],
            names=tuple(self.names[place] for place in kept),
            levels=self.levels[enrolled],
        )

    @property
    def families(self) -> int:
        """Number of prototypes that are built in."""
        return len(self.names) - len(self.levels)

    def attribute(self, features: Floats, kinds: KnownKinds) -> tuple[str | None, float]:
        """Return the kind that a face resembles most, None for none of the known, and the probability that it does.

        Parameters
        ----------
        features
            (N, K), of its frames.
        kinds
            Of the detector's card.
        """
        scores = self.scores(features).mean(axis=0)
        names = sorted(set(self.names))
        best = [
            max(score for score, own in zip(scores, self.names, strict=True) if own == name) for name in names
        ]
        log_odds = np.array([*(kinds.slope * np.array(best, float)), kinds.unknown])
        probabilities = np.exp(log_odds - log_odds.max())
        probabilities /= probabilities.sum()
        place = int(probabilities.argmax())
        return (names[place] if place < len(names) else None), float(probabilities[place])


def prototypes_of(folder: Path, card: Card) -> Prototypes:
    """Read the prototypes of a detector: from its own folder, else from that of its trunk.

    Parameters
    ----------
    folder
        Of the detector.
    card
        Its card, with `kinds`.

    Raises
    ------
    DetectorError
        When the file is not the one that the card names, or belongs to another trunk.
    """
    kinds, trunk = card.kinds, card.trunk
    assert kinds is not None
    path = folder / PROTOTYPES_NAME
    if trunk is not None and not path.is_file():
        path = trunk_path(trunk.name).with_name(PROTOTYPES_NAME)
    if not path.is_file() or file_sha256(path) != kinds.sha256:
        raise DetectorError(
            f"{path} is not the file that its card describes: its SHA-256 differs or it is missing"
        )
    if kinds.trunk != (trunk.identity if trunk else ""):
        raise DetectorError(f"{path} was fitted on another trunk: run scripts/fit_prototypes.py again")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {
                name: np.ascontiguousarray(file[name], np.float32)
                for name in ("centre", "whitening", "reals", "points", "levels")
            }
            return Prototypes(names=tuple(str(name) for name in file["names"]), **arrays)
    except (KeyError, OSError, ValueError) as error:
        raise DetectorError(f"{path} cannot be read: {error}") from None


def adaptive_mean(examples: Floats, centres: Floats) -> Floats:
    """Return the point (K,) for examples: their mean, drawn towards the nearest of known centres.

    It is the positive-part James-Stein estimate: fewer examples, and more scattered ones, give the centre more weight.

    Parameters
    ----------
    examples
        (N, K), N > 1.
    centres
        (P, K); without any, the mean alone counts.
    """
    mean: Floats = examples.mean(axis=0)
    if not len(centres):
        return mean
    nearest = centres[((centres - mean) ** 2).sum(axis=1).argmin()]
    of_mean = examples.var(axis=0, ddof=1).sum() / len(examples)
    weight = max(0.0, 1 - of_mean / max(float(((mean - nearest) ** 2).sum()), 1e-9))
    point: Floats = (weight * mean + (1 - weight) * nearest).astype(np.float32)
    return point


def level_of(reals: Floats, examples: Floats) -> Floats:
    """Return the score at which a face is as likely real as of a kind, and the log-odds that one more is worth: (2,).

    Parameters
    ----------
    reals, examples
        (R,) and (N,), scores of real faces and of the kind's examples.
    """
    high, higher = np.quantile(reals, [0.98, 0.999])
    return np.array([high, 3 / max(float(higher - high), 1e-6)], np.float32)
