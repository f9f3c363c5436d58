"""Detector cards, the registry, the ONNX runtime and the built-in weights.

A detector is a folder with ``card.json``, ``model.onnx`` and ``model.safetensors``; adding one to
``weights/`` makes it a built-in one.
"""

from unmask.detectors.card import (
    FACE_MANIPULATED,
    Calibration,
    Card,
    DataSource,
    Distribution,
    Familiarity,
    LocaliserReference,
    Quality,
    QualityGate,
    TrunkReference,
    read_card,
)
from unmask.detectors.derived import EnrolledKind, KnownKinds, Lineage, PartsOfFace, PromisedRate
from unmask.detectors.detector import Detector
from unmask.detectors.errors import DetectorError
from unmask.detectors.explanation import Explanation
from unmask.detectors.inputs import AudioWindows, ClipSound, FaceClips, FaceCrops, InputSpec, WholeFrames
from unmask.detectors.parts import FacePart
from unmask.detectors.prediction import RECONSTRUCTION_ERROR, Prediction
from unmask.detectors.registry import built_in, installed, load_card, load_detector
from unmask.detectors.trunk import Trunk, open_trunk_of, trunk_card, trunk_path
from unmask.hashing import file_sha256

__all__ = [
    "FACE_MANIPULATED",
    "RECONSTRUCTION_ERROR",
    "AudioWindows",
    "Calibration",
    "Card",
    "ClipSound",
    "DataSource",
    "Detector",
    "DetectorError",
    "Distribution",
    "EnrolledKind",
    "Explanation",
    "FaceClips",
    "FaceCrops",
    "FacePart",
    "Familiarity",
    "InputSpec",
    "KnownKinds",
    "Lineage",
    "LocaliserReference",
    "PartsOfFace",
    "Prediction",
    "PromisedRate",
    "Quality",
    "QualityGate",
    "Trunk",
    "TrunkReference",
    "WholeFrames",
    "built_in",
    "file_sha256",
    "installed",
    "load_card",
    "load_detector",
    "open_trunk_of",
    "read_card",
    "trunk_card",
    "trunk_path",
]
