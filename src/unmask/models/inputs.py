"""From a batch as it is stored to what a network reads."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class TrainingBatch(NamedTuple):
    """A training batch as a model family's loss sees it.

    inputs : as the network reads them (``FamilyOptions.reads``). pictures : (N, h, w, 3) uint8 RGB, the crops or small
    copies of them. labels : (N,) float32, 0 real, 1 fake. wanted : (N,) float32 in [0, 1], the probabilities to learn:
    the labels, or between them and a teacher's.
    """

    inputs: Tensor
    pictures: Tensor
    labels: Tensor
    wanted: Tensor


def model_input(inputs: Tensor, whole: bool = False) -> Tensor:
    """Turn a batch into what the model reads.

    Crops (N, S, S, 3) uint8 -> (N, 3, S, S) float in [0, 1]; patch tokens (N, places, channels) float16 ->
    (N, channels, side, side) float. Both keep their layout in memory, which is torch's channels-last. A class token
    before the patch tokens is left out. whole: tokens stay as they are, for a network that reads all of them.
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
    """(N, h, w, 3) uint8 -> (N, 3, h, w) float in [0, 1]."""
    return pictures.permute(0, 3, 1, 2).float() / 255
