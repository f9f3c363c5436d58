"""The network that an export writes: one head, or several whose logits are averaged, and what stands around them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unmask.models import JointDetector
from unmask.training.calibrate import Platt
from unmask.training.module import model_input


class Exported(nn.Module):
    """A detector with what stands before and behind it: pixel order, range, calibration.

    Of several heads the logit, also of each place, is the mean; the first one rebuilds. They read one trunk's map:
    a head with fewer channels reads the last ones. Their last layers are joined into one, so that the logit still is
    a weighted sum of one hidden layer.
    """

    def __init__(self, heads: Sequence[JointDetector], platt: Platt) -> None:
        super().__init__()
        self.heads, self.platt = nn.ModuleList(heads), platt
        self.first = heads[0]
        self.reads_maps = self.first.options.backbone.reads_maps
        self.last = _joined([head.classifier.last for head in heads])

    def forward(self, entry: Tensor) -> tuple[Tensor, ...]:
        """Give what ``outputs`` names."""
        latents = self._latents(model_input(entry))
        hidden = torch.cat([head.classifier.hidden(latent) for head, latent in latents], dim=1)
        logit = self.last(hidden).squeeze(1)
        score = torch.sigmoid(logit * self.platt.slope + self.platt.intercept)
        patches = torch.stack([head.classifier.at_each_place(latent) for head, latent in latents]).mean(dim=0)
        if self.first.decoder is None:
            return logit, score, patches
        return logit, score, patches, self.first.decoder(latents[0][1])

    def _latents(self, features: Tensor) -> list[tuple[JointDetector, Tensor]]:
        latents = []
        for head in self.heads:
            assert isinstance(head, JointDetector)
            own = (
                features[:, -head.options.backbone.map_channels :]
                if self.reads_maps
                else head.backbone(features)
            )
            latents.append((head, head.encoder(own)))
        return latents

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, in order."""
        return ["logit", "score", "patch_logits"] + ["reconstruction"] * (self.first.decoder is not None)

    def example(self, count: int) -> Tensor:
        """Make an input of the right shape out of noise."""
        generator = torch.Generator().manual_seed(0)
        backbone = self.first.options.backbone
        if self.reads_maps:
            return torch.randn(count, backbone.grid**2, backbone.map_channels, generator=generator)
        shape = (count, backbone.input_size, backbone.input_size, 3)
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def _joined(layers: Sequence[nn.Linear]) -> nn.Linear:
    """Make one layer whose output is the mean of the layers' outputs, each of which has inputs of its own."""
    weight = torch.cat([layer.weight for layer in layers], dim=1) / len(layers)
    joined = nn.Linear(weight.shape[1], 1)
    with torch.no_grad():
        joined.weight.copy_(weight)
        joined.bias.copy_(torch.stack([layer.bias for layer in layers]).mean(dim=0))
    return joined
