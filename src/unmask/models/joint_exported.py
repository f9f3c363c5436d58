"""The joint detector as an export writes it: one head or several, with patch logits and the rebuilt face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from unmask.detectors import Calibration
from unmask.models.exported import Exported
from unmask.models.inputs import model_input
from unmask.models.joint import JointDetector


class JointExported(Exported):
    """Joint detectors with what stands before and behind them.

    Of several heads the logit, also of each place, is the mean; the first one rebuilds. They read one trunk's map:
    a head with fewer channels reads the last ones. Their last layers are joined into one, so that the logit still is
    a weighted sum of one hidden layer.
    """

    def __init__(self, heads: Sequence[JointDetector], calibration: Calibration) -> None:
        super().__init__(heads, calibration)
        self.first = heads[0]
        self.last = _joined([head.classifier.last for head in heads])

    def forward(self, entry: Tensor) -> tuple[Tensor, ...]:
        """Return what ``outputs`` names.

        Parameters
        ----------
        entry
            As in `Exported.forward`.
        """
        latents = self._latents(model_input(entry))
        hidden = torch.cat([head.classifier.hidden(latent) for head, latent in latents], dim=1)
        logit = self.last(hidden).squeeze(1)
        score = self.score(logit)
        patches = torch.stack([head.classifier.at_each_place(latent) for head, latent in latents]).mean(dim=0)
        if self.first.decoder is None:
            return logit, score, patches
        return logit, score, patches, self.first.decoder(latents[0][1])

    def _latents(self, features: Tensor) -> list[tuple[JointDetector, Tensor]]:
        latents = []
        for head in self.heads:
            assert isinstance(head, JointDetector)
            own = self.own_part(features, head.options)
            # A tuned trunk's blocks are not part of the head: it is given what lies behind them.
            latents.append((head, head.encoder(head.backbone(own) if self.entry == "crops" else own)))
        return latents

    def own_part(self, inputs: Tensor, options: Any) -> Tensor:
        """Return the part of an input that a head reads: of maps, the last of their channels.

        Parameters
        ----------
        inputs
            What the exported model reads.
        options
            Of the head.
        """
        return inputs if self.entry == "crops" else inputs[:, -options.backbone.map_channels :]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, in order."""
        return ["logit", "score", "patch_logits"] + ["reconstruction"] * (self.first.decoder is not None)

    @property
    def entry_shape(self) -> tuple[int, ...]:
        """Shape of one stored input: of maps, those of the whole trunk."""
        backbone = self.first.options.backbone
        if self.entry == "map":
            return backbone.grid**2, backbone.map_channels
        return self.options.input_shape


def _joined(layers: Sequence[nn.Linear]) -> nn.Linear:
    """Make one layer whose output is the mean of the layers' outputs, each of which has inputs of its own."""
    weight = torch.cat([layer.weight for layer in layers], dim=1) / len(layers)
    joined = nn.Linear(weight.shape[1], 1)
    with torch.no_grad():
        joined.weight.copy_(weight)
        joined.bias.copy_(torch.stack([layer.bias for layer in layers]).mean(dim=0))
    return joined
