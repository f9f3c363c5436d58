"""The localiser: from a trunk's map to where a face seems to be blended, for detectors that share the trunk.

It is trained on blends whose masks are known, and no score depends on it: it runs where an explanation is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from unmask.detectors.card import LocaliserReference
from unmask.detectors.companions import Companion
from unmask.detectors.sessions import open_session

if TYPE_CHECKING:
    import onnxruntime

LOCALISER_NAME = "localiser.onnx"
BLEND_MASK = "blend_mask"

Floats = npt.NDArray[np.float32]


class Localiser:
    """Maps where a face seems to be blended, by a network that is opened when it is first asked.

    Parameters
    ----------
    path
        An ONNX file whose output is named ``blend_mask``.
    threads
        Operator threads of ONNX Runtime; None for one a core.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path, self._threads = path, threads
        self._lock = Lock()

    def mask(self, tokens: Floats) -> Floats:
        """Return the map of one crop, (h, w) float32 in [0, 1]: about the share of each cell that is blended.

        Parameters
        ----------
        tokens
            (1, places, channels) float32, the trunk's map of the crop.
        """
        with self._lock:
            session = self._session
        (masks,) = session.run([BLEND_MASK], {session.get_inputs()[0].name: tokens})
        mask: Floats = masks[0]
        return mask

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return open_session(self.path, self._threads)


def find_localiser(
    folders: Sequence[Path], reference: LocaliserReference, trunk: str, threads: int | None = None
) -> Localiser:
    """Return the localiser of the first folder that has one.

    Parameters
    ----------
    folders
        Of the detector, then of its trunk, whose localiser several detectors may share.
    reference
        What the detector's card says of the file.
    trunk
        Identity of the trunk that the detector's head reads.
    threads
        Operator threads of ONNX Runtime; None for one a core.

    Raises
    ------
    DetectorError
        When the file is not the one that the card names, or reads another trunk.
    """
    script = "scripts/fit_localiser.py"
    path = Companion(LOCALISER_NAME, reference.sha256, reference.trunk, trunk, script).find(folders)
    return Localiser(path, threads)
