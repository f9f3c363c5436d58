"""The network that an export writes: one network, or the mean of several, between stored inputs and a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from unmask.detectors import Calibration
from unmask.models.inputs import model_input
from unmask.models.registry import FamilyOptions


class Exported(nn.Module):
    """Networks of one family with what stands before and behind them: pixel order, range, mean, calibration.

    Each network is called with inputs as in training and gives logits (N,). A family whose networks give more has a
    subclass with further outputs. Of several networks on one trunk's maps, one with fewer channels reads the last ones.
    """

    def __init__(self, models: Sequence[Any], calibration: Calibration) -> None:
        super().__init__()
        self.heads, self.calibration = nn.ModuleList(models), calibration
        self.options: FamilyOptions = models[0].options

    def forward(self, entry: Tensor) -> tuple[Tensor, ...]:
        """Return what ``outputs`` names.

        Parameters
        ----------
        entry
            What the exported model reads: crops (N, S, S, 3) or a map (N, places, channels).
        """
        inputs = model_input(entry)
        logits = [model(self.own_part(inputs, model.options)) for model in self.heads]
        # One network's logit stays what its last layer gives, which `unmask audit` looks for.
        logit = logits[0] if len(logits) == 1 else torch.stack(logits).mean(dim=0)
        return logit, self.score(logit)

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, in order."""
        return ["logit", "score"]

    @property
    def entry(self) -> str:
        """Name of the input: ``crops`` (N, S, S, 3) uint8 RGB, or ``map`` (N, places, channels) float32."""
        return "crops" if self.options.reads == "crops" else "map"

    def score(self, logit: Tensor) -> Tensor:
        """Return calibrated scores in [0, 1].

        Parameters
        ----------
        logit
            (N,).
        """
        return torch.sigmoid(logit * self.calibration.slope + self.calibration.intercept)

    def own_part(self, inputs: Tensor, options: Any) -> Tensor:
        """Return the part of an input that one network reads: of maps, the last of their channels.

        Parameters
        ----------
        inputs
            What the exported model reads.
        options
            Of that network.
        """
        return inputs if self.entry == "crops" else inputs[:, -options.input_shape[-1] :]

    def example(self, count: int) -> Tensor:
        """Return noise of the shape that the model reads.

        Parameters
        ----------
        count
            Number of items.
        """
        generator = torch.Generator().manual_seed(0)
        shape = (count, *self.entry_shape)
        if self.entry == "map":
            return torch.randn(*shape, generator=generator)
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)

    @property
    def entry_shape(self) -> tuple[int, ...]:
        """Shape of one stored input."""
        return self.options.input_shape
