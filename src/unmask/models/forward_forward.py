"""Forward-forward pre-training: each layer tells pictures with a right label from those with a wrong one.

A face is turned by a multiple of 90 degrees, and a wave over the whole picture shows by how much, rightly or wrongly.
Each layer has a loss of its own; what it hands on is detached and of equal length, so that no later layer can read
there what an earlier one has said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.models.backbones import Backbone
from unmask.models.inputs import TrainingBatch
from unmask.models.joint import JointDetector
from unmask.models.joint_training import classifier_losses
from unmask.models.registry import RecipeSections

_TURNS = 4
_WAVES = 8  # Periods over the side of the picture.


def loss(
    model: JointDetector, batch: TrainingBatch, recipe: RecipeSections, step: int
) -> Mapping[str, Tensor]:
    """Return the losses of a batch: the layers' in the first ``pretraining.steps``, of the classifier afterwards.

    Parameters
    ----------
    model
        The detector.
    batch
        The training batch.
    recipe
        The resolved recipe.
    step
        Counted from 0.
    """
    if step < recipe.pretraining.steps:
        total = forward_forward_loss(model, batch.inputs, recipe.model.threshold, recipe.model.amplitude)
        return {"total": total, "classification": torch.zeros_like(total), "goodness": total}
    return classifier_losses(model, batch, recipe, "goodness")


def forward_forward_loss(model: JointDetector, images: Tensor, threshold: float, amplitude: float) -> Tensor:
    """Return the mean over layers of the cross-entropy of "the label is right", by the layer's mean square.

    Parameters
    ----------
    model
        Whose backbone and encoder are trained.
    images
        (N, 3, S, S) in [0, 1].
    threshold
        Mean square at which a layer is undecided.
    amplitude
        Of the labels' waves.
    """
    backbone = model.backbone
    assert isinstance(backbone, Backbone)
    pictures, right = labelled_pictures(images, amplitude)
    values = (pictures - backbone.mean) / backbone.std
    losses = []
    for stage in stages([*backbone.network.children(), *model.encoder.children()]):
        values = stage(values)
        goodness = values.float().square().flatten(1).mean(dim=1)
        losses.append(F.binary_cross_entropy_with_logits(goodness - threshold, right))
        values = values.detach() / (goodness.detach().sqrt() + 1e-6)[:, None, None, None].to(values.dtype)
    return torch.stack(losses).mean()


def stages(layers: Iterable[nn.Module]) -> list[nn.Sequential]:
    """Group layers that are run one after the other, so that each group begins with one that has a convolution.

    Parameters
    ----------
    layers
        In their order.
    """
    groups: list[list[nn.Module]] = []
    for layer in layers:
        if not groups or any(isinstance(part, nn.Conv2d) for part in layer.modules()):
            groups.append([])
        groups[-1].append(layer)
    return [nn.Sequential(*group) for group in groups]


def labelled_pictures(images: Tensor, amplitude: float) -> tuple[Tensor, Tensor]:
    """Turn each image at random and show by how much: once rightly, once wrongly.

    Parameters
    ----------
    images
        (N, 3, S, S) in [0, 1].
    amplitude
        Of the waves.

    Returns
    -------
    pictures
        (2 N, 3, S, S), the rightly labelled ones first.
    right
        (2 N,) 1 and 0.
    """
    count = len(images)
    turns = torch.randint(_TURNS, (count,), device=images.device)
    turned = torch.empty_like(images)
    for turn in range(_TURNS):
        turned[turns == turn] = torch.rot90(images[turns == turn], turn, (2, 3))
    wrong = (turns + torch.randint(1, _TURNS, (count,), device=images.device)) % _TURNS
    shown = waves(images.shape[3]).to(images)[torch.cat([turns, wrong])][:, None]
    right = torch.cat([torch.ones(count), torch.zeros(count)]).to(images.device)
    return torch.cat([turned, turned]) + amplitude * shown, right


def waves(side: int) -> Tensor:
    """Return a wave for each of the labels, in four directions: (4, side, side) in [-1, 1].

    Parameters
    ----------
    side
        In pixels.
    """
    places = torch.arange(side) / side
    angles = torch.arange(_TURNS)[:, None, None] * (math.pi / _TURNS)
    along = angles.cos() * places[None, :, None] + angles.sin() * places[None, None, :]
    return torch.sin(2 * math.pi * _WAVES * along)
