"""A decoded picture as the decoder left it, before numpy sees it: so that it can travel between processes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unmask.media.bursts import BurstPlace
from unmask.media.frame import Frame

if TYPE_CHECKING:
    import numpy as np

CHANNELS = 3

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Turn:
    """How stored pixels become upright: first rows and columns change places, then each may be reversed."""

    swap: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of_display_matrix(cls, data: bytes | None) -> Turn:
        """Return the quarter turn and flip nearest to a display matrix.

        Its upper left 2x2 part (a, b), (c, d) says (x, y) as shown = (x, y) as stored @ matrix.

        Parameters
        ----------
        data
            Nine 32 bit numbers, or None.
        """
        if data is None or len(data) != 36:
            return cls()
        a, b, _, c, d, *_ = struct.unpack("=9i", data)
        if not (a or b or c or d):
            return cls()
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    def applied(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels upright.

        Parameters
        ----------
        pixels
            (H, W, 3).
        """
        import numpy as np

        if self.swap:
            pixels = pixels.swapaxes(0, 1)
        pixels = pixels[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]
        return np.ascontiguousarray(pixels)


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a file, not yet upright.

    Parameters
    ----------
    time
        Seconds from the first frame of the file.
    width, height
        Pixels before the turn.
    strips
        The pixels from top to bottom, 3 bytes (RGB) each and without gaps, in strips of whole rows.
    turn
        What makes it upright.
    present
        (x0, y0, x1, y1) in pixels of the upright picture: where it was decoded; the rest is grey. None: everywhere.
    burst
        Its burst, and its place in there; None where there are no bursts.
    """

    time: float
    width: int
    height: int
    strips: Iterator[bytes | memoryview]
    turn: Turn = Turn()
    present: Box | None = None
    burst: BurstPlace | None = None

    @property
    def size(self) -> int:
        """Bytes of all strips."""
        return self.width * self.height * CHANNELS

    def frame(self, index: int) -> Frame:
        """Read the strips and turn them upright.

        Parameters
        ----------
        index
            Number of the frame, from 0.
        """
        import numpy as np

        pixels = bytearray()
        for strip in self.strips:
            pixels += strip
        array = np.frombuffer(pixels, np.uint8)
        frame = framed(index, self.time, array, self.width, self.height, self.turn, self.present)
        return in_burst(frame, self.burst)


def framed(
    index: int, time: float, pixels: np.ndarray, width: int, height: int, turn: Turn, present: Box | None
) -> Frame:
    """Return a frame.

    Parameters
    ----------
    index
        Number of the frame, from 0.
    time
        In seconds.
    pixels
        (H x W x 3,) uint8, as stored.
    width, height
        As stored.
    turn
        To upright.
    present
        The decoded part of an incomplete picture.
    """
    return Frame(index, time, turn.applied(pixels.reshape(height, width, CHANNELS)), present)


def in_burst(frame: Frame, burst: BurstPlace | None) -> Frame:
    """Return the frame with its place in a burst.

    Parameters
    ----------
    frame
        Of a burst, or not.
    burst
        None leaves the frame unchanged.
    """
    return frame if burst is None else replace(frame, burst=burst.burst, place=burst.place)
