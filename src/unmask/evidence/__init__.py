"""Extractors: from frames and sound to the units that detectors read, and the subjects that these are about.

One extractor for each kind of input that a detector's card may name.
"""

from unmask.evidence.audio_windows import AudioWindowExtractor
from unmask.evidence.extractor import Extractor
from unmask.evidence.extractors import extractor_of
from unmask.evidence.face_clips import FaceClipExtractor
from unmask.evidence.face_crops import FaceCropExtractor
from unmask.evidence.found_faces import FoundFace, FoundFaces, SearchOptions, find_faces
from unmask.evidence.units import Moment, Patch, Place, Subject, Unit, Wanted
from unmask.evidence.whole_frames import WholeFrameExtractor

__all__ = [
    "AudioWindowExtractor",
    "Extractor",
    "FaceClipExtractor",
    "FaceCropExtractor",
    "FoundFace",
    "FoundFaces",
    "Moment",
    "Patch",
    "Place",
    "SearchOptions",
    "Subject",
    "Unit",
    "Wanted",
    "WholeFrameExtractor",
    "extractor_of",
    "find_faces",
]
