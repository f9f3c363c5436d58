"""Layers that the parts of the joint detector share."""

from __future__ import annotations

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
