"""Prototypes: where the kinds of manipulation that a detector knows lie in a space of features.

What a detector's network reads of a face is pooled over all places (mean and maximum), the differences between sets of
real faces are projected out, and the rest is whitened by the pooled covariance within classes, with real faces at the
origin. There, a prototype p scores a feature z by z.p - |p|^2 / 2: the log likelihood ratio of two normal distributions
of unit variance, one around the prototype and one around real faces (linear discriminant analysis).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.detectors.card import Card
from unmask.detectors.companions import Companion
from unmask.detectors.derived import KnownKinds
from unmask.detectors.errors import DetectorError
from unmask.detectors.trunk import trunk_path

PROTOTYPES_NAME = "prototypes.npz"
ENROLLED_SHARE = 0.1
"""Share of the enrolled kinds among manipulated faces, at which their likelihood ratio joins the detector's."""
LEAST_SEPARATION = 2.0
"""Standard deviations of real faces by which examples must differ from these, to raise scores: weaker prototypes cost
more on other faces than they find (docs/results/attribution.md)."""

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def pooled(read: Floats) -> Floats:
    """Return the mean and the maximum (2 D,) over all places of what a network reads of a face.

    Parameters
    ----------
    read
        (..., D).
    """
    places = read.reshape(-1, read.shape[-1])
    return np.concatenate([places.mean(axis=0), places.max(axis=0)]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Prototypes:
    """A space of features and the prototypes in it.

    Parameters
    ----------
    centre
        (2 D,) float32, mean of what is pooled of real faces.
    whitening
        (2 D, K) float32, from a difference to the centre to a feature.
    points
        (P, K) float32.
    names
        P names; several prototypes may share one.
    separations
        (E,) float32, of the last E prototypes, the enrolled ones: how far faces of the kind lie from real ones along
        the prototype, in standard deviations.
    """

    centre: Floats
    whitening: Floats
    points: Floats
    names: tuple[str, ...]
    separations: Floats

    @property
    def families(self) -> int:
        """Number of prototypes that are built in."""
        return len(self.names) - len(self.separations)

    def feature(self, read: Floats) -> Floats:
        """Return the feature (K,) of one face.

        Parameters
        ----------
        read
            (..., D), what the network reads of it.
        """
        feature: Floats = self.features(pooled(read)[None])[0]
        return feature

    def features(self, means: Floats) -> Floats:
        """Return the features (N, K) of faces.

        Parameters
        ----------
        means
            (N, 2 D), pooled.
        """
        features: Floats = ((means - self.centre) @ self.whitening).astype(np.float32)
        return features

    def scores(self, features: Floats) -> Floats:
        """Return the score (N, P) of each feature by each prototype.

        Parameters
        ----------
        features
            (N, K).
        """
        scores: Floats = features @ self.points.T - (self.points**2).sum(axis=1) / 2
        return scores

    def raised(self, log_odds: Doubles, features: Floats) -> Doubles:
        """Return the log-odds (N,) of manipulation where the enrolled kinds are possible too, never lower than given.

        Parameters
        ----------
        log_odds
            (N,) by the detector.
        features
            (N, K).
        """
        strong = self.separations >= LEAST_SEPARATION
        if not strong.any():
            return log_odds
        points, d = self.points[self.families :][strong], self.separations[strong]
        along = (features @ points.T / np.linalg.norm(points, axis=1)).astype(np.float64)
        ratios = np.logaddexp.reduce(d * (along - d / 2), axis=1) - math.log(len(d))
        raised: Doubles = np.logaddexp(log_odds, ratios + math.log(ENROLLED_SHARE / (1 - ENROLLED_SHARE)))
        return np.maximum(log_odds, raised)

    def attribute(self, features: Floats, kinds: KnownKinds) -> tuple[str | None, float]:
        """Return the kind that a face resembles, None for none of the known, and the probability that this is so.

        A kind is named where it is more likely than not.

        Parameters
        ----------
        features
            (N, K), of its frames.
        kinds
            Of the detector's card.
        """
        of_kinds = self.probabilities(features.mean(axis=0, keepdims=True), kinds)[0, :-1]
        place = int(of_kinds.argmax())
        likely = float(of_kinds[place])
        return (sorted(set(self.names))[place], likely) if likely >= 0.5 else (None, 1 - likely)

    def probabilities(self, features: Floats, kinds: KnownKinds) -> Doubles:
        """Return the probability of each kind, by name, and last of none of the known: each row adds up to 1.

        Parameters
        ----------
        features
            (N, K).
        kinds
            Of the detector's card.
        """
        best = kinds.slope * best_of_each(self.scores(features), self.names).astype(np.float64)
        log_odds = np.concatenate([best, np.full((len(features), 1), kinds.unknown)], axis=1)
        odds = np.exp(log_odds - log_odds.max(axis=1, keepdims=True))
        probabilities: Doubles = odds / odds.sum(axis=1, keepdims=True)
        return probabilities

    def with_kind(self, name: str, examples: Floats) -> Prototypes:
        """Return these prototypes with one more, of a kind that a user has examples of; one of this name is replaced.

        Parameters
        ----------
        name
            Of the kind.
        examples
            (N, K), features of its faces, N > 2.
        """
        kept = self.without(name)
        centres = kept.points[: kept.families]
        rest = [adaptive_mean(np.delete(examples, n, axis=0), centres) for n in range(len(examples))]
        along = [one @ point / np.linalg.norm(point) for one, point in zip(examples, rest, strict=True)]
        return replace(
            kept,
            points=np.concatenate([kept.points, adaptive_mean(examples, centres)[None]]),
            names=(*kept.names, name),
            separations=np.append(kept.separations, np.float32(max(0.0, float(np.mean(along))))),
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
            separations=self.separations[enrolled],
        )

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
            points=self.points,
            names=np.array(self.names, str),
            separations=self.separations,
        )


def best_of_each(scores: Floats, names: tuple[str, ...]) -> Floats:
    """Return the highest score (N, kinds) of each kind's prototypes, kinds in the order of their names.

    Parameters
    ----------
    scores
        (N, P).
    names
        P names.
    """
    kinds = np.array(names)
    return np.stack([scores[:, kinds == name].max(axis=1) for name in sorted(set(names))], axis=1)


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
    folders = [folder, *([trunk_path(trunk.name).parent] if trunk else [])]
    identity, script = trunk.identity if trunk else "", "scripts/measure_enrolment.py"
    held = Companion(PROTOTYPES_NAME, kinds.sha256, kinds.trunk, identity, script).read(folders)
    try:
        arrays = {
            name: np.ascontiguousarray(held[name], np.float32)
            for name in ("centre", "whitening", "points", "separations")
        }
        return Prototypes(names=tuple(str(name) for name in held["names"]), **arrays)
    except (KeyError, ValueError) as error:
        raise DetectorError(f"{PROTOTYPES_NAME} cannot be read: {error}") from None
