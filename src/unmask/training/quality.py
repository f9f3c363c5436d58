"""How well a detector rebuilds real faces: the distribution that its card holds, so that outliers are recognised."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.datasets import DatasetError
from unmask.detectors import RECONSTRUCTION_ERROR, Detector, DetectorError, Distribution
from unmask.training.recipes import Recipe, RecipeError
from unmask.training.views import open_views, set_names

log = logging.getLogger(__name__)

SHARES = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99", "0.999")
FACES = 300
"""Real faces looked at of each validation set, evenly spread: enough for the 99th percentile of all sets together."""


def real_face_errors(
    folder: Path,
    recipe: Recipe,
    faces: int = FACES,
    report: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> dict[str, list[float]]:
    """Return each set's reconstruction errors of real validation faces, rebuilt by an exported detector.

    Empty for a detector without a decoder, and where the recipe's data are not available, which is logged.

    Parameters
    ----------
    folder
        Of the exported detector.
    recipe
        Of the run.
    faces
        Most faces of a set.
    report
        Called with the name of a stage, faces done and faces in all.
    """
    try:
        detector = Detector(folder, threads=None)
        if not detector.has_decoder:
            return {}
        views = open_views(recipe, size=detector.card.input_size, training=False)
    except (DatasetError, DetectorError, RecipeError, OSError) as error:
        log.warning("no distribution of the reconstruction error in the card: %s", error)
        return {}
    errors: dict[str, list[float]] = {}
    for name, source in zip(set_names(recipe.data.validation), views, strict=True):
        real = np.flatnonzero(source.rows.label == 0)
        chosen = real[np.linspace(0, len(real) - 1, min(faces, len(real))).round().astype(int)]
        errors.setdefault(name, [])
        for number, row in enumerate(chosen):
            report(f"rebuilding real faces of {name}", number, len(chosen))
            prediction = detector.predict({"crops": source.image(int(row))[None]})
            errors[name].append(float(prediction.measures[RECONSTRUCTION_ERROR][0]))
    return errors


def distribution(errors: Mapping[str, npt.ArrayLike]) -> Distribution | None:
    """Return the distribution of the reconstruction errors of real faces; None where they do not spread.

    Parameters
    ----------
    errors
        (N,) of each set; sets weigh the same, however many faces they have.
    """
    sets = {name: np.asarray(values, float) for name, values in errors.items() if np.size(values)}
    if not sets:
        return None
    values = np.concatenate(list(sets.values()))
    weights = np.concatenate([np.full(len(part), 1 / len(part)) for part in sets.values()])
    order = np.argsort(values)
    places = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    quantiles = {share: round(float(np.interp(float(share), places, values[order])), 6) for share in SHARES}
    if not quantiles["0.5"] < quantiles["0.99"]:
        return None
    return Distribution(quantiles=quantiles, faces=len(values), sets=tuple(sets))
