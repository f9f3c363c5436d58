"""The result of a scan: its type. Its schema, table, view and page are modules that a scan starts without."""

from unmask.report.evidence import ClipEvidence, Evidence, FaceEvidence, FrameView, PartEvidence
from unmask.report.opinions import (
    FACE_MANIPULATED,
    Attribution,
    DetectorInfo,
    Measure,
    Opinion,
    Subject,
    SubjectKind,
    Window,
    subjects_of,
)
from unmask.report.result import READ, SCHEMA, Coverage, ScanResult, Status
from unmask.report.sound import SoundFacts
from unmask.report.spans import Span, suspicious_spans
from unmask.report.stability import FrameStability, ReencodedScore, Stability
from unmask.report.tracks import FrameScore, TrackScore
from unmask.report.words import face_name, percent

__all__ = [
    "FACE_MANIPULATED",
    "READ",
    "SCHEMA",
    "Attribution",
    "ClipEvidence",
    "Coverage",
    "DetectorInfo",
    "Evidence",
    "FaceEvidence",
    "FrameScore",
    "FrameStability",
    "FrameView",
    "Measure",
    "Opinion",
    "PartEvidence",
    "ReencodedScore",
    "ScanResult",
    "SoundFacts",
    "Span",
    "Stability",
    "Status",
    "Subject",
    "SubjectKind",
    "TrackScore",
    "Window",
    "face_name",
    "percent",
    "subjects_of",
    "suspicious_spans",
]
