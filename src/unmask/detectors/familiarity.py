"""How far a face crop lies from the photographed faces that a detector learned from.

The mean of a crop's tokens is whitened by the principal components of the means of many photographed faces, real and
manipulated; the distance is the mean squared whitened component: a Mahalanobis distance (Lee et al., NeurIPS 2018) in
the space of the first components, 1 on average for the reference faces themselves. Drawings, sculptures and renders lie
farther off, whatever the detector says of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.detectors.card import Familiarity
from unmask.detectors.companions import Companion
from unmask.detectors.errors import DetectorError

FAMILIARITY_NAME = "familiarity.npz"
MEASURE = "token_distance"
"""Name of the distance among a prediction's measures, and in gates."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ReferenceFaces:
    """Statistics of the mean tokens of the faces that a detector learned from.

    Parameters
    ----------
    centre
        (C,) float32, mean over faces. C may be smaller than a token's number of channels: the first C count.
    whitening
        (C, K) float32, from a difference to the centre to K uncorrelated values of variance 1.
    """

    centre: Floats
    whitening: Floats

    def distance(self, tokens: Floats) -> float:
        """Return the distance of one face.

        Parameters
        ----------
        tokens
            (places, channels) float32, the face's map.
        """
        return float(self.distances(self._mean_token(tokens)[None])[0])

    def _mean_token(self, tokens: Floats) -> Floats:
        """Return the mean (C,) over the places of a map (places, channels)."""
        mean: Floats = tokens[:, : len(self.centre)].mean(axis=0)
        return mean

    def distances(self, means: Floats) -> Floats:
        """Return the distances (N,) of mean tokens.

        Parameters
        ----------
        means
            (N, C).
        """
        distances: Floats = (((means - self.centre) @ self.whitening) ** 2).mean(axis=1)
        return distances

    def save(self, path: Path) -> None:
        """Write the statistics, the larger part of them in half precision.

        Parameters
        ----------
        path
            An npz file.
        """
        np.savez(path, centre=self.centre, whitening=self.whitening.astype(np.float16))


def read_reference_faces(
    folders: Sequence[Path], card: Familiarity, trunk: str, channels: int
) -> ReferenceFaces:
    """Read the statistics from the first folder that has some.

    Parameters
    ----------
    folders
        Of the detector, then of its trunk, whose tokens several detectors may share the statistics of.
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
    script = "scripts/fit_familiarity.py"
    arrays = Companion(FAMILIARITY_NAME, card.sha256, card.trunk, trunk, script).read(folders)
    try:
        centre, whitening = (arrays[name].astype(np.float32) for name in ("centre", "whitening"))
    except (KeyError, ValueError) as error:
        raise DetectorError(f"{FAMILIARITY_NAME} cannot be read: {error}") from None
    if centre.ndim != 1 or len(centre) > channels or whitening.shape[:1] != centre.shape:
        raise DetectorError(f"{FAMILIARITY_NAME} holds statistics of another shape than the trunk's tokens")
    return ReferenceFaces(centre, whitening)


def fit_reference_faces(means: Floats, weights: Floats, components: int) -> ReferenceFaces:
    """Fit the statistics to the mean tokens of faces.

    Parameters
    ----------
    means
        (N, C), N > components.
    weights
        (N,) of each face, so that each set counts the same however many faces it gave.
    components
        K, principal components that are kept.

    Notes
    -----
    Channels are standardised first: a few channels of a transformer's tokens are many times larger than the rest.
    """
    share = np.asarray(weights, np.float64) / np.sum(weights)
    values = np.asarray(means, np.float64)
    centre = share @ values
    difference = values - centre
    scale = np.sqrt(share @ difference**2) + 1e-3
    standardised = difference / scale
    variances, axes = np.linalg.eigh((standardised * share[:, None]).T @ standardised)
    kept = np.argsort(variances)[::-1][:components]
    whitening = axes[:, kept] / np.sqrt(variances[kept]) / scale[:, None]
    return ReferenceFaces(centre.astype(np.float32), whitening.astype(np.float32))
