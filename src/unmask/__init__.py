"""unmask tells whether the faces in an image or video were manipulated."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `import unmask` and `unmask --help` stay quick.
    if name not in _HOMES:
        raise AttributeError(f"module 'unmask' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
