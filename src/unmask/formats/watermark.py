"""The invisible watermark that open diffusion pipelines write: read without the library that writes it.

The method is `dwtDct` of the package invisible-watermark: in each block of 4 x 4 coefficients of the Haar
approximation of U (of YUV), the largest one after the first is moved to a quarter or three quarters of a step of 36,
for a bit of 0 or 1. The bits of a message follow each other over the blocks, again and again, so that they are read by
majority.
"""

from __future__ import annotations

from functools import cache
from math import comb
from typing import TYPE_CHECKING

from unmask.formats.generators import OriginMark

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_STEP = 36.0
_BLOCK = 4
_LEAST_PIXELS = 256 * 256  # Smaller pictures get none.
_MOST_PIXELS = 20_000_000  # Generators write smaller ones; what is scaled has lost it.
_CHANCE = 1e-8  # That random bits fit a message as well.
_MOST_WRONG = 1 / 8  # Of the bits of a message: those of pictures are not random.

# As the reference pipelines have them; FLUX's is written without its two leading zeros.
MESSAGES = {
    "Stable Diffusion 1": "".join(f"{byte:08b}" for byte in b"StableDiffusionV1"),
    "Stable Diffusion 1, inpainting": "".join(f"{byte:08b}" for byte in b"StableDiffusionV1-Inpainting"),
    "Stable Diffusion 2": "".join(f"{byte:08b}" for byte in b"SDV2"),
    "Stable Diffusion XL": "101100111110110010010000011110111011000110011110",
    "FLUX": "1010101111111010000111100111001111010100101110",
}


def watermark_of(image: NDArray[np.uint8]) -> OriginMark | None:
    """Return the known watermark that a picture carries; None for any other picture.

    It is lost when a picture is scaled, turned, cut or strongly compressed.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    """
    if not _LEAST_PIXELS <= image.shape[0] * image.shape[1] <= _MOST_PIXELS or min(image.shape[:2]) < 8:
        return None
    votes = _votes(image)
    for program, message in MESSAGES.items():
        length = len(message)
        read = decoded(votes, length)
        agreeing = sum(bit == (letter == "1") for bit, letter in zip(read, message, strict=True))
        if length - agreeing <= _wrong_bits(length):
            value = f"{agreeing} of {length} bits of the pattern"
            return OriginMark("watermark", "generated", value, "pixels (DWT-DCT)", program)
    return None


@cache
def _wrong_bits(length: int) -> int:
    """Return how many bits of a message may be wrong."""
    tail = [float(sum(comb(length, n) for n in range(wrong + 1)) / 2**length) for wrong in range(length)]
    return min(sum(chance < _CHANCE for chance in tail) - 1, int(length * _MOST_WRONG))


def decoded(votes: NDArray[np.bool_], length: int) -> list[bool]:
    """Return a message of some length, each bit by the majority of its blocks.

    Parameters
    ----------
    votes
        (N,) of each block.
    length
        Bits.
    """
    import numpy as np

    place = np.arange(len(votes)) % length
    share = np.bincount(place, votes, length) / np.maximum(np.bincount(place, minlength=length), 1)
    return [bool(bit) for bit in share * 255 > 127]


def _votes(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the bit that each block says, row by row."""
    import numpy as np

    height, width = (side // 4 * 4 for side in image.shape[:2])
    red, green, blue = (image[:height, :width, channel].astype(np.int32) for channel in range(3))
    # OpenCV's whole numbers for YUV, in 1/16384.
    luma = (4899 * red + 9617 * green + 1868 * blue + 8192) >> 14
    chroma = np.clip(((blue - luma) * 8061 + (128 << 14) + 8192) >> 14, 0, 255)
    low = chroma.reshape(height // 2, 2, width // 2, 2).sum(axis=(1, 3)) / 2
    rows, columns = low.shape[0] // _BLOCK, low.shape[1] // _BLOCK
    low = low[: rows * _BLOCK, : columns * _BLOCK]
    blocks = low.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2).reshape(rows * columns, _BLOCK**2)
    votes: NDArray[np.bool_] = blocks[:, 1:].max(axis=1) % _STEP > _STEP / 2
    return votes
