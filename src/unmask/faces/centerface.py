"""CenterFace, the built-in face finder, through ONNX Runtime.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", Scientific Programming 2020:
a heat map of face centres at a quarter of the picture's size, and for each point the box and five landmarks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unmask.faces.face import Face
from unmask.faces.weights import centerface_network
from unmask.media import shrink
from unmask.offline import disable_events

if TYPE_CHECKING:
    import numpy as np

_STRIDE = 4  # Picture pixels per pixel of the heat map.
_MULTIPLE = 32  # The network halves its input five times.
_OVERLAP = 0.3  # Boxes that overlap more are the same face.
_SHAPE = 3 / 4  # Height by width of the frames that are reduced to the full size.
_MIN_SIDE = 6.0  # Pixels of the frame; smaller boxes are specks.


class CenterFace:
    """Finds faces with CenterFace.

    A frame in which nothing is found is tried again, shrunk onto a grey canvas: a face that fills the frame
    is missed at full size.

    Parameters
    ----------
    threshold
        Least confidence of a face, in [0, 1].
    threads
        Threads of ONNX Runtime; None leaves the number to it.
    size
        The longer side, in pixels, to which larger frames are reduced; frames squarer than 4:3 are reduced further, to
        as many pixels, since these are what finding costs.

    Raises
    ------
    FaceFinderError
        When the network is missing, or is not the known one.
    """

    def __init__(self, threshold: float = 0.35, threads: int | None = None, size: int = 640) -> None:
        import onnxruntime

        if not 0 < threshold < 1:
            raise ValueError(f"threshold must be between 0 and 1, not {threshold}")
        if size < _MULTIPLE:
            raise ValueError(f"size must be at least {_MULTIPLE}, not {size}")
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
        if image.ndim != 3 or image.shape[2] != 3 or str(image.dtype) != "uint8":
            raise ValueError(f"image must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
        return self._look(image, self._size, margin=0.0) or self._look(image, self._size // 2, margin=0.25)

    def _look(self, image: np.ndarray, size: int, margin: float) -> list[Face]:
        """Find faces in the frame, reduced to at most ``size`` with an empty share at each border."""
        canvas, scale, (left, top) = _canvas(image, size, margin)
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


def _canvas(image: np.ndarray, size: int, margin: float) -> tuple[np.ndarray, float, tuple[int, int]]:
    """Reduce a frame and lay it on a grey canvas whose sides are multiples of 32.

    Returns
    -------
    canvas
        (1, 3, h, w) float32 in [0, 255].
    scale
        Canvas pixels per frame pixel.
    corner
        x and y of the frame's corner on the canvas.
    """
    import numpy as np

    height, width = image.shape[:2]
    inner = size * (1 - 2 * margin)
    scale = min(1.0, inner / max(height, width), inner * math.sqrt(_SHAPE / (height * width)))
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    small = image
    if (h, w) != (height, width):
        small = shrink(image, (w, h), gap=1.5)
    left, top = (round(side * margin / (1 - 2 * margin)) for side in (w, h))
    rows, columns = (math.ceil(side / _MULTIPLE) * _MULTIPLE for side in (h + 2 * top, w + 2 * left))
    canvas = np.full((1, 3, rows, columns), 127.0, dtype=np.float32)
    canvas[0, :, top : top + h, left : left + w] = small.transpose(2, 0, 1)
    return canvas, scale, (left, top)


def _candidates(outputs: list[Any], threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the boxes (N, 4), scores (N,) and landmarks (N, 5, 2), in canvas pixels, strongest first."""
    import numpy as np

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
    import numpy as np

    kept: list[int] = []
    open_ = np.ones(len(scores), dtype=bool)
    for place in range(len(scores)):
        if open_[place]:
            kept.append(place)
            open_ &= overlap(boxes[place], boxes) <= _OVERLAP
    return np.array(kept, dtype=int)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the intersection over union (N,) of one box (4,) with others (N, 4)."""
    import numpy as np

    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.asarray(shared / (area + areas - shared))
