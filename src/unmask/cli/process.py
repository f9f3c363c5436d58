"""The command as a process of its own: what it starts before anything else, and how it ends."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unmask.cli.streams import flush_output, open_streams

if TYPE_CHECKING:
    from unmask.loading import Loading
    from unmask.media import DecodingProcesses

# With one of these `unmask scan` works in processes of its own, or not at all.
MULTI_PROCESS_OPTIONS = ("--output", "--workers", "--resume", "--from", "--ray", "--help")
REPORT, DETECTOR = "--report", "--detector"
DEFAULT_DETECTOR = "jrc"

# What a scan's libraries would otherwise take time for when they are imported: threads for linear algebra, which would
# wait for work with the processor running, and a search of all installed packages for plugins.
STARTUP_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "PYDANTIC_DISABLE_PLUGINS": "__all__"}

OBJECTS_AT_START = 100_000  # So many are made by imports alone; to look for garbage among them finds none.


@dataclass(frozen=True)
class Started:
    """What a scan was started with before its command line was read, if that looked like one of this process.

    credentials : whether the decoding process has the library ready that reads content credentials.
    loading : of the default detector.
    """

    credentials: bool
    decoding: DecodingProcesses
    loading: Loading | None


_started: list[Started] = []


def command() -> None:
    """Run the command line as a process of its own.

    A scan's decoding process takes as long to get ready as the command line to be read and the rest to be imported, so
    it is started first. A scan ends without the interpreter's tidying up: to give back the detector's memory piece by
    piece takes a tenth of a second, and the system takes it back anyway.
    """
    open_streams()
    arguments = sys.argv[1:]
    if arguments[:1] == ["scan"]:
        for name, value in STARTUP_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        gc.set_threshold(OBJECTS_AT_START)
    if scans_here(arguments):
        # What fails here the scan starts again itself, where errors are told in one line.
        with contextlib.suppress(Exception):
            _started.append(start(arguments))
    from unmask.cli.main import main

    try:
        main()
    except SystemExit as ended:
        code = flush_output(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        if arguments[:1] == ["scan"] and threading.active_count() == 1 and "ray" not in sys.modules:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
                os._exit(code)
        sys.exit(code)


def scans_here(arguments: Sequence[str]) -> bool:
    """Whether the command line looks as if this process were to scan; at worst that is found out later."""
    return arguments[:1] == ["scan"] and not _has(arguments, *MULTI_PROCESS_OPTIONS)


def start(arguments: Sequence[str]) -> Started:
    """Start what a command line is going to need."""
    from unmask.loading import Loading

    credentials = _has(arguments, REPORT)
    decoding = _start_decoding(credentials)
    loading = (
        None if _has(arguments, DETECTOR) else Loading(DEFAULT_DETECTOR, at_once=faces_at_once(arguments))
    )
    if loading is not None:
        loading.imports.exception()  # Waited for: the sooner the weights are read, beside what is done here next.
    return Started(credentials, decoding, loading)


def started_for(credentials: bool, detector: str) -> tuple[DecodingProcesses, Loading | None]:
    """Return what was started in advance for such a scan; a decoding process is started now if none was."""
    started = _started.pop() if _started else None
    if started is None:
        return _start_decoding(credentials), None
    if started.credentials != credentials:
        started.decoding.close()
        return _start_decoding(credentials), None
    return started.decoding, started.loading if detector == DEFAULT_DETECTOR else None


def _start_decoding(credentials: bool) -> DecodingProcesses:
    from unmask.media import DecodingProcesses, Limits

    processes = DecodingProcesses(Limits(), credentials)
    processes.start()
    return processes


def faces_at_once(arguments: Sequence[str]) -> int:
    """How many faces there are to score at a time at least: a video has several frames, a picture may have one face."""
    from unmask.media import IMAGE_ENDINGS, VIDEO_ENDINGS
    from unmask.scanning import PASS_SIZES

    endings = {os.path.splitext(argument)[1].lower() for argument in arguments}  # noqa: PTH122 (no paths all)
    return min(PASS_SIZES[0]) if endings & VIDEO_ENDINGS and not endings & IMAGE_ENDINGS else 1


def _has(arguments: Sequence[str], *options: str) -> bool:
    return any(argument.split("=")[0] in options for argument in arguments)
