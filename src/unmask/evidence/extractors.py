"""Which extractor makes what a card asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unmask.detectors import FaceCrops, InputSpec
from unmask.evidence.audio_windows import AudioWindowExtractor
from unmask.evidence.extractor import Extractor
from unmask.evidence.face_clips import FaceClipExtractor
from unmask.evidence.face_crops import FaceCropExtractor
from unmask.evidence.whole_frames import WholeFrameExtractor

_EXTRACTORS: dict[str, Callable[[Any], Extractor]] = {
    "face": FaceCropExtractor,
    "frame": WholeFrameExtractor,
    "face_clip": FaceClipExtractor,
    "audio": AudioWindowExtractor,
}


def extractor_of(spec: InputSpec, *, keeps_patches: bool = False) -> Extractor:
    """Return the extractor of what a detector reads.

    Parameters
    ----------
    spec
        What the detector's card says.
    keeps_patches
        Whether units of single faces keep the pixels around their faces.
    """
    if keeps_patches and isinstance(spec, FaceCrops):
        return FaceCropExtractor(spec, keeps_patches=True)
    return _EXTRACTORS[spec.unit](spec)
