"""Metrics, intervals by bootstrap over groups, DeLong's test, curves, risk and coverage.

Arrays in, numbers out: nothing here knows of files, faces or detectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmask.late_names import late_names

if TYPE_CHECKING:
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

_HOMES = {
    "DeLong": "unmask.statistics.delong",
    "Difference": "unmask.statistics.intervals",
    "Estimate": "unmask.statistics.intervals",
    "Scored": "unmask.statistics.intervals",
    "Settings": "unmask.statistics.intervals",
    "UndefinedMetricError": "unmask.statistics.metrics",
    "bootstrap": "unmask.statistics.intervals",
    "delong_test": "unmask.statistics.delong",
    "measure": "unmask.statistics.metrics",
    "paired_bootstrap": "unmask.statistics.intervals",
}

__getattr__ = late_names(__name__, _HOMES)
