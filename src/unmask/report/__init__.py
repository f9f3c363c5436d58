"""The result of a scan: its type, its JSON schema, as a table and as a page."""

from unmask.report.evidence import Evidence, FaceEvidence, FrameView
from unmask.report.page import page, save_report
from unmask.report.result import (
    READ,
    SCHEMA,
    Coverage,
    DetectorInfo,
    FrameScore,
    Kind,
    ScanResult,
    Status,
    TrackScore,
)
from unmask.report.schema import schema
from unmask.report.spans import Span, suspicious_spans
from unmask.report.table import table
from unmask.report.timeline import timeline
from unmask.report.words import face_name, percent

__all__ = [
    "READ",
    "SCHEMA",
    "Coverage",
    "DetectorInfo",
    "Evidence",
    "FaceEvidence",
    "FrameScore",
    "FrameView",
    "Kind",
    "ScanResult",
    "Span",
    "Status",
    "TrackScore",
    "face_name",
    "page",
    "percent",
    "save_report",
    "schema",
    "suspicious_spans",
    "table",
    "timeline",
]
