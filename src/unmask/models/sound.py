"""Log-mel bands of a sound, as a network layer: an exported detector reads samples."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

RATE = 16_000
HOP = 160
BANDS = 40
MEL_PER_FRAME = 4
"""Columns of the log-mel bands in one frame of a video at 25 a second."""

_WINDOW, _FFT = 400, 512
_LOWEST, _HIGHEST = 60.0, 7600.0  # Hz.
_FLOOR = 1e-6


def mel_filters(bands: int = BANDS) -> NDArray[np.float64]:
    """Return triangles that are even on O'Shaughnessy's mel scale, (bands, 257), each with its peak at 1.

    Parameters
    ----------
    bands
        Their number.
    """
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (_LOWEST, _HIGHEST))
    edges = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    bins = np.arange(_FFT // 2 + 1) * RATE / _FFT
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0, None)


class LogMel(nn.Module):
    """Turns samples (N, L) at 16 kHz into log-mel bands (N, BANDS, L / 160), each column centred on its 10 ms."""

    def __init__(self) -> None:
        super().__init__()
        times, bins = np.arange(_WINDOW), np.arange(_FFT // 2 + 1)
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * times / _WINDOW)
        angles = 2 * np.pi * bins[:, None] * times / _FFT
        waves = np.concatenate([np.cos(angles), np.sin(angles)]) * hann
        self.register_buffer("waves", torch.tensor(waves[:, None], dtype=torch.float32), persistent=False)
        self.register_buffer("filters", torch.tensor(mel_filters(), dtype=torch.float32), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Return the bands, natural logarithms of power.

        Parameters
        ----------
        samples
            (N, L) float32 in [-1, 1], L a multiple of 160.
        """
        waves: Tensor = self.get_buffer("waves")
        around = (_WINDOW - HOP) // 2
        parts = F.conv1d(F.pad(samples[:, None], (around, around)), waves, stride=HOP)
        half = waves.shape[0] // 2
        power = parts[:, :half].square() + parts[:, half:].square()
        return torch.log(torch.einsum("bf,nft->nbt", self.get_buffer("filters"), power) + _FLOOR)
