"""Frequencies of a picture as a network's input: DCT, FFT or Haar by matrix products, which ONNX knows as well."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from unmask.detectors.patch_frequencies import FLOOR, dct_matrix

Transform = Literal["dct", "fft", "haar"]


class LogSpectrum(nn.Module):
    """Takes pictures to the logarithm of the absolute values of their transform: (N, C, S, S) -> (N, C, S, S).

    Each transform is orthonormal and acts on rows and columns by one matrix: ``dct`` the DCT-II; ``fft`` the discrete
    Fourier transform with frequency 0 in the middle; ``haar`` one level of the Haar wavelet, the averages first and the
    differences behind them.
    """

    real: Tensor
    imaginary: Tensor | None

    def __init__(self, transform: Transform, side: int) -> None:
        super().__init__()
        matrices = {"dct": cosine_matrix, "fft": fourier_matrix, "haar": haar_matrix}
        matrix = matrices[transform](side)
        real, imaginary = (matrix.real, matrix.imag) if matrix.is_complex() else (matrix, None)
        self.register_buffer("real", real.float(), persistent=False)
        self.register_buffer("imaginary", None if imaginary is None else imaginary.float(), persistent=False)

    def coefficients(self, x: Tensor) -> Tensor:
        """Return the coefficients, of ``fft`` their absolute values.

        Parameters
        ----------
        x
            (N, C, S, S).
        """
        rows = self.real @ x
        if self.imaginary is None:
            return rows @ self.real.T
        other = self.imaginary @ x
        real = rows @ self.real.T - other @ self.imaginary.T
        imaginary = rows @ self.imaginary.T + other @ self.real.T
        magnitudes: Tensor = (real.square() + imaginary.square()).sqrt()
        return magnitudes

    def forward(self, x: Tensor) -> Tensor:
        """Return the logarithms.

        Parameters
        ----------
        x
            (N, C, S, S) in [0, 1].
        """
        logarithms: Tensor = (self.coefficients(x).abs() + FLOOR).log()
        return logarithms


def cosine_matrix(side: int) -> Tensor:
    """Return the orthonormal DCT-II, (side, side) float64: a row a frequency.

    Parameters
    ----------
    side
        Number of values.
    """
    return torch.from_numpy(dct_matrix(side))


def fourier_matrix(side: int) -> Tensor:
    """Return the orthonormal Fourier transform, (side, side) complex128: a row a frequency, 0 in the middle.

    Parameters
    ----------
    side
        Number of values.
    """
    places = torch.arange(side, dtype=torch.float64)
    angles = -2 * torch.pi / side * torch.outer(places - side // 2, places)
    return torch.polar(torch.full_like(angles, side**-0.5), angles)


def haar_matrix(side: int) -> Tensor:
    """Return one level of the orthonormal Haar wavelet, (side, side) float64: averages of pairs, then differences.

    Parameters
    ----------
    side
        Number of values, even.
    """
    pairs = torch.eye(side // 2, dtype=torch.float64).repeat_interleave(2, dim=1) * 0.5**0.5
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(side // 2)
    return torch.cat([pairs, pairs * signs])


class Standardised(nn.Module):
    """Takes each value by the mean and deviation that it has in the training set.

    Both are gathered from the first training batches, then stand still. They are part of the weights.

    Parameters
    ----------
    shape
        Of one item.
    items
        Number of items from which on they stand still; the batch that reaches it still counts.
    """

    count: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, shape: tuple[int, ...], items: int) -> None:
        super().__init__()
        self.items = items
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Return the standardised values.

        Parameters
        ----------
        x
            (N, *shape).
        """
        if self.training and self.count < self.items:
            self._gather(x.detach().float())
        return (x - self.mean) / (self.variance + 1e-6).sqrt()

    def _gather(self, x: Tensor) -> None:
        """Join a batch's moments with those of the batches before (Chan et al. 1979)."""
        share = len(x) / (self.count + len(x))
        variance, mean = torch.var_mean(x, dim=0, correction=0)
        shift = mean - self.mean
        within = torch.lerp(self.variance, variance, share)
        self.variance.copy_(within + share * (1 - share) * shift.square())
        self.mean.add_(share * shift)
        self.count.add_(len(x))
