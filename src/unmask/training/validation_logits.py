"""The logits of a run's validation rows, on which calibration, threshold and figures are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unmask.training.recipes import RecipeError


class ValidationLogits:
    """Validation rows that calibration, threshold and figures are fitted on."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.set, self.group, self.video = arrays["set"], arrays["group"], arrays["video"]
        self.label, self.logit = arrays["label"].astype(np.int64), arrays["logit"].astype(np.float64)

    @classmethod
    def read(cls, path: Path, select: str = "mean") -> ValidationLogits:
        """Read a run's validation logits.

        Parameters
        ----------
        path
            Of validation.npz.
        select
            The set on which the checkpoint was chosen; `mean` reads all sets.
        """
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("set", "group", "video", "label", "logit")}
        wanted = np.ones(len(arrays["set"]), bool) if select == "mean" else arrays["set"] == select
        return cls({name: values[wanted] for name, values in arrays.items()})


def mean_logits(heads: Sequence[ValidationLogits]) -> ValidationLogits:
    """Average several heads' logits of the same crops.

    Parameters
    ----------
    heads
        Rows of each head.

    Raises
    ------
    RecipeError
        When the heads were validated on different crops.
    """
    described = ("set", "group", "video", "label")
    for head in heads[1:]:
        if not all(np.array_equal(getattr(head, name), getattr(heads[0], name)) for name in described):
            raise RecipeError("the runs were validated on different crops")
    mean = np.mean([head.logit for head in heads], axis=0)
    return ValidationLogits({name: getattr(heads[0], name) for name in described} | {"logit": mean})
