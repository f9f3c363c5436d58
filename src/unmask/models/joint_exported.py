"""The joint detector as an export writes it: heads with patch logits, the rebuilt face and the map of the blend."""

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

    Of several heads the logit, also of each place, is the mean; the first one rebuilds and maps the blend. They read
    one trunk's map: a head with fewer channels reads the last ones. Their last layers are joined into one, so that the
    logit still is a weighted sum of one hidden layer.
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
        read = self._read(model_input(entry))
        hidden = torch.cat([head.classifier.hidden(latent) for head, _, latent in read], dim=1)
        logit = self.last(hidden).squeeze(1)
        score = self.score(logit)
        patches = torch.stack([head.classifier.at_each_place(latent) for head, _, latent in read]).mean(dim=0)
        first, features, latent = read[0]
        further = []
        if first.decoder is not None:
            further.append(first.decoder(latent))
        if first.translator is not None:
            read_map = first.translator.options.reads == "map"
            further.append(torch.sigmoid(first.translator(features if read_map else latent)))
        return logit, score, patches, *further

    def _read(self, inputs: Tensor) -> list[tuple[JointDetector, Tensor, Tensor]]:
        """Return each head with the map that its encoder reads and its latent."""
        read = []
        for head in self.heads:
            assert isinstance(head, JointDetector)
            own = self.own_part(inputs, head.options)
            # A tuned trunk's blocks are not part of the head: it is given what lies behind them.
            features = head.backbone(own) if self.entry == "crops" else own
            read.append((head, features, head.encoder(features)))
        return read

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
        further = {"reconstruction": self.first.decoder, "blend_mask": self.first.translator}
        return ["logit", "score", "patch_logits"] + [
            name for name, part in further.items() if part is not None
        ]

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
