"""The two-branch detector after Yan, Li, Lu (arXiv 2211.13424): one encoder, a classifier and a decoder.

backbone -> feature map -> shared convolutional encoder -> latent -> classifier and decoder at the same time.
What the paper leaves open is an option (`JointOptions`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.models.backbones import build_backbone
from unmask.models.encoders import build_encoder
from unmask.models.families.joint import JointOptions
from unmask.models.options import ClassifierOptions, DecoderOptions, LossOptions
from unmask.models.translator import Translator


class JointOutput(NamedTuple):
    """Output of both branches for a batch.

    Parameters
    ----------
    logit
        (N,), above 0 means manipulated.
    reconstruction
        (N, 3, h, w) in [0, 1]; None when it was not asked for or the detector has no decoder.
    latent
        (N, C, h', w').
    mask_logits
        (N, side, side), above 0 where the face seems to be manipulated; None when it was not asked for or the detector
        has no translator.
    """

    logit: Tensor
    reconstruction: Tensor | None
    latent: Tensor
    mask_logits: Tensor | None = None


class JointDetector(nn.Module):
    """Classifies a face, rebuilds it from the same latent, and may map where it is manipulated."""

    def __init__(self, options: JointOptions) -> None:
        super().__init__()
        self.options = options
        self.backbone, channels, side = build_backbone(options.backbone)
        self.encoder = build_encoder(options.encoder, channels, options.backbone.levels)
        latent_channels, latent_side = channels, side
        if options.encoder.kind == "conv":
            latent_channels = options.encoder.width * (2 if options.encoder.frequencies else 1)
            if options.encoder.depth and options.encoder.stride == 2:
                latent_side = math.ceil(side / 2)
        self.classifier = Classifier(options.classifier, latent_channels)
        self.decoder = (
            Decoder(options.decoder, latent_channels, latent_side) if options.decoder.enabled else None
        )
        self.translator: Translator | None = None
        if options.translator is not None:
            if options.translator.reads == "map":
                levels = options.backbone.levels
                self.translator = Translator(options.translator, channels, side, levels)
            else:
                self.translator = Translator(options.translator, latent_channels, latent_side)
            if options.translator.alone:
                self.requires_grad_(False)
                self.translator.requires_grad_(True)

    def forward(self, x: Tensor, reconstruct: bool = True, translate: bool = False) -> JointOutput:
        """Run both branches, or the classifier alone.

        Parameters
        ----------
        x
            (N, 3, S, S) float RGB in [0, 1], or (N, channels, grid, grid) maps where the backbone is `maps`.
        reconstruct
            Whether to run the decoder.
        translate
            Whether to run the translator.
        """
        return self.judge(self.backbone(x), reconstruct, translate)

    def judge(self, features: Tensor, reconstruct: bool = True, translate: bool = False) -> JointOutput:
        """Run both branches on the backbone's feature map.

        Parameters
        ----------
        features
            (N, channels, grid, grid).
        reconstruct
            Whether to run the decoder.
        translate
            Whether to run the translator.
        """
        latent = self.encoder(features)
        rebuilt = self.decoder(latent) if reconstruct and self.decoder is not None else None
        mask = None
        if translate and self.translator is not None:
            mask = self.translator(features if self.translator.options.reads == "map" else latent)
        return JointOutput(self.classifier(latent), rebuilt, latent, mask)

    def mask_logits(self, x: Tensor) -> Tensor:
        """Run the translator, and of the rest what it reads: (N, side, side).

        Parameters
        ----------
        x
            As for `forward`.
        """
        assert self.translator is not None
        features = self.backbone(x)
        logits: Tensor = self.translator(
            features if self.translator.options.reads == "map" else self.encoder(features)
        )
        return logits


def build_model(options: JointOptions, loss: LossOptions | None = None) -> JointDetector:
    """Build the detector; pretrained weights are read where the options name them.

    Parameters
    ----------
    options
        The section ``model`` of a recipe.
    loss
        With a reconstruction weight of 0 there is no decoder, with a mask weight of 0 no translator: nothing of it is
        held or computed.
    """
    if loss is not None and loss.weight == 0:
        options = options.without_decoder()
    if loss is not None and loss.mask == 0:
        options = options.model_copy(update={"translator": None})
    return JointDetector(options)


class Classifier(nn.Module):
    """Pools the latent over places and gives one logit: (N, C, h, w) -> (N,)."""

    def __init__(self, options: ClassifierOptions, channels: int) -> None:
        super().__init__()
        self.pool = options.pool
        self.attention = nn.Conv2d(channels, 1, 1) if options.pool == "attention" else None
        width = channels * (2 if options.pool in ("mean_max", "mean_std") else 1)
        layers: list[nn.Module] = [nn.Dropout(options.dropout)]
        if options.hidden:
            layers += [nn.Linear(width, options.hidden), nn.ReLU(), nn.Dropout(options.dropout)]
        layers.append(nn.Linear(options.hidden or width, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, latent: Tensor) -> Tensor:
        """Return the logits (N,).

        Parameters
        ----------
        latent
            (N, C, h, w).
        """
        logit: Tensor = self.last(self.hidden(latent))
        return logit.squeeze(1)

    def hidden(self, latent: Tensor) -> Tensor:
        """Return what the last layer reads, (N, hidden).

        Parameters
        ----------
        latent
            (N, C, h, w).
        """
        values: Tensor = self.layers[:-1](self._pooled(latent))
        return values

    @property
    def last(self) -> nn.Linear:
        """The layer that gives the logit."""
        layer = self.layers[-1]
        assert isinstance(layer, nn.Linear)
        return layer

    def at_each_place(self, latent: Tensor) -> Tensor:
        """Return the logit that each place would get if the whole latent were like it, (N, h, w).

        Pooling over one place is that place (its mean and its maximum alike). A hint where to look, no proof: the
        classifier was never trained on single places, and each of them has seen the whole face.

        Parameters
        ----------
        latent
            (N, C, h, w).
        """
        count, channels, height, width = latent.shape
        places = latent.permute(0, 2, 3, 1).reshape(count * height * width, channels, 1, 1)
        logits: Tensor = self(places)
        return logits.reshape(count, height, width)

    def _pooled(self, latent: Tensor) -> Tensor:
        places = latent.flatten(2)
        if self.attention is not None:
            weights = self.attention(latent).flatten(2).softmax(dim=2)
            pooled: Tensor = (places * weights).sum(dim=2)
            return pooled
        mean = places.mean(dim=2)
        if self.pool == "mean_max":
            return torch.cat([mean, places.amax(dim=2)], dim=1)
        if self.pool == "mean_std":
            # The constant keeps the root's gradient finite where a channel is the same everywhere.
            deviation = ((places - mean.unsqueeze(2)).square().mean(dim=2) + 1e-6).sqrt()
            return torch.cat([mean, deviation], dim=1)
        return mean


class Decoder(nn.Module):
    """Rebuilds the face: (N, C, s, s) -> (N, 3, resolution, resolution) in [0, 1].

    Transposed convolutions of stride 2 with BatchNorm and ReLU, then a 3x3 convolution and a sigmoid. A
    resolution that is no power of two times the latent's side is reached by one bilinear step at the end.
    """

    def __init__(self, options: DecoderOptions, channels: int, side: int) -> None:
        super().__init__()
        self.resolution = options.resolution
        doublings = max(0, math.ceil(math.log2(options.resolution / side)))
        layers: list[nn.Module] = []
        for index in range(doublings):
            width = max(16, options.width >> index)
            layers += [
                nn.ConvTranspose2d(channels, width, 4, 2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels = width
        layers.append(nn.Conv2d(channels, 3, 3, padding=1))
        self.layers = nn.Sequential(*layers)
        self.resize = side * 2**doublings != options.resolution

    def forward(self, latent: Tensor) -> Tensor:
        """Return the rebuilt faces, (N, 3, resolution, resolution) in [0, 1].

        Parameters
        ----------
        latent
            (N, C, h, w).
        """
        image: Tensor = self.layers(latent)
        if self.resize:
            size = (self.resolution, self.resolution)
            image = F.interpolate(image, size, mode="bilinear", align_corners=False)
        return image.sigmoid()
