"""Layers that networks of several families share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each place: (N, C, h, w) -> (N, C, h, w).

    A transformer's map has a few tokens many times longer than the rest, and later blocks' are longer than earlier
    ones': this puts them on one scale, the channels of each of its levels (C / levels in a row) by themselves.
    """

    def __init__(self, channels: int, levels: int = 1) -> None:
        super().__init__(channels)
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        """Return the map with each place normalised.

        Parameters
        ----------
        x
            (N, C, h, w).
        """
        places = x.permute(0, 2, 3, 1)
        if self.levels == 1:
            return super().forward(places).permute(0, 3, 1, 2)
        parts = places.unflatten(3, (self.levels, -1))
        normal = F.layer_norm(parts, parts.shape[4:], eps=self.eps).flatten(3)
        return (normal * self.weight + self.bias).permute(0, 3, 1, 2)


class CrossStitch(nn.Module):
    """Mixes the features of two branches linearly: each gets a weighted sum of both (Misra et al., arXiv 1604.03539).

    The weights are one vector, so that no weight decay pulls them to zero.

    Parameters
    ----------
    channels
        Of the features, where each has weights of its own; else 1.
    own_share
        Weight of a branch's own features at the start; the other's have 1 - ``own_share``.
    """

    def __init__(self, channels: int, own_share: float) -> None:
        super().__init__()
        start = torch.tensor([own_share, 1 - own_share, 1 - own_share, own_share])
        self.weight = nn.Parameter(start.repeat_interleave(channels))

    def forward(self, pixels: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixed features of both branches.

        Parameters
        ----------
        pixels, frequencies
            (N, C, h, w).
        """
        to_pixels, to_frequencies = self.matrix().unsqueeze(3).unsqueeze(4)
        return (
            to_pixels[0] * pixels + to_pixels[1] * frequencies,
            to_frequencies[0] * pixels + to_frequencies[1] * frequencies,
        )

    def matrix(self) -> Tensor:
        """Return the weights (2, 2, channels): to which branch, from which; pixels first."""
        return self.weight.view(2, 2, -1)


def convolution(inputs: int, outputs: int, kernel: int, stride: int, activation: str) -> list[nn.Module]:
    """Return a convolution of a square kernel, BatchNorm and an activation.

    Parameters
    ----------
    inputs, outputs
        Channels.
    kernel, stride
        Of the convolution.
    activation
        ``gelu`` or ``relu``.
    """
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return [layer, nn.BatchNorm2d(outputs), nn.GELU() if activation == "gelu" else nn.ReLU()]
