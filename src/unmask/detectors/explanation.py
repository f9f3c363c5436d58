"""Where in a crop a detector's answer comes from: maps to look at, no proof."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Explanation:
    """Where in one crop an answer comes from; each map is None where the detector does not give it.

    Parameters
    ----------
    patch_logits
        (h', w') float32, the classifier's raw logit of each place of its map alone; the crop's own logit is not their
        mean. A hint, no proof: every place has seen the whole crop, and the classifier was not trained on single
        places.
    reconstruction
        (h, w, 3) uint8 RGB, the crop as the decoder rebuilds it.
    error_map
        (h, w) float32 in [0, 1], the absolute difference between the crop and its reconstruction, mean over the three
        colours, at the decoder's resolution; its mean is the crop's reconstruction error.
    """

    patch_logits: Floats | None
    reconstruction: npt.NDArray[np.uint8] | None
    error_map: Floats | None


def error_map(crop: npt.NDArray[np.uint8], rebuilt: Floats) -> Floats:
    """Return the difference between a crop and its reconstruction, (h, w) float32 in [0, 1].

    Parameters
    ----------
    crop
        (H, W, 3) uint8.
    rebuilt
        (h, w, 3) in [0, 1].
    """
    small = Image.fromarray(crop).resize((rebuilt.shape[1], rebuilt.shape[0]), Image.Resampling.BOX)
    difference: Floats = np.abs(np.asarray(small, np.float32) / 255 - rebuilt).mean(axis=2, dtype=np.float32)
    return difference
