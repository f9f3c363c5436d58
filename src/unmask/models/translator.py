"""The translator: a small network from a latent or a map to a mask of where a face was manipulated.

After X-Distill: a shared latent also serves a second task, here that of the mask which a blend was made with.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from unmask.models.layers import ChannelNorm, convolution
from unmask.models.masks import MASK_SIDE
from unmask.models.options import TranslatorOptions


class Translator(nn.Module):
    """Maps where a face seems to be manipulated: (N, C, s, s) -> logits (N, 28, 28).

    A 1x1 convolution, 3x3 convolutions, transposed convolutions of stride 2 and a 3x3 convolution; a side that is no
    power of two times the input's is reached by one bilinear step at the end.
    """

    def __init__(self, options: TranslatorOptions, channels: int, side: int, levels: int = 0) -> None:
        """Build the layers.

        Parameters
        ----------
        options
            The section ``model.translator`` of a recipe.
        channels
            Of the input.
        side
            Of the input.
        levels
            Number of a trunk's blocks in these channels, each of which is normalised by itself; 0: no normalisation.
        """
        super().__init__()
        self.options = options
        width = options.width
        layers: list[nn.Module] = [ChannelNorm(channels, levels)] if levels else []
        layers += convolution(channels, width, 1, 1, "gelu")
        for _ in range(options.depth):
            layers += convolution(width, width, 3, 1, "gelu")
        doublings = max(0, math.ceil(math.log2(MASK_SIDE / side)))
        for _ in range(doublings):
            half = max(16, width // 2)
            layers += [
                nn.ConvTranspose2d(width, half, 4, 2, padding=1, bias=False),
                nn.BatchNorm2d(half),
                nn.GELU(),
            ]
            width = half
        layers.append(nn.Conv2d(width, 1, 3, padding=1))
        self.layers = nn.Sequential(*layers)
        self.resize = side * 2**doublings != MASK_SIDE

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, 28, 28), above 0 where the face seems to be manipulated.

        Parameters
        ----------
        features
            (N, C, s, s).
        """
        mask: Tensor = self.layers(features)
        if self.resize:
            mask = F.interpolate(mask, (MASK_SIDE, MASK_SIDE), mode="bilinear", align_corners=False)
        return mask.squeeze(1)
