"""Detector cards, the registry, the ONNX runtime and the built-in weights.

A detector is a folder with ``card.json``, ``model.onnx`` and ``model.safetensors``; adding one to
``weights/`` makes it a built-in one.
"""

from unmask.detectors.card import (
    Calibration,
    Card,
    DataSource,
    Distribution,
    Familiarity,
    Lineage,
    PromisedRate,
    Quality,
    TrunkReference,
    file_sha256,
    read_card,
)
from unmask.detectors.detector import Detector, Prediction
from unmask.detectors.errors import DetectorError
from unmask.detectors.explanation import Explanation
from unmask.detectors.registry import built_in, installed, load_card, load_detector
from unmask.detectors.trunk import Trunk, open_trunk_of, trunk_card, trunk_path

__all__ = [
    "Calibration",
    "Card",
    "DataSource",
    "Detector",
    "DetectorError",
    "Distribution",
    "Explanation",
    "Familiarity",
    "Lineage",
    "Prediction",
    "PromisedRate",
    "Quality",
    "Trunk",
    "TrunkReference",
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
