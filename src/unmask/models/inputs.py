"""From a batch as it is stored to what a network reads."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class TrainingBatch(NamedTuple):
    """A training batch as a model family's loss sees it.

    Parameters
    ----------
    inputs
        As the network reads them (``FamilyOptions.reads``).
    pictures
        (N, h, w, 3) uint8 RGB, the crops or small copies of them.
    labels
        (N,) float32, 0 real, 1 fake.
    wanted
        (N,) float32 in [0, 1], the target probabilities: the labels, or between them and a teacher's.
    masks
        (N, side, side) uint8, where each crop was manipulated (``unmask.models.masks``); None with ``loss.mask`` 0.
    """

    inputs: Tensor
    pictures: Tensor
    labels: Tensor
    wanted: Tensor
    masks: Tensor | None = None


def model_input(inputs: Tensor, whole: bool = False) -> Tensor:
    """Return a batch as the model reads it.

    The layout in memory is kept, which is torch's channels-last.

    Parameters
    ----------
    inputs
        Crops (N, S, S, 3) uint8, or patch tokens (N, places, channels) float16.
    whole
        Whether tokens stay as they are, for a network that reads all of them.

    Returns
    -------
    Tensor
        Of crops (N, 3, S, S) float in [0, 1]; of tokens (N, channels, side, side) float, without a class token.
    """
    if inputs.dtype == torch.uint8:
        return to_planes(inputs)
    if whole:
        return inputs.float()
    side = math.isqrt(inputs.shape[1])
    inputs = inputs[:, inputs.shape[1] - side * side :]
    planes: Tensor = inputs.float().unflatten(1, (side, side)).permute(0, 3, 1, 2)
    return planes


def to_planes(pictures: Tensor) -> Tensor:
    """Return pictures as (N, 3, h, w) float in [0, 1].

    Parameters
    ----------
    pictures
        (N, h, w, 3) uint8 RGB.
    """
    return pictures.permute(0, 3, 1, 2).float() / 255
