"""unmask tells whether the faces in an image or video were manipulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmask.late_names import late_names as _late_names
from unmask.offline import disable_telemetry as _disable_telemetry

if TYPE_CHECKING:
    from unmask.detectors import load_detector
    from unmask.report import ScanResult
    from unmask.scanning import Scanner, Settings, scan

_disable_telemetry()  # Here, because every process that uses unmask imports this first.

__version__ = "0.1.0"

__all__ = ["ScanResult", "Scanner", "Settings", "__version__", "load_detector", "scan"]

_HOMES = {
    "ScanResult": "unmask.report",
    "Scanner": "unmask.scanning",
    "Settings": "unmask.scanning",
    "load_detector": "unmask.detectors",
    "scan": "unmask.scanning",
}

__getattr__ = _late_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
