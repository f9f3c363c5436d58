"""The result of a scan: its type, its JSON schema, as a table and as a page."""

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
from unmask.report.table import table
from unmask.report.timeline import timeline

__all__ = [
    "READ",
    "SCHEMA",
    "Coverage",
    "DetectorInfo",
    "FrameScore",
    "Kind",
    "ScanResult",
    "Status",
    "TrackScore",
    "page",
    "save_report",
    "schema",
    "table",
    "timeline",
]
