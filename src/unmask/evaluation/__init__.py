"""Metrics, intervals and protocols.

A detector is measured on sets of crops or videos at the operating point that its card fixes; every input has a row.
"""

from unmask.evaluation.delong import DeLong, delong_interval, delong_test, delong_variance
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.intervals import (
    Difference,
    Estimate,
    Scored,
    Settings,
    bootstrap,
    paired_bootstrap,
)
from unmask.evaluation.metrics import UndefinedMetricError, measure
from unmask.evaluation.predictions import Prediction, Predictions, by_video, pair
from unmask.evaluation.protocol import Options, evaluate
from unmask.evaluation.report import Report, Result, SetSummary, remarks, to_markdown, to_table
from unmask.evaluation.zero_pixel import Control, zero_pixel_control

__all__ = [
    "Control",
    "DeLong",
    "Difference",
    "Estimate",
    "EvaluationError",
    "Options",
    "Prediction",
    "Predictions",
    "Report",
    "Result",
    "Scored",
    "SetSummary",
    "Settings",
    "UndefinedMetricError",
    "bootstrap",
    "by_video",
    "delong_interval",
    "delong_test",
    "delong_variance",
    "evaluate",
    "measure",
    "pair",
    "paired_bootstrap",
    "remarks",
    "to_markdown",
    "to_table",
    "zero_pixel_control",
]
