"""The command as a process of its own: what it starts before anything else, and how it ends."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from typing import TYPE_CHECKING

from unmask.cli.streams import flush_output, open_streams

if TYPE_CHECKING:
    from unmask.scanning.warm_start import WarmStart

# What a scan's libraries would otherwise take time for when they are imported: threads for linear algebra, which would
# wait for work with the processor running, and a search of all installed packages for plugins.
STARTUP_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}

OBJECTS_AT_START = 100_000  # So many are made by imports alone; to look for garbage among them finds none.


def command() -> None:
    """Run the command line as a process of its own.

    A scan ends without the interpreter's tidying up: to give back the detector's memory piece by piece takes a tenth of
    a second, and the system takes it back anyway.
    """
    open_streams()
    scans = sys.argv[1:2] == ["scan"]
    started = _start_scan() if scans else None
    from unmask.cli.main import main

    try:
        main(started)
    except SystemExit as ended:
        code = flush_output(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        if scans and threading.active_count() == 1 and "ray" not in sys.modules:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
                os._exit(code)
        sys.exit(code)


def _start_scan() -> WarmStart | None:
    """Set this process up for a scan, and start what the arguments seem to ask for."""
    for name, value in STARTUP_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    gc.set_threshold(OBJECTS_AT_START)
    with contextlib.suppress(Exception):
        from unmask.scanning.warm_start import WarmStart

        return WarmStart.guess(sys.argv[2:])
    return None
