"""The joint loss: binary cross-entropy, alone or with a loss over pairs, + lambda x reconstruction."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from unmask.models.joint import JointOutput
from unmask.models.options import LossOptions


class Losses(NamedTuple):
    """Scalars: ``total = classification + weight * reconstruction``; classification includes the pairs' part."""

    total: Tensor
    classification: Tensor
    reconstruction: Tensor


def joint_loss(
    output: JointOutput,
    images: Tensor | None,
    labels: Tensor,
    options: LossOptions,
    wanted: Tensor | None = None,
) -> Losses:
    """Return the losses of a batch.

    Parameters
    ----------
    output
        Of both branches.
    images
        (N, 3, H, W) float in [0, 1], averaged down to the reconstruction's size; None with weight 0.
    labels
        (N,), 0 real, 1 fake.
    options
        With `target` = real, fakes take no part in the reconstruction loss; a batch without real faces has one of 0.
    wanted
        (N,) in [0, 1], the target probabilities in place of the labels.
    """
    classification = classification_loss(
        output.logit, labels if wanted is None else wanted, options.label_smoothing
    )
    if options.pairs:
        classification = classification + options.pairs * pair_loss(output.logit, labels)
    if options.weight == 0 or output.reconstruction is None or images is None:
        return Losses(classification, classification, classification.new_zeros(()))
    errors = reconstruction_errors(output.reconstruction, images, options.reconstruction)
    reconstruction = errors.mean()
    if options.target == "real":
        real = (labels < 0.5).to(errors.dtype)
        reconstruction = (errors * real).sum() / real.sum().clamp(min=1.0)
    return Losses(classification + options.weight * reconstruction, classification, reconstruction)


def classification_loss(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the binary cross-entropy.

    Parameters
    ----------
    logits
        (N,).
    labels
        (N,) in [0, 1].
    smoothing
        Moves the labels to `smoothing` and 1 - `smoothing`.
    """
    targets = labels.to(torch.float32) * (1.0 - 2.0 * smoothing) + smoothing
    return F.binary_cross_entropy_with_logits(logits.float(), targets)


def pair_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logistic loss of how far the fake of each pair scores above its real crop (Burges et al., 2005).

    Parameters
    ----------
    logits
        (N,).
    labels
        (N,), 0 real, 1 fake, as many of each: the k-th fake belongs to the k-th real crop.
    """
    fake = labels >= 0.5
    above = logits[fake].float() - logits[~fake].float()
    return F.softplus(-above).mean()


def reconstruction_errors(rebuilt: Tensor, images: Tensor, kind: str = "l1") -> Tensor:
    """Return the error of each rebuilt face, (N,).

    Parameters
    ----------
    rebuilt
        (N, 3, h, w) in [0, 1].
    images
        (N, 3, H, W) in [0, 1].
    kind
        Mean absolute error (`l1`), mean squared error (`mse`), or 1 - structural similarity (`ssim`).
    """
    rebuilt = rebuilt.float()
    wanted = F.adaptive_avg_pool2d(images.float(), (rebuilt.shape[-2], rebuilt.shape[-1]))
    if kind == "ssim":
        return 1.0 - structural_similarity(rebuilt, wanted)
    difference = rebuilt - wanted
    return (difference.abs() if kind == "l1" else difference.square()).mean(dim=(1, 2, 3))


def structural_similarity(a: Tensor, b: Tensor, window: int = 11, sigma: float = 1.5) -> Tensor:
    """Return the structural similarity (Wang et al., 2004) of each pair of images, (N,).

    Borders are mirrored, so every place counts.

    Parameters
    ----------
    a, b
        (N, C, H, W) in [0, 1]; H and W are more than half of `window`.
    window, sigma
        Side and standard deviation of the Gaussian window, in pixels.
    """
    places = torch.arange(window, dtype=a.dtype, device=a.device) - (window - 1) / 2
    line = torch.exp(-places.square() / (2 * sigma**2))
    line = line / line.sum()
    channels = a.shape[1]
    kernel = torch.outer(line, line).expand(channels, 1, window, window)
    a, b = (F.pad(image, [window // 2] * 4, mode="reflect") for image in (a, b))
    stacked = torch.cat([a, b, a * a, b * b, a * b])
    mean_a, mean_b, aa, bb, ab = F.conv2d(stacked, kernel, groups=channels).chunk(5)
    covariance = ab - mean_a * mean_b
    variance = (aa - mean_a.square()).clamp(min=0) + (bb - mean_b.square()).clamp(min=0)
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean_a.square() + mean_b.square() + c1) * (variance + c2))
    return similarity.mean(dim=(1, 2, 3))
