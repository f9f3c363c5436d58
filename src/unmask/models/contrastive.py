"""Contrastive pre-training: two random views of one face lie near each other, those of other faces far away."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.models.families.contrastive import ContrastiveOptions
from unmask.models.inputs import TrainingBatch
from unmask.models.joint import JointDetector
from unmask.models.joint_training import classifier_losses
from unmask.models.registry import RecipeSections

_GAIN = 0.4  # Of each colour channel and of the contrast, at most.
_GREY = 0.2  # Share of views without colour.


class ContrastiveDetector(JointDetector):
    """A classifier, with a projection of its latent while it is pre-trained."""

    options: ContrastiveOptions

    def __init__(self, options: ContrastiveOptions) -> None:
        super().__init__(options)
        self.projector: nn.Module | None = None
        if options.projection:
            self.projector = nn.Sequential(
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.LazyLinear(options.projection),
                nn.ReLU(),
                nn.Linear(options.projection, options.projection),
            )
            example = torch.zeros(1, 3, options.backbone.input_size, options.backbone.input_size)
            self.eval()
            with torch.no_grad():
                self.project(example)
            self.train()

    def project(self, images: Tensor) -> Tensor:
        """Return what views are compared by, (N, projection) of length 1.

        Parameters
        ----------
        images
            (N, 3, S, S) float RGB in [0, 1].
        """
        assert self.projector is not None, "a finished detector has no projection"
        return F.normalize(self.projector(self.encoder(self.backbone(images))).float(), dim=1)


def build(options: ContrastiveOptions, recipe: RecipeSections) -> ContrastiveDetector:
    """Build the detector.

    Parameters
    ----------
    options
        The section ``model`` of the recipe.
    recipe
        The resolved recipe.
    """
    return ContrastiveDetector(options)


def loss(
    model: ContrastiveDetector, batch: TrainingBatch, recipe: RecipeSections, step: int
) -> Mapping[str, Tensor]:
    """Return the losses of a batch: contrastive in the first ``pretraining.steps``, of the classifier afterwards.

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
        views = [random_views(batch.inputs, model.options.zoom) for _ in range(2)]
        first, second = model.project(torch.cat(views)).chunk(2)
        total = contrastive_loss(first, second, model.options.temperature)
        return {"total": total, "classification": torch.zeros_like(total), "contrastive": total}
    return classifier_losses(model, batch, recipe, "contrastive")


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the normalised temperature-scaled cross-entropy (NT-Xent) of Chen et al.

    Each of the 2 N vectors is to find its partner among the 2 N - 1 others by its cosine.

    Parameters
    ----------
    first, second
        (N, D) of length 1; row i of both is one face.
    temperature
        Cosines are divided by it.
    """
    both = torch.cat([first, second])
    with torch.autocast(both.device.type, enabled=False):  # Half precision would round cosines to hundredths.
        cosines = both @ both.T / temperature
    cosines = cosines.masked_fill(torch.eye(len(both), dtype=torch.bool, device=both.device), float("-inf"))
    partners = torch.arange(len(both), device=both.device).roll(len(first))
    return F.cross_entropy(cosines, partners)


def random_views(images: Tensor, zoom: float) -> Tensor:
    """Return a random cut of each image at its own size, mirrored or not, with other colours: (N, 3, S, S) in [0, 1].

    Parameters
    ----------
    images
        (N, 3, S, S) in [0, 1].
    zoom
        Smallest side of a cut, in sides of the image.
    """
    count, device = len(images), images.device
    side = torch.empty(count, device=device).uniform_(zoom, 1)
    place = torch.empty(count, 2, device=device).uniform_(-1, 1) * (1 - side)[:, None]
    mirror = torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)
    affine = torch.zeros(count, 2, 3, device=device)
    affine[:, 0, 0], affine[:, 1, 1], affine[:, :, 2] = side * mirror, side, place
    grid = F.affine_grid(affine, list(images.shape), align_corners=False)
    views = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    gain = torch.empty(count, 3, 1, 1, device=device).uniform_(1 - _GAIN, 1 + _GAIN)
    contrast = torch.empty(count, 1, 1, 1, device=device).uniform_(1 - _GAIN, 1 + _GAIN)
    mean = views.mean(dim=(2, 3), keepdim=True)
    views = ((views - mean) * contrast + mean) * gain
    grey = torch.rand(count, 1, 1, 1, device=device) < _GREY
    return torch.where(grey, views.mean(dim=1, keepdim=True), views).clamp(0, 1)
