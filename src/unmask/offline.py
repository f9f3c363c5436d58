"""Nothing is reported to anybody: the telemetry of every library is off before the library is imported.

``unmask/__init__.py`` sees to it first of all, so it holds in every process that imports any part of unmask; processes
that these start inherit the environment too.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

# A new dependency is checked for telemetry before it is added, see CONTRIBUTING.md.
SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime: a device id and events below the home folder, sent from there.
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray: usage reports.
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, which timm imports.
    "DO_NOT_TRACK": "1",  # Whatever else follows the common convention.
}


def disable_telemetry() -> None:
    """Switch off the telemetry of all libraries in this process and in those that it starts.

    Whatever the environment said before is overruled. An ONNX Runtime that the program imported before unmask has
    written its files by then; it is kept from recording more.
    """
    os.environ.update(SWITCHES)
    imported = sys.modules.get("onnxruntime")
    if imported is not None:
        disable_events(imported)


def disable_events(onnxruntime: ModuleType) -> None:
    """Keep a loaded ONNX Runtime from recording events; its builds for Windows do not all read the environment.

    Parameters
    ----------
    onnxruntime
        The module.
    """
    disable = getattr(onnxruntime, "disable_telemetry_events", None)
    if disable is not None:
        disable()
