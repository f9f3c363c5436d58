"""Metrics, intervals by bootstrap over groups, DeLong's test, curves, risk and coverage.

Arrays in, numbers out: nothing here knows of files, faces or detectors.
"""

from unmask.statistics.delong import DeLong, delong_test
from unmask.statistics.intervals import (
    Difference,
    Estimate,
    Scored,
    Settings,
    bootstrap,
    paired_bootstrap,
)
from unmask.statistics.metrics import UndefinedMetricError, measure

__all__ = [
    "DeLong",
    "Difference",
    "Estimate",
    "Scored",
    "Settings",
    "UndefinedMetricError",
    "bootstrap",
    "delong_test",
    "measure",
    "paired_bootstrap",
]
