"""A run over many files on one machine: threads that each drive a scanner, one ledger, one log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.batch.identity import row_of
from unmask.batch.isolation import AbortedError, FileScanner
from unmask.batch.stopping import Stop

if TYPE_CHECKING:
    from unmask.batch.ledger import Ledger
    from unmask.batch.paths import PathSource
    from unmask.report import ScanResult

_TICK = 0.2


def run(
    source: PathSource,
    ledger: Ledger,
    scanners: Sequence[FileScanner],
    stop: Stop | None = None,
    on_result: Callable[[ScanResult], None] | None = None,
) -> None:
    """Scan every file of a source that the ledger does not know, until it ends or the run is stopped.

    Parameters
    ----------
    source
        Of paths.
    ledger
        Decides what is scanned.
    scanners
        One a thread; closed at the end.
    stop
        Asks for the end.
    on_result
        Called with each scan's whole result.

    Raises
    ------
    Exception
        What a scanner or the log raised first; rows written until then are complete.
    """
    stop = stop or Stop()
    threads = ThreadPoolExecutor(len(scanners), thread_name_prefix="unmask-batch")
    try:
        work = [threads.submit(_work, scanner, source, ledger, stop, on_result) for scanner in scanners]
        _wait_for(work, scanners, stop)
    finally:
        stop.ask()
        for scanner in scanners:
            scanner.abort()
        threads.shutdown()
        for scanner in scanners:
            scanner.close()
    for future in work:
        future.result()


def _wait_for(work: Sequence[Future[None]], scanners: Sequence[FileScanner], stop: Stop) -> None:
    """Wait until all is done or one failed, ticking so that signals are seen."""
    waiting = set(work)
    while waiting:
        done, waiting = wait(waiting, _TICK, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            return
        if stop.overdue:
            for scanner in scanners:
                scanner.abort()


def _work(
    scanner: FileScanner,
    source: PathSource,
    ledger: Ledger,
    stop: Stop,
    on_result: Callable[[ScanResult], None] | None,
) -> None:
    """Do one file after the other until none is left."""
    requeued: list[Path] = []
    while not stop.asked:
        path = requeued.pop() if requeued else source.take(_TICK)
        if path is not None:
            try:
                requeued += _one(path, scanner, ledger, on_result)
            except AbortedError:
                return
        elif source.ended:
            return


def _one(
    path: Path, scanner: FileScanner, ledger: Ledger, on_result: Callable[[ScanResult], None] | None
) -> list[Path]:
    """Scan one file if its content is new; return files that are to be queued again."""
    if ledger.is_done(path):
        return []
    seen = scanner.fingerprint(path)
    if not ledger.claim(path, seen):
        return []
    result, of = scanner.scan(path, seen)
    if on_result:
        on_result(result)  # First: it counts even where its row cannot be written.
    return ledger.finish(path, seen, row_of(result, of, ledger.key))
