"""Where in a crop or a clip a detector's answer comes from: maps and curves to look at, no proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image

from unmask.detectors.parts import FacePart, shares_of_parts

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
    blend_mask
        (h'', w'') float32 in [0, 1], about the share of each cell that is blended, by a network that was trained on
        blends. No proof: manipulations of other kinds were never shown to it.
    reconstruction
        (h, w, 3) uint8 RGB, the crop as the decoder rebuilds it.
    error_map
        (h, w) float32 in [0, 1], the absolute difference between the crop and its reconstruction, mean over the three
        colours, at the decoder's resolution; its mean is the crop's reconstruction error.
    curves
        Of a clip or a window of sound, by the names of the outputs: (L,) float32 over its time.
    parts
        The parts of the face; empty where the detector finds none.
    """

    patch_logits: Floats | None = None
    reconstruction: npt.NDArray[np.uint8] | None = None
    error_map: Floats | None = None
    curves: Mapping[str, Floats] = field(default_factory=dict)
    blend_mask: Floats | None = None
    parts: tuple[FacePart, ...] = ()
    blend_mask: Floats | None = None

    @property
    def strength(self) -> Floats | None:
        """How strongly each place speaks for manipulation, (h, w) float32 of at least 0; None without such a map."""
        if self.blend_mask is not None:
            return self.blend_mask
        return None if self.patch_logits is None else np.maximum(self.patch_logits, 0)

    @property
    def part_shares(self) -> Sequence[float | None]:
        """Share of ``strength`` nearest to each of the parts; None for each where there is no such map or it is 0."""
        shares = None if self.strength is None else shares_of_parts(self.parts, self.strength)
        return shares or [None] * len(self.parts)


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
