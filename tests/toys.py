"""Toy clips with coloured squares for faces, a finder that sees them and a detector that judges their colour."""

import av
import numpy as np

from unmask.detectors import Card, Explanation, Prediction
from unmask.faces import Face

RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 200, 30)


def draw(squares, size=(320, 240)):
    image = np.full((size[1], size[0], 3), 128, np.uint8)
    for (x0, y0, x1, y1), colour in squares:
        image[y0:y1, x0:x1] = colour
        # Light and dark bars: a square without any structure is no face that one could judge.
        bars = (np.arange(y1 - y0) * 8 // max(1, y1 - y0)) % 2 == 1
        image[y0:y1, x0:x1, 1][bars] ^= 96
    return image


class SquareFinder:
    """Finds every block of saturated colour; counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    def find(self, image):
        self.asked += 1
        strong = np.abs(image.astype(int) - 128).max(2) > 60
        return [self._face(block) for block in self._blocks(strong)]

    @staticmethod
    def _blocks(mask):
        columns = np.flatnonzero(np.diff(np.concatenate([[0], mask.any(0).astype(int), [0]])))
        for x0, x1 in columns.reshape(-1, 2):
            rows = np.flatnonzero(np.diff(np.concatenate([[0], mask[:, x0:x1].any(1).astype(int), [0]])))
            for y0, y1 in rows.reshape(-1, 2):
                if min(x1 - x0, y1 - y0) > 3:
                    yield x0, y0, x1, y1

    @staticmethod
    def _face(block):
        box = tuple(float(v) for v in block)
        return Face(box, 0.9, np.zeros((5, 2), np.float32))


class ColourDetector:
    """The redder the crop's middle, the more likely fake: a logit of about +3 for red and -3 for blue."""

    name = "colour"

    def __init__(self, **card):
        self.batches = []
        self.card = Card.model_validate(
            {
                "name": "colour",
                "version": "1",
                "description": "red is fake",
                "licence": "Apache-2.0",
                "sha256": "0" * 64,
                "input": {"unit": "face", "crop_profile": "tight", "size": 32},
                "threshold": 0.5,
                "band": (0.4, 0.6),
                "calibration": {"kind": "platt", "slope": 1.0, "intercept": 0.0, "within_sd": 0.5},
            }
            | card
        )

    def predict(self, inputs):
        crops = inputs["crops"]
        assert crops.shape[1:] == (32, 32, 3) and crops.dtype == np.uint8
        self.batches.append(len(crops))
        middle = crops[:, 8:24, 8:24].astype(np.float32).mean((1, 2))
        logits = (middle[:, 0] - middle[:, 2]) / 60
        return Prediction(logits, {"reconstruction_error": np.full(len(crops), 0.25, np.float32)})

    def explain(self, inputs):
        """Patches of 8 x 8 pixels judged by their colour; the reconstruction is the crop's mean colour."""
        return [self._explained(crop) for crop in inputs["crops"]]

    def _explained(self, crop):
        cells = crop.reshape(4, 8, 4, 8, 3).astype(np.float32).mean((1, 3))
        mean = crop.mean((0, 1))
        rebuilt = np.broadcast_to(np.rint(mean).astype(np.uint8), (8, 8, 3))
        errors = np.abs(crop[::4, ::4] - mean).mean(2).astype(np.float32) / 255
        return Explanation((cells[..., 0] - cells[..., 2]) / 60, np.ascontiguousarray(rebuilt), errors)


def write_video(path, frames, rate=10):
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        stream.options = {"crf": "10", "preset": "ultrafast", "bf": "0"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path
