"""Learns filters of parts of the face on a trunk's maps of real faces, without any labels (after arXiv 2206.13304).

Each filter is a linear map of a token; its softmax over the places of a map says where the part lies. Four losses:

- locality: each part lies within one 3x3 neighbourhood;
- unicity: no 2x2 neighbourhood holds more than one part;
- consistency: on two views of a face, cut differently, a part lies at the same place of the face;
- spread: over faces a part lies at about the same place of the face box.

The last two are not in that paper. Tokens of a transformer know their place in the crop, so that without them a filter
may find a place of the crop instead of a part, or either of two eyes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from unmask.detectors.parts import PartFilters

Floats = npt.NDArray[np.float32]

_AT_ONCE = 64


@dataclass(frozen=True)
class PartOptions:
    """How filters are learned.

    Parameters
    ----------
    parts
        Number of filters.
    steps, batch, rate
        Of AdamW; a batch holds so many faces, each in both views.
    consistency, spread
        Weights of these losses; locality and unicity have weight 1.
    seed
        Of the first weights and of the batches.
    """

    parts: int = 8
    steps: int = 400
    batch: int = 24
    rate: float = 3e-3
    consistency: float = 1.0
    spread: float = 1.5
    seed: int = 0


@dataclass(frozen=True, eq=False)
class FaceViews:
    """Maps of N views of faces; two views of a face follow each other.

    Parameters
    ----------
    maps
        (N, places, C) of any float type, places row by row from top left; may lie on a disk.
    frames
        (N, 3) float32, left, top and side of what a view shows, from the middle of the face box, in its longer side.
    paired
        (M,) positions of the first views of faces that have a second one.
    plain
        (K,) positions of views that are cut as a detector reads faces.
    """

    maps: npt.NDArray[np.floating]
    frames: Floats
    paired: npt.NDArray[np.int64]
    plain: npt.NDArray[np.int64]


def part_losses(heat: Tensor, frames: Tensor) -> dict[str, Tensor]:
    """Return the four losses of a batch.

    Parameters
    ----------
    heat
        (2 N, parts, side, side), each part's softmax over the places: N faces in one view, then in the other.
    frames
        (2 N, 3), as `FaceViews.frames`.
    """
    side = heat.shape[-1]

    def strongest(planes: Tensor, window: int) -> Tensor:
        near = F.avg_pool2d(planes.reshape(-1, 1, side, side), window, stride=1, divisor_override=1)
        return near.amax((1, 2, 3))

    middles = (torch.arange(side) + 0.5) / side
    within = torch.stack([heat.sum(2) @ middles, heat.sum(3) @ middles], -1)
    places = frames[:, None, :2] + within * frames[:, None, 2:]
    first, second = places.chunk(2)
    return {
        "locality": -strongest(heat, 3).mean(),
        "unicity": F.relu(strongest(heat.sum(1), 2) - 1).mean(),
        "consistency": (first - second).abs().sum(-1).mean(),
        "spread": (places - places.mean(0, keepdim=True)).abs().sum(-1).clamp(max=0.6).mean(),
    }


def fit_part_filters(
    views: FaceViews,
    options: PartOptions,
    progress: Callable[[int, dict[str, float]], None] = lambda step, losses: None,
) -> PartFilters:
    """Learn filters, and the distribution of each one's largest activation on plain views.

    Parameters
    ----------
    views
        Of real faces.
    options
        How.
    progress
        Called every 50 steps and after the last one, with the losses of that step's batch.

    Returns
    -------
    PartFilters
        Its parts have numbers for names.
    """
    torch.manual_seed(options.seed)
    draws = np.random.default_rng(options.seed)
    some = views.maps[views.plain[:: max(1, len(views.plain) // 500)]].astype(np.float32)
    centre, scale = some.mean((0, 1)), some.std((0, 1)) + 1e-3
    channels, side = some.shape[2], round(some.shape[1] ** 0.5)
    kernel = torch.nn.Parameter(torch.randn(channels, options.parts) * 0.5 / channels**0.5)
    optimiser = torch.optim.AdamW([kernel], lr=options.rate, weight_decay=1e-2)
    weights = {"locality": 1.0, "unicity": 1.0, "consistency": options.consistency, "spread": options.spread}
    for step in range(options.steps):
        chosen = draws.choice(views.paired, min(options.batch, len(views.paired)), replace=False)
        rows = np.concatenate([chosen, chosen + 1])
        tokens = torch.from_numpy((views.maps[rows].astype(np.float32) - centre) / scale)
        heat = (tokens @ kernel).softmax(1).transpose(1, 2).reshape(len(rows), -1, side, side)
        losses = part_losses(heat, torch.from_numpy(views.frames[rows]))
        optimiser.zero_grad()
        sum((weights[name] * loss for name, loss in losses.items()), torch.zeros(())).backward()
        optimiser.step()
        if step % 50 == 0 or step == options.steps - 1:
            progress(step, {name: round(float(loss.detach()), 4) for name, loss in losses.items()})
    learned = kernel.detach().numpy()
    names = tuple(str(number) for number in range(options.parts))
    zero, one = np.zeros(options.parts, np.float32), np.ones(options.parts, np.float32)
    raw = PartFilters(learned / scale[:, None], -(centre / scale) @ learned, zero, one, names)
    peaks = np.concatenate(
        [
            raw.activations(views.maps[views.plain[start : start + _AT_ONCE]]).max(1)
            for start in range(0, len(views.plain), _AT_ONCE)
        ]
    )
    return PartFilters(raw.kernel, raw.bias, peaks.mean(0), peaks.std(0), names)
