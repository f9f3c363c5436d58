"""How the joint detector is trained: what it rebuilds when, what stands still, what was tuned of its trunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from unmask.models.backbones import Backbone, trained_parameters
from unmask.models.families.joint import JointOptions
from unmask.models.inputs import TrainingBatch, to_planes
from unmask.models.joint import JointDetector, build_model
from unmask.models.losses import classification_loss, joint_loss
from unmask.models.masks import mask_loss
from unmask.models.registry import RecipeSections, TunedTrunk


def build(options: JointOptions, recipe: RecipeSections) -> JointDetector:
    """Build the detector, without a decoder and a translator where the loss gives them no weight.

    Parameters
    ----------
    options
        The section ``model`` of the recipe.
    recipe
        The resolved recipe.
    """
    return build_model(options, recipe.loss)


def loss(
    model: JointDetector, batch: TrainingBatch, recipe: RecipeSections, step: int
) -> Mapping[str, Tensor]:
    """Run the detector on a batch and return its losses: all branches' at once, or one after the other.

    Parameters
    ----------
    model
        The detector.
    batch
        The training batch.
    recipe
        The resolved recipe.
    step
        Counted from 0; below ``pretraining.steps`` the reconstruction alone counts.
    """
    if recipe.loss.mask and recipe.model.translator.alone and batch.masks is not None:
        mask = mask_loss(model.mask_logits(batch.inputs), batch.masks)
        return {"total": recipe.loss.mask * mask, "mask": mask}
    sequential = recipe.pretraining.steps > 0
    rebuilds = step < recipe.pretraining.steps
    reconstruct = rebuilds if sequential else recipe.loss.weight > 0
    output = model(batch.inputs, reconstruct, translate=recipe.loss.mask > 0)
    targets = to_planes(batch.pictures) if reconstruct else None
    losses = joint_loss(output, targets, batch.labels, recipe.loss, batch.wanted)
    if sequential:
        losses = losses._replace(total=losses.reconstruction if rebuilds else losses.classification)
    if output.mask_logits is None or batch.masks is None:
        return losses._asdict()
    mask = mask_loss(output.mask_logits, batch.masks)
    return losses._asdict() | {"total": losses.total + recipe.loss.mask * mask, "mask": mask}


def classifier_losses(
    model: JointDetector, batch: TrainingBatch, recipe: RecipeSections, pretext: str
) -> Mapping[str, Tensor]:
    """Return the losses of a batch once the encoder is pre-trained: the classifier's alone.

    Parameters
    ----------
    model
        The detector.
    batch
        The training batch.
    recipe
        The resolved recipe.
    pretext
        Name of the loss that pre-trained the encoder, 0 here.
    """
    total = classification_loss(logits(model, batch.inputs), batch.wanted, recipe.loss.label_smoothing)
    return {"total": total, "classification": total, pretext: torch.zeros_like(total)}


def logits(model: JointDetector, inputs: Tensor) -> Tensor:
    """Return the classifier's logits (N,); nothing is rebuilt.

    Parameters
    ----------
    model
        The detector.
    inputs
        As `JointDetector.forward` reads them.
    """
    return cast(Tensor, model(inputs, reconstruct=False).logit)


def before_step(model: JointDetector, recipe: RecipeSections, step: int) -> None:
    """Freeze what the recipe wants still: the encoder after pretraining, or all but the translator.

    Parameters
    ----------
    model
        The detector.
    recipe
        The resolved recipe.
    step
        The step that follows, counted from 0.
    """
    if model.translator is not None and recipe.model.translator.alone:
        model.eval()
        model.translator.train()
    options = recipe.pretraining
    if options.steps and options.encoder == "frozen" and step >= options.steps:
        for part in (model.backbone, model.encoder):
            part.requires_grad_(False).eval()


def tuned_trunk(model: JointDetector, recipe: RecipeSections) -> TunedTrunk:
    """Return what was tuned of the trunk, under the names of its graph.

    Parameters
    ----------
    model
        The trained detector.
    recipe
        The resolved recipe.

    Raises
    ------
    ValueError
        When more was trained than norms and biases of a built-in trunk.
    """
    backbone = model.options.backbone
    if backbone.tune not in ("norms", "biases") or backbone.pretrained or recipe.trunk.file:
        raise ValueError("only the norms and biases of a built-in trunk can be exported beside a head")
    network = cast(Backbone, model.backbone).network
    tuned = {id(parameter) for parameter in trained_parameters(network, backbone)}
    arrays = {
        name: value.detach().numpy() for name, value in network.named_parameters() if id(value) in tuned
    }
    return TunedTrunk(earlier=(backbone.start,) if backbone.levels == 2 else (), constants=arrays)
