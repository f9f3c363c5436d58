"""CenterFace, the built-in face finder, through ONNX Runtime.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", Scientific Programming 2020:
a heat map of face centres at a quarter of the picture's size, and for each point the box and five landmarks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import onnxruntime

from unmask.faces.face import Effort, Face, FaceSearch
from unmask.faces.tiling import MULTIPLE, RELIABLE_SIDE, Level, is_whole, merge, overlaps, plan
from unmask.faces.weights import centerface_network
from unmask.media import shrink
from unmask.offline import disable_events

SEARCH_BUDGET = 21e6
"""Pixels that the network reads at most in the closer search of a picture: enough for 12 megapixels at full size."""

_LEAST_SEARCH_BUDGET = 0.6e6

_STRIDE = 4  # Picture pixels per pixel of the heat map.
_OVERLAP = 0.3  # Boxes that overlap more are the same face.
_SHAPE = 3 / 4  # Height by width of the frames that are reduced to the full size.
_MIN_SIDE = 6.0  # Pixels of the frame; smaller boxes are specks.
_PROMINENT = 32.0  # Side in pixels of the network's input; where a face reaches it, the frame's faces are large enough.
_LARGE_BELOW = (
    1 / 3
)  # Frames that are reduced further are large: sides of more than 1920, or 1662 x 1662 pixels.
_FLAT = 16  # Grey levels; a tile whose pixels differ by less shows no face.


class CenterFace:
    """Finds faces with CenterFace.

    The whole frame is searched first, reduced to ``size``. A frame in which nothing is found is tried again, shrunk
    onto a grey canvas: a face that fills the frame is missed at full size.

    A closer search follows, in tiles and on larger scales (``unmask.faces.tiling``), where that found no face or none
    of 32 pixels of the network's input, and in a thorough search of frames that were reduced to less than a third.

    Parameters
    ----------
    threshold
        Least confidence of a face, in [0, 1].
    threads
        Threads of ONNX Runtime; None leaves the number to it.
    size
        The longer side, in pixels, to which larger frames are reduced; frames squarer than 4:3 are reduced further, to
        as many pixels, since these are what finding costs.
    effort
        How thoroughly ``find`` searches.

    Raises
    ------
    FaceFinderError
        When the network is missing, or is not the known one.
    """

    def __init__(
        self,
        threshold: float = 0.35,
        threads: int | None = None,
        size: int = 640,
        effort: Effort = "thorough",
    ) -> None:
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must be between 0 and 1, not {threshold}")
        if size < MULTIPLE:
            raise ValueError(f"size must be at least {MULTIPLE}, not {size}")
        if effort not in get_args(Effort):
            raise ValueError(f"effort must be one of {', '.join(get_args(Effort))}, not {effort}")
        disable_events(onnxruntime)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        # Spinning threads would steal the cores from decoding and scoring, which run at the same time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            centerface_network(), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._threshold = threshold
        self._size = size
        self._effort: Effort = effort

    def find(self, image: np.ndarray) -> list[Face]:
        """Find the faces of a frame.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB.

        Returns
        -------
        list of Face
            Most confident first.
        """
        return self.search(image, self._effort).faces

    def search(
        self, image: np.ndarray, effort: Effort = "thorough", budget: float = SEARCH_BUDGET
    ) -> FaceSearch:
        """Find the faces of a frame, and tell from which size on they were searched for.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB.
        effort
            When to search closer.
        budget
            Pixels that the network may read in a closer search: bounds its time, and with it the faces' size.
        """
        if image.ndim != 3 or image.shape[2] != 3 or str(image.dtype) != "uint8":
            raise ValueError(f"image must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
        height, width = image.shape[:2]
        scale = _scale(height, width, self._size)
        faces = self._find_at(image, self._size, margin=0.0) or self._find_at(
            image, self._size // 2, margin=0.25
        )
        prominent = any(_side(face) * scale >= _PROMINENT for face in faces)
        large = effort == "thorough" and scale < _LARGE_BELOW
        if scale == 1 or effort == "quick" or (prominent and not large):
            return FaceSearch(faces, RELIABLE_SIDE / scale)
        levels = plan((width, height), scale, budget)
        if levels:
            faces = self._search_closer(image, faces, scale, levels)
            scale = levels[-1].scale
        return FaceSearch(faces, RELIABLE_SIDE / scale, closer=True, bounded=scale < 1)

    def _find_at(self, image: np.ndarray, size: int, margin: float) -> list[Face]:
        """Find faces in the frame, reduced to at most ``size`` with an empty share at each border."""
        height, width = image.shape[:2]
        scale = _scale(height, width, size * (1 - 2 * margin))
        small = _reduced(image, scale)
        left, top = (round(side * margin / (1 - 2 * margin)) for side in (small.shape[1], small.shape[0]))
        return self._read(_canvas(small, left, top), scale, (left, top))

    def _search_closer(
        self, image: np.ndarray, faces: Sequence[Face], scale: float, levels: Sequence[Level]
    ) -> list[Face]:
        """Find faces on further levels; what a level shows large comes before what finer ones make of the same face."""
        height, width = image.shape[:2]
        found = [(face, 0, scale) for face in faces]
        for number, level in enumerate(levels, 1):
            for tile in level.tiles:
                whole = (
                    face
                    for face in self._find_in_tile(image, tile, level.scale)
                    if is_whole(face.box, tile, (width, height), level.scale)
                )
                found += [(face, number, level.scale) for face in whole]
        found.sort(key=lambda one: _order(*one))
        return merge([face for face, _, _ in found])

    def _find_in_tile(self, image: np.ndarray, tile: tuple[int, int, int, int], scale: float) -> list[Face]:
        left, top, right, bottom = tile
        small = _reduced(image[top:bottom, left:right], scale)
        if int(small.max()) - int(small.min()) < _FLAT:
            return []
        return self._read(_canvas(small, 0, 0), scale, (-left * scale, -top * scale))

    def _read(self, canvas: np.ndarray, scale: float, corner: tuple[float, float]) -> list[Face]:
        """Find the faces of a canvas, in pixels of the frame, whose corner lies at x and y of the canvas."""
        left, top = corner
        outputs = self._session.run(None, {self._input: canvas})
        boxes, scores, landmarks = _candidates(outputs, self._threshold)
        kept = _strongest(boxes, scores)
        boxes = (boxes[kept] - [left, top, left, top]) / scale
        landmarks = ((landmarks[kept] - [left, top]) / scale).astype("float32")
        return [
            Face((float(box[0]), float(box[1]), float(box[2]), float(box[3])), float(score), points)
            for box, score, points in zip(boxes, scores[kept], landmarks, strict=True)
            if min(box[2] - box[0], box[3] - box[1]) >= _MIN_SIDE
        ]


def search_budget(frames: int) -> float:
    """Return the pixels that the closer search of each frame may read: a picture's, divided among them.

    Parameters
    ----------
    frames
        Number of frames.
    """
    return max(SEARCH_BUDGET / frames, _LEAST_SEARCH_BUDGET)


def _scale(height: int, width: int, size: float) -> float:
    """Return the pixels of the network's input per pixel of a frame that is reduced to at most ``size``."""
    return min(1.0, size / max(height, width), size * math.sqrt(_SHAPE / (height * width)))


def _order(face: Face, level: int, scale: float) -> tuple[bool, int, float]:
    small = _side(face) * scale < _PROMINENT
    return small, 0 if small else level, -face.confidence


def _side(face: Face) -> float:
    x0, y0, x1, y1 = face.box
    return max(x1 - x0, y1 - y0)


def _reduced(image: np.ndarray, scale: float) -> np.ndarray:
    height, width = image.shape[:2]
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    return image if (h, w) == (height, width) else shrink(image, (w, h), gap=1.5)


def _canvas(small: np.ndarray, left: int, top: int) -> np.ndarray:
    """Lay a picture on a grey canvas, with so much empty at each border, whose sides are multiples of 32.

    Returns
    -------
    numpy.ndarray
        (1, 3, h, w) float32 in [0, 255].
    """
    h, w = small.shape[:2]
    rows, columns = (math.ceil(side / MULTIPLE) * MULTIPLE for side in (h + 2 * top, w + 2 * left))
    canvas = np.full((1, 3, rows, columns), 127.0, dtype=np.float32)
    canvas[0, :, top : top + h, left : left + w] = small.transpose(2, 0, 1)
    return canvas


def _candidates(outputs: list[Any], threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the boxes (N, 4), scores (N,) and landmarks (N, 5, 2), in canvas pixels, strongest first."""
    heat, size, offset, points = (output[0] for output in outputs)
    rows, columns = np.nonzero(heat[0] > threshold)
    scores = heat[0, rows, columns]
    order = np.lexsort((columns, rows, -scores))
    rows, columns, scores = rows[order], columns[order], scores[order]
    heights, widths = np.exp(size[:, rows, columns].astype(np.float64)) * _STRIDE
    down, right = offset[:, rows, columns]
    x0 = (columns + right + 0.5) * _STRIDE - widths / 2
    y0 = (rows + down + 0.5) * _STRIDE - heights / 2
    boxes = np.stack([x0, y0, x0 + widths, y0 + heights], axis=1)
    at = points[:, rows, columns]  # y and x of each landmark in turn, as shares of the box
    xs = at[1::2] * widths + x0
    ys = at[0::2] * heights + y0
    return boxes, scores, np.stack([xs.T, ys.T], axis=2)


def _strongest(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the places of the boxes to keep (greedy non-maximum suppression); boxes come strongest first."""
    kept: list[int] = []
    open_ = np.ones(len(scores), dtype=bool)
    for place in range(len(scores)):
        if open_[place]:
            kept.append(place)
            open_ &= overlaps(boxes[place], boxes)[0] <= _OVERLAP
    return np.array(kept, dtype=int)
