"""The shared encoder of the joint detector, alone or with a second branch that reads frequencies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unmask.models.layers import ChannelNorm, CrossStitch, convolution
from unmask.models.options import EncoderOptions


def build_encoder(options: EncoderOptions, channels: int, levels: int = 1) -> nn.Module:
    """Build the shared encoder: (N, channels, s, s) -> (N, width, s / stride, s / stride).

    Parameters
    ----------
    options
        The section ``model.encoder`` of a recipe.
    channels
        Of the map that it reads.
    levels
        Number of maps that stand one after the other in these channels; each is normalised by itself.
    """
    if options.kind == "identity":
        return nn.Identity()
    if options.frequencies:
        return StitchedEncoder(options, channels, levels)
    layers: list[nn.Module] = [ChannelNorm(channels, levels)] if options.normalise else []
    for stage in _stages(options, channels):
        layers += stage
    return nn.Sequential(*layers)


def _stages(options: EncoderOptions, channels: int) -> list[list[nn.Module]]:
    """Return the convolutions, each with its norm and activation."""
    stages = [convolution(channels, options.width, 1, 1, options.activation)]
    for index in range(options.depth):
        stride = options.stride if index == 0 else 1
        stages.append(convolution(options.width, options.width, 3, stride, options.activation))
    return stages


class StitchedEncoder(nn.Module):
    """Two encoders with cross-stitch units between them: of a trunk's map, and of its patches' frequencies.

    (N, channels, s, s) -> (N, 2 x width, s / stride, s / stride), the map's features first. The first of the levels are
    the frequencies; each coefficient is taken by its mean and deviation in training.
    """

    def __init__(self, options: EncoderOptions, channels: int, levels: int) -> None:
        super().__init__()
        self.sizes = [channels // levels, channels - channels // levels]
        of_frequencies, of_map = self.sizes
        self.standardised = nn.BatchNorm2d(of_frequencies, affine=False)
        self.normalised = ChannelNorm(of_map, levels - 1) if options.normalise else nn.Identity()
        self.map = nn.ModuleList(nn.Sequential(*stage) for stage in _stages(options, of_map))
        self.frequencies = nn.ModuleList(nn.Sequential(*stage) for stage in _stages(options, of_frequencies))
        units = options.depth if options.stitch else 0
        self.units = nn.ModuleList(CrossStitch(1, options.own_share) for _ in range(units))

    def forward(self, features: Tensor) -> Tensor:
        """Return the latent of both branches.

        Parameters
        ----------
        features
            (N, channels, s, s), the frequencies first.
        """
        frequencies, tokens = features.split(self.sizes, dim=1)
        now = self.normalised(tokens), self.standardised(frequencies)
        for number, (of_map, of_frequencies) in enumerate(zip(self.map, self.frequencies, strict=True)):
            now = of_map(now[0]), of_frequencies(now[1])
            if number < len(self.units):
                now = self.units[number](*now)
        return torch.cat(now, dim=1)
