"""Keeps bursts of large frames small: in memory, and in what finding faces on many of their frames costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unmask.media import Frame, shrink

if TYPE_CHECKING:
    from unmask.evidence import FoundFaces

BURST_PIXELS = 64_000_000
"""Of all frames of one burst; larger ones are reduced as they arrive."""

FACE_SIDE = (
    64.0  # Pixels; the smallest face of a burst's first frame, in the frames after it as they are searched.
)


@dataclass(frozen=True, eq=False)
class ReducedFrame:
    """A frame that may have been reduced.

    Parameters
    ----------
    frame
        As it is kept.
    factor
        Its full size divided by the kept one.
    """

    frame: Frame
    factor: float = 1.0


def reduce_frame(frame: Frame, pixels: float) -> ReducedFrame:
    """Reduce a frame to at most so many pixels; a part of a picture that breaks off is kept as it is.

    Parameters
    ----------
    frame
        As sampled.
    pixels
        Height x width.
    """
    height, width = frame.image.shape[:2]
    factor = math.sqrt(height * width / pixels)
    if factor <= 1 or frame.present is not None:
        return ReducedFrame(frame)
    size = max(1, int(width / factor)), max(1, int(height / factor))
    return ReducedFrame(replace(frame, image=shrink(frame.image, size, gap=2.0)), width / size[0])


def find_reduced(frame: Frame, smallest: float, find: Callable[[Frame], FoundFaces]) -> FoundFaces:
    """Find the faces of a frame that follows another one: where the smallest there is large, in the frame reduced.

    Finding costs by the pixel, and the face finder's landmarks need few.

    Parameters
    ----------
    frame
        Of a burst.
    smallest
        Longer side in pixels of the smallest face of an earlier frame; 0 for none.
    find
        Finds the faces of a frame.
    """
    height, width = frame.image.shape[:2]
    reduced = reduce_frame(frame, height * width * min(1.0, (FACE_SIDE / max(smallest, 1.0)) ** 2))
    found = find(reduced.frame)
    faces = tuple(replace(one, face=one.face.scaled(reduced.factor)) for one in found.faces)
    return replace(found, faces=faces)
