"""Measures detectors: sets, scoring, comparison, robustness, fairness, pages.

A detector is measured on sets of crops or videos at the operating point that its card fixes; every input has a row.
"""

from unmask.distortions.levels import DISTORTIONS, Change, Distortion
from unmask.evaluation.calibration import CalibrationRow
from unmask.evaluation.comparison import Comparison
from unmask.evaluation.console import to_table, to_tables
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.fairness import FairnessTable, Gap, GroupRates
from unmask.evaluation.markdown import to_markdown
from unmask.evaluation.predictions import Prediction, Predictions, by_video, pair
from unmask.evaluation.protocol import Options, evaluate, lists_files
from unmask.evaluation.publishing import publish
from unmask.evaluation.remarks import remarks
from unmask.evaluation.report import Report, Result, SetSummary
from unmask.evaluation.robustness_grid import Cell, Robustness
from unmask.evaluation.scan_logs import read_scans
from unmask.evaluation.scans import ScanFigures, ScannedFile, compare_scans, scan_figures, scan_items
from unmask.evaluation.zero_pixel import Control, zero_pixel_control

__all__ = [
    "DISTORTIONS",
    "CalibrationRow",
    "Cell",
    "Change",
    "Comparison",
    "Control",
    "Distortion",
    "EvaluationError",
    "FairnessTable",
    "Gap",
    "GroupRates",
    "Options",
    "Prediction",
    "Predictions",
    "Report",
    "Result",
    "Robustness",
    "ScanFigures",
    "ScannedFile",
    "SetSummary",
    "by_video",
    "compare_scans",
    "evaluate",
    "lists_files",
    "pair",
    "publish",
    "read_scans",
    "remarks",
    "scan_figures",
    "scan_items",
    "to_markdown",
    "to_table",
    "to_tables",
    "zero_pixel_control",
]
