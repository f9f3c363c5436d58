"""The result of a scan: its type, its JSON schema, as a table and as a page."""

from unmask.report.evidence import Evidence, FaceEvidence, FrameView
from unmask.report.opinions import FACE_MANIPULATED, DetectorInfo, Opinion, Subject, SubjectKind, subjects_of
from unmask.report.page import page, save_report
from unmask.report.result import READ, SCHEMA, Coverage, ScanResult, Status
from unmask.report.schema import schema
from unmask.report.sound import SoundFacts
from unmask.report.spans import Span, suspicious_spans
from unmask.report.stability import FrameStability, ReencodedScore, Stability
from unmask.report.table import table
from unmask.report.timeline import timeline
from unmask.report.tracks import FrameScore, TrackScore
from unmask.report.view import View, result_view
from unmask.report.words import face_name, percent

__all__ = [
    "FACE_MANIPULATED",
    "READ",
    "SCHEMA",
    "Coverage",
    "DetectorInfo",
    "Evidence",
    "FaceEvidence",
    "FrameScore",
    "FrameStability",
    "FrameView",
    "Opinion",
    "ReencodedScore",
    "ScanResult",
    "SoundFacts",
    "Span",
    "Stability",
    "Status",
    "Subject",
    "SubjectKind",
    "TrackScore",
    "View",
    "face_name",
    "page",
    "percent",
    "result_view",
    "save_report",
    "schema",
    "subjects_of",
    "suspicious_spans",
    "table",
    "timeline",
]
