"""The whole way of one file: media -> faces -> tracks -> crops -> scores -> verdict -> result.

Names are imported on first use: a process that only starts a scan waits for none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    "DEFAULTS": "settings",
    "PASS_SIZES": "sampling_passes",
    "ScanOptions": "settings",
    "Scanner": "scanner",
    "ScannerClosedError": "scanner",
    "ScannerSettings": "settings",
    "Settings": "settings",
    "detector_info": "opinions",
    "plan_passes": "sampling_passes",
    "scan": "scanner",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unmask.scanning' has no attribute {name!r}")
    return getattr(import_module(f"unmask.scanning.{_HOMES[name]}"), name)
