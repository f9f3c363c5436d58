"""What a verdict can be checked by: pictures of what was looked at, maps of each shown face, facts of the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unmask.media import Credentials, FileFacts

if TYPE_CHECKING:
    import numpy as np

_JSON_SIDE = 14


@dataclass(frozen=True)
class FrameView:
    """A sampled frame, small. time : seconds. width, height : pixels of the upright frame. picture : JPEG."""

    time: float
    width: int
    height: int
    picture: bytes


@dataclass(frozen=True, eq=False)
class FaceEvidence:
    """One face on one shown frame, and the detector's maps of it.

    track, time : of the observation in ``ScanResult.tracks``. square : (x0, y0, x1, y1), what the crop shows, in pixels
    of the upright frame. crop, reconstruction : JPEG. patch_logits : (h', w') float32, the classifier's raw logit of
    each place alone. error_map : (h, w) float32 in [0, 1]. What the detector does not give is None. The maps are hints
    where to look, no proof.
    """

    track: int
    time: float
    square: tuple[float, float, float, float]
    crop: bytes
    patch_logits: np.ndarray | None = None
    reconstruction: bytes | None = None
    error_map: np.ndarray | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the maps as the JSON schema has them, rows from the top; the error map averaged to 14 x 14."""
        return {
            "track": self.track,
            "time": round(self.time, 3),
            "square": [round(value, 1) for value in self.square],
            "patch_logits": _rows(self.patch_logits),
            "error_map": None if self.error_map is None else _rows(_averaged(self.error_map)),
        }


@dataclass(frozen=True)
class Evidence:
    """What was gathered of one file; None what could not be."""

    frames: tuple[FrameView, ...] = ()
    faces: tuple[FaceEvidence, ...] = ()
    file: FileFacts | None = None
    credentials: Credentials | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence as the JSON schema has it, without the pictures."""
        return {
            "faces": [face.to_dict() for face in self.faces],
            "file": None if self.file is None else self.file.to_dict(),
            "credentials": None if self.credentials is None else self.credentials.to_dict(),
        }


def _averaged(values: np.ndarray) -> np.ndarray:
    import numpy as np
    from PIL import Image

    size = (min(_JSON_SIDE, values.shape[1]), min(_JSON_SIDE, values.shape[0]))
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))


def _rows(values: np.ndarray | None) -> list[list[float]] | None:
    return None if values is None else [[round(float(value), 3) for value in row] for row in values]
