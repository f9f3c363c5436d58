"""MediaPipe's face mesh as an ONNX model: 468 points of a face, for training on lips and for export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.detectors.sessions import open_session
from unmask.detectors.trunk import WEIGHTS

MESH_FILE = WEIGHTS / "face-mesh" / "mesh.onnx"
SIDE = 192
_BATCH = 25


class FaceMesh:
    """Finds 468 points of a face in crops of the profile ``mesh``.

    Parameters
    ----------
    path
        Of the ONNX file.
    threads
        Operator threads of ONNX Runtime; None for one a core.
    """

    def __init__(self, path: Path = MESH_FILE, threads: int | None = None) -> None:
        self._session = open_session(path, threads)

    def points(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the points of crops.

        Parameters
        ----------
        crops
            (N, 192, 192, 3) uint8 RGB.

        Returns
        -------
        numpy.ndarray
            (N, 468, 3) float32: x, y and depth in pixels of the crop.
        """
        found = [np.zeros((0, 468 * 3), np.float32)]
        for first in range(0, len(crops), _BATCH):
            part = np.ascontiguousarray(crops[first : first + _BATCH].transpose(0, 3, 1, 2), np.float32)
            found += self._session.run(["points"], {"faces": part / np.float32(255)})
        return np.concatenate(found).reshape(-1, 468, 3)
