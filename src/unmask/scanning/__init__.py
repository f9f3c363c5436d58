"""The whole way of one file: media -> faces -> tracks -> crops -> scores -> verdict -> result.

Names are imported on first use: a process that only starts a scan waits for none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmask.late_names import late_names

if TYPE_CHECKING:
    from unmask.scanning.opinions import detector_info
    from unmask.scanning.sampling_passes import PASS_SIZES, plan_passes
    from unmask.scanning.scanner import Scanner, ScannerClosedError, scan
    from unmask.scanning.settings import DEFAULTS, ScannerSettings, ScanOptions, Settings

__all__ = [
    "DEFAULTS",
    "PASS_SIZES",
    "ScanOptions",
    "Scanner",
    "ScannerClosedError",
    "ScannerSettings",
    "Settings",
    "detector_info",
    "plan_passes",
    "scan",
]

_HOMES = {
    "DEFAULTS": "unmask.scanning.settings",
    "PASS_SIZES": "unmask.scanning.sampling_passes",
    "ScanOptions": "unmask.scanning.settings",
    "Scanner": "unmask.scanning.scanner",
    "ScannerClosedError": "unmask.scanning.scanner",
    "ScannerSettings": "unmask.scanning.settings",
    "Settings": "unmask.scanning.settings",
    "detector_info": "unmask.scanning.opinions",
    "plan_passes": "unmask.scanning.sampling_passes",
    "scan": "unmask.scanning.scanner",
}

__getattr__ = late_names(__name__, _HOMES)
