"""Fits the prototypes of families of manipulation, and how sure a detector may be of a kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from unmask.detectors.familiarity import ReferenceFaces, fit_reference_faces
from unmask.detectors.prototypes import Floats, Prototypes, best_of_each

COMPONENTS = 128
RIDGE = 0.05
"""Variance that is added to each whitened direction."""


@dataclass(frozen=True, eq=False)
class Faces:
    """N labelled faces.

    Parameters
    ----------
    means
        (N, 2 D) float32, what a detector's network reads of each, pooled (`unmask.detectors.prototypes.pooled`).
    kind
        (N,) family of manipulation, empty for a real face.
    set
        (N,) name of the set that each comes from.
    group
        (N,) what must stay on one side of a split.
    method
        (N,) of manipulation, by which a family has several prototypes; empty where it has one.
    """

    means: Floats
    kind: NDArray[np.str_]
    set: NDArray[np.str_]
    group: NDArray[np.str_]
    method: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.kind)

    def where(self, wanted: NDArray[np.bool_]) -> Faces:
        """Return some of the faces.

        Parameters
        ----------
        wanted
            (N,).
        """
        return Faces(*(getattr(self, name)[wanted] for name in _COLUMNS))

    @staticmethod
    def joined(parts: Sequence[Faces]) -> Faces:
        """Return the faces of all parts.

        Parameters
        ----------
        parts
            At least one.
        """
        return Faces(*(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS))


_COLUMNS = ("means", "kind", "set", "group", "method")


def fit_basis(faces: Faces) -> ReferenceFaces:
    """Return whitened principal components of the real faces; each set counts the same.

    Parameters
    ----------
    faces
        Others than real ones are left out.
    """
    reals = faces.where(faces.kind == "")
    weights = 1 / np.array([(reals.set == name).sum() for name in reals.set])
    return fit_reference_faces(reals.means, weights.astype(np.float32), COMPONENTS)


def fit_prototypes(basis: ReferenceFaces, faces: Faces) -> Prototypes:
    """Fit the space, and in it a prototype for each method of each family.

    The directions in which the means of the sets of real faces differ are projected out, so that all these means lie at
    the origin: what tells sets apart is not taken for a manipulation.

    Parameters
    ----------
    basis
        Of the space.
    faces
        Real and manipulated.
    """
    features = ((faces.means - basis.centre) @ basis.whitening).astype(np.float64)
    real_sets = sorted(set(faces.set[faces.kind == ""]))
    centres = np.array([features[(faces.kind == "") & (faces.set == one)].mean(axis=0) for one in real_sets])
    centre = centres.mean(axis=0)
    between = np.linalg.svd(centres - centre, full_matrices=False)[2][: len(real_sets) - 1]
    features = features - centre
    features = features - features @ between.T @ between
    classes = sorted(set(zip(faces.kind, faces.method, faces.set, strict=True)))
    members = [
        features[(faces.kind == kind) & (faces.method == method) & (faces.set == name)]
        for kind, method, name in classes
    ]
    covariance = np.mean([np.cov(rows.T) for rows in members], axis=0) + RIDGE * np.eye(features.shape[1])
    variances, axes = np.linalg.eigh(covariance)
    whitening = (axes / np.sqrt(variances)) @ axes.T
    fakes = [(kind, rows) for (kind, _, _), rows in zip(classes, members, strict=True) if kind]
    within = np.eye(len(whitening)) - between.T @ between
    # The centre of features, as a point among what is pooled: the nearest to the basis' own.
    moved = np.linalg.lstsq(basis.whitening.T.astype(np.float64), centre, rcond=None)[0]
    return Prototypes(
        centre=(basis.centre + moved).astype(np.float32),
        whitening=(basis.whitening @ within @ whitening).astype(np.float32),
        points=np.array([rows.mean(axis=0) @ whitening for _, rows in fakes], np.float32),
        names=tuple(str(kind) for kind, _ in fakes),
        separations=np.zeros(0, np.float32),
    )


def fit_confidence(basis: ReferenceFaces, faces: Faces, folds: int = 2) -> tuple[float, float]:
    """Return the slope and the unknown's log-odds of `KnownKinds`, by maximum likelihood.

    Each family in turn is unknown: prototypes of the others are fitted without a fold of the groups, and judge the
    manipulated faces of that fold. Each family counts the same.

    Parameters
    ----------
    basis, faces
        As of `fit_prototypes`.
    folds
        Number of folds.
    """
    fold = np.unique(faces.group, return_inverse=True)[1] % folds
    known: list[NDArray[np.float64]] = []
    own: list[NDArray[np.intp]] = []
    weights: list[NDArray[np.float64]] = []
    for unknown in sorted(set(faces.kind) - {""}):
        for held in range(folds):
            prototypes = fit_prototypes(basis, faces.where((faces.kind != unknown) & (fold != held)))
            judged = faces.where((faces.kind != "") & (fold == held))
            names = sorted(set(prototypes.names))
            scores = best_of_each(prototypes.scores(prototypes.features(judged.means)), prototypes.names)
            known.append(scores.astype(np.float64))
            own.append(
                np.array([names.index(kind) if kind != unknown else len(names) for kind in judged.kind])
            )
            weights.append(1 / np.array([(judged.kind == kind).sum() for kind in judged.kind]))
    scores, wanted, weight = np.concatenate(known), np.concatenate(own), np.concatenate(weights)

    def loss(parameters: NDArray[np.float64]) -> float:
        log_odds = np.column_stack([np.exp(parameters[0]) * scores, np.full(len(scores), parameters[1])])
        chosen = log_odds[np.arange(len(wanted)), wanted]
        return float(weight @ (logsumexp(log_odds, axis=1) - chosen) / weight.sum())

    found = minimize(loss, np.array([np.log(0.2), 0.0]), method="Nelder-Mead")
    return float(np.exp(found.x[0])), float(found.x[1])
