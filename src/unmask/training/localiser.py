"""From a run with a translator on a trunk's map to the localiser that detectors on that trunk share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unmask.detectors import Calibration
from unmask.detectors.localiser import BLEND_MASK, Localiser
from unmask.models.exported import Exported
from unmask.models.inputs import model_input
from unmask.models.joint import JointDetector
from unmask.models.masks import UNKNOWN, WHOLE
from unmask.training.export import load_best
from unmask.training.maps import MapStore
from unmask.training.onnx_export import check_parity, write_onnx
from unmask.training.recipes import RecipeError, load_recipe

Floats = npt.NDArray[np.float32]


class LocaliserExported(Exported):
    """The translator of a joint detector alone, from a trunk's map to the map of the blend."""

    def __init__(self, model: JointDetector) -> None:
        super().__init__([model], Calibration())
        assert model.translator is not None
        self.translator = model.translator

    def forward(self, entry: Tensor) -> tuple[Tensor, ...]:
        """Return the map of the blend, (N, side, side) in [0, 1].

        Parameters
        ----------
        entry
            The trunk's map, (N, places, channels).
        """
        return (torch.sigmoid(self.translator(model_input(entry))),)

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, in order."""
        return [BLEND_MASK]


def write_localiser(run: Path, path: Path) -> None:
    """Write the translator of a finished run as a localiser.

    Parameters
    ----------
    run
        Folder of the run.
    path
        Of the ONNX file.

    Raises
    ------
    RecipeError
        When its network has no translator on a trunk's map, or ONNX Runtime does not give torch's outputs.
    """
    recipe = load_recipe(run / "recipe.yaml")
    model = load_best(run, recipe)
    if not isinstance(model, JointDetector) or model.translator is None:
        raise RecipeError(f"{run} has no translator: set model.translator and loss.mask")
    translator = model.options.translator
    if recipe.model.reads != "maps" or translator is None or translator.reads != "map":
        raise RecipeError(f"{run}: a localiser reads a trunk's map: set model.translator.reads to map")
    exported = LocaliserExported(model).eval()
    write_onnx(exported, path)
    check_parity(exported, path)


class Overlap(NamedTuple):
    """Mean intersection over union of masks at each threshold of `THRESHOLDS`, and the number of masks."""

    mean: Floats
    masks: int


THRESHOLDS = np.linspace(0.05, 0.95, 19, dtype=np.float32)


def overlap_by_threshold(localiser: Localiser, stores: Iterable[MapStore], most: int) -> Overlap:
    """Return how well a localiser's maps cover the masks of cached crops, at each threshold.

    A real crop counts 1 where no cell reaches the threshold, else 0.

    Parameters
    ----------
    localiser
        To be judged.
    stores
        With masks; of them the crops whose masks are known count.
    most
        Of each store, about this number of blends and as many real crops, evenly spread.
    """
    found = []
    for store in stores:
        for label in (0, 1):
            rows = np.flatnonzero(store.label == label)
            for row in rows[:: max(1, len(rows) // most)][:most]:
                mask = store.read_mask(int(row))
                if mask.max() == UNKNOWN:
                    continue
                tokens = store.read(int(row))[0].astype(np.float32)
                seen = localiser.mask(tokens[None])
                found.append([overlap(seen >= limit, mask >= WHOLE / 2) for limit in THRESHOLDS])
    return Overlap(np.mean(found, axis=0, dtype=np.float32), len(found))


def overlap(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Return the intersection over the union of two regions; 1 where both are empty.

    Parameters
    ----------
    one, other
        Of one shape.
    """
    union = int((one | other).sum())
    return float((one & other).sum() / union) if union else 1.0
