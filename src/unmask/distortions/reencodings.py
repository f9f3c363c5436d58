"""What websites do to pictures: fixed re-encodings, after each of which a scan may score a face again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.distortions.codecs import compress_jpeg, compress_video
from unmask.distortions.photometry import resample

Reencode = Callable[[Image.Image], Image.Image]

_scale_and_back = partial(resample, down=Image.Resampling.BICUBIC, up=Image.Resampling.BICUBIC)

REENCODINGS: dict[str, Reencode] = {
    "jpeg_90": partial(compress_jpeg, quality=90),
    "jpeg_70": partial(compress_jpeg, quality=70),
    "scale_75": partial(_scale_and_back, factor=0.75),
    "scale_50": partial(_scale_and_back, factor=0.5),
    "h264_28": partial(compress_video, crf=28),
}
"""By the names that `unmask.verdict.REENCODINGS` puts into words. None draws anything at random."""


def reencode(image: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Re-encode a picture.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    name
        One of `REENCODINGS`.

    Returns
    -------
    numpy.ndarray
        (H, W, 3) uint8 RGB.
    """
    return np.asarray(REENCODINGS[name](Image.fromarray(image)))
