"""Whole pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.detectors import WholeFrames
from unmask.evidence.extractor import Extractor
from unmask.evidence.found_faces import present_part
from unmask.evidence.subjects import one_subject
from unmask.evidence.units import Moment, Place, Subject, Unit, Wanted
from unmask.faces import Box

if TYPE_CHECKING:
    from unmask.evidence.found_faces import FoundFaces
    from unmask.media import AudioChunk, Frame, MediaInfo, Sampling

MAX_TILES = 16
"""Tiles of one frame, evenly spread over it."""

PICTURE_SIDE = "picture_side"
"""Measure: the picture's shorter side in pixels."""


@dataclass(frozen=True)
class WholeFrameExtractor(Extractor):
    """Fit a whole frame, or cut tiles out of it."""

    spec: WholeFrames

    def wants(self, info: MediaInfo, planned: Sequence[Sampling], sampling_pass: int) -> Wanted | None:
        """Return the scan's own frames."""
        return Wanted(planned[sampling_pass]) if sampling_pass < len(planned) else None

    def searched(self, frames: int) -> Sequence[int]:
        """Return none: no faces are read."""
        return ()

    def extract(
        self, frames: Sequence[Frame], sound: Sequence[AudioChunk], found: Sequence[FoundFaces] = ()
    ) -> Moment:
        """Return one frame's picture or tiles; of a picture that breaks off, the part that was decoded."""
        frame = frames[0]
        image, left, top = present_part(frame)
        measures = {PICTURE_SIDE: float(min(image.shape[:2]))}
        units = []
        for x0, y0, x1, y1 in _regions(image.shape[1], image.shape[0], self.spec):
            box: Box = (x0 + left, y0 + top, x1 + left, y1 + top)
            place = Place(frame.time, frame.time, box if self.spec.fit == "tiles" else None)
            units.append(Unit(place, {"frames": _fitted(image, (x0, y0, x1, y1), self.spec.size)}, measures))
        return Moment(frame.time, tuple(units))

    def subjects(self, moments: Sequence[Moment], cuts: Collection[int] = ()) -> list[Subject]:
        """Return the picture."""
        return one_subject("picture", moments)


def _regions(width: int, height: int, spec: WholeFrames) -> Iterator[tuple[int, int, int, int]]:
    """Return the parts (x0, y0, x1, y1) of a picture that are read, each fitted to a square."""
    side = min(width, height)
    if spec.fit == "resize":
        yield 0, 0, width, height
    elif spec.fit == "centre" or side < spec.size:
        left, top = (width - side) // 2, (height - side) // 2
        yield left, top, left + side, top + side
    else:
        corners = [(x, y) for y in _starts(height, spec.size) for x in _starts(width, spec.size)]
        count = min(len(corners), MAX_TILES)
        for number in range(count):
            x, y = corners[(2 * number + 1) * len(corners) // (2 * count)]
            yield x, y, x + spec.size, y + spec.size


def _starts(length: int, size: int) -> list[int]:
    """Return where tiles begin that stand side by side in the middle of a length."""
    count = length // size
    first = (length - count * size) // 2
    return [first + number * size for number in range(count)]


def _fitted(image: NDArray[np.uint8], region: tuple[int, int, int, int], size: int) -> NDArray[np.uint8]:
    x0, y0, x1, y1 = region
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    if part.shape[:2] == (size, size):
        return part
    # Bounds what a resize of a huge picture costs, at no visible loss.
    return np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0))
