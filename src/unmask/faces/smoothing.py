"""A face on every frame, from the frames on which it was searched for: steady squares, without the finder's jitter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unmask.faces.face import Face

_CENTRE_WINDOW = 3  # Places over which the centre of a face is averaged.
_SIDE_WINDOW = 9  # Its side changes more slowly, and must not breathe with the mouth.


def smooth_squares(places: Sequence[int], faces: Sequence[Face], frames: int) -> NDArray[np.float64]:
    """Return a square around a face on each frame: as long as the longer side of its box, on the box's centre.

    Centre and side are averaged over neighbouring places and interpolated between them.

    Parameters
    ----------
    places
        Numbers of the frames on which the face was found, ascending, at least one.
    faces
        The face on each of them.
    frames
        Number of frames.

    Returns
    -------
    numpy.ndarray
        (frames, 4) boxes x0, y0, x1, y1 in pixels; before the first place and after the last one they stand still.
    """
    boxes = np.array([face.box for face in faces], np.float64)
    side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    centre = _smoothed((boxes[:, :2] + boxes[:, 2:]) / 2, _CENTRE_WINDOW)
    known = np.concatenate([centre, _smoothed(side, _SIDE_WINDOW) / 2], axis=1)
    x, y, half = (np.interp(np.arange(frames), places, column) for column in known.T)
    return np.stack([x - half, y - half, x + half, y + half], axis=1)


def _smoothed(rows: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the mean over a symmetric window, which is narrower towards the ends."""
    reach = [min(window // 2, number, len(rows) - 1 - number) for number in range(len(rows))]
    return np.stack([rows[at - r : at + r + 1].mean(axis=0) for at, r in enumerate(reach)])
