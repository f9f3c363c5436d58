"""Faces of a set of crops, as they are or degraded: what gates and statistics of reference faces are fitted on."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.datasets import CropRecord, CropSet
from unmask.detectors import Card
from unmask.distortions.faces import degrade
from unmask.faces import PROFILES, Box, cut, profile

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledFace:
    """One labelled face.

    Parameters
    ----------
    record
        Its row in the manifest.
    image
        (H, W, 3) uint8 RGB.
    box
        Box of the face in it; where the set has none, that of a tight crop.
    degradation
        Name of its degradation in `distortions.faces.DEGRADATIONS`; empty for none.
    """

    record: CropRecord
    image: Picture
    box: Box
    degradation: str = ""

    def cut_for(self, card: Card) -> Picture:
        """Return the face cut as a detector reads it, (S, S, 3) uint8 RGB.

        Parameters
        ----------
        card
            Of the detector.
        """
        crops = card.face_crops()
        return cut(self.image, self.box, profile(crops.crop_profile), crops.size)

    def crop_for(self, card: Card) -> Picture:
        """Return the face as a detector reads it: cut by its box, or the whole crop where its set has no boxes.

        Parameters
        ----------
        card
            Of the detector.
        """
        if self.record.box is not None:
            return self.cut_for(card)
        size = (card.input_size, card.input_size)
        return np.asarray(Image.fromarray(self.image).resize(size, Image.Resampling.BICUBIC))


def read_face(crops: CropSet, position: int, seed: Sequence[int] | None = None) -> LabelledFace:
    """Read one face of a set, degraded where a seed is given.

    Parameters
    ----------
    crops
        The set.
    position
        Of the face in its records.
    seed
        Of the kind and the strength of the degradation; None for the face as it is.
    """
    record, image = crops.records[position], crops.image(position)
    box = record.box or _box_of_tight(image.shape[0])
    if seed is None:
        return LabelledFace(record, image, box)
    kind, image, box = degrade(image, box, np.random.default_rng(seed))
    return LabelledFace(record, image, box, kind)


def hash_of(text: str) -> int:
    """Return a hash that is the same on every machine, to draw faces and degradations by.

    Parameters
    ----------
    text
        Name of a source or a video.
    """
    return zlib.crc32(text.encode())


def _box_of_tight(side: int) -> Box:
    """Return the box of the face in a tight crop of this side: centred, an upright rectangle as finders draw it."""
    tight = PROFILES["tight"]
    longer = side / tight.scale
    x, y = side / 2, side / 2 - tight.shift * side
    return x - 0.37 * longer, y - longer / 2, x + 0.37 * longer, y + longer / 2
