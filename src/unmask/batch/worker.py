"""What runs in a worker process: one scanner, loaded once, that answers until its parent is gone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from unmask.batch.identity import Fingerprint, fingerprint
from unmask.processes.pool import end_with_parent
from unmask.report import ScanResult
from unmask.scanning import Scanner, Settings

MakeScanner = Callable[["Settings"], "Scanner"]


def serve(link: Connection, settings: Settings, make_scanner: MakeScanner) -> None:
    """Run a worker: load once, then answer until the other end closes.

    Parameters
    ----------
    link
        To the parent.
    settings
        Of the scanner.
    make_scanner
        Makes it.
    """
    _leave_stopping_to_the_parent()
    with make_scanner(settings) as scanner, suppress(EOFError, BrokenPipeError):
        try:
            _ = scanner.detector
        except Exception as error:
            link.send(error)
            return
        link.send("ready")
        while True:
            verb, path = link.recv()
            link.send(_answer_to(scanner, verb, Path(path)))


def _answer_to(scanner: Scanner, verb: str, path: Path) -> object:
    try:
        if verb == "fingerprint":
            return fingerprint(path, largest(scanner.settings))
        return scanner.scan_or_explain(path)
    except Exception as error:
        return error


def plain_scanner(settings: Settings) -> Scanner:
    """Return the scanner of everyday use.

    Parameters
    ----------
    settings
        Of the scanner.
    """
    return Scanner(settings)


def unless_changed(path: Path, seen: Fingerprint, result: ScanResult) -> tuple[ScanResult, Fingerprint]:
    """Return a result and what it is of; of a file that was changed meanwhile there is no result.

    Parameters
    ----------
    path
        Of the file.
    seen
        Its fingerprint before the scan.
    result
        Of the scan.
    """
    if seen.still_holds(path):
        return result, seen
    changed = ScanResult(
        result.path, result.kind, "unreadable", result.detector, "it changed while it was scanned",
        seconds=result.seconds,
    )  # fmt: skip
    return changed, Fingerprint()


def largest(settings: Settings) -> int:
    """Return the size of the largest file that is read at all, in bytes.

    Parameters
    ----------
    settings
        Of the scanner.
    """
    return max(settings.limits.image_bytes, settings.limits.video_bytes)


def _leave_stopping_to_the_parent() -> None:
    """Ignore the signals that end a service as a whole: the parent ends its workers in order."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_with_parent()
