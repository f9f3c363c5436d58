"""Scans files in a worker process. If a file crashes it, the worker is restarted and the file gets a status."""

from __future__ import annotations

import atexit
import signal
import threading
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol

from unmask.batch.errors import BatchError
from unmask.batch.identity import Fingerprint, fingerprint
from unmask.batch.worker import MakeScanner, largest, plain_scanner, serve, unless_changed
from unmask.media import kind_by_name
from unmask.processes.pool import SPAWN
from unmask.report import DetectorInfo, ScanResult, Status
from unmask.scanning import Settings

PATIENCE = 900.0
STARTS = 3


class FileScanner(Protocol):
    """Scans one file after the other; each thread has its own."""

    def fingerprint(self, path: Path) -> Fingerprint:
        """Fingerprint a file, reading it once.

        Parameters
        ----------
        path
            Of the file.
        """

    def scan(self, path: Path, seen: Fingerprint) -> tuple[ScanResult, Fingerprint]:
        """Scan a file, and return the result with the fingerprint that it is of.

        Parameters
        ----------
        path
            Of the file.
        seen
            Of ``fingerprint``.
        """

    def abort(self) -> None:
        """Abort the file that another thread is scanning, if possible."""

    def close(self) -> None:
        """Free what it holds; no file is in progress any more."""


class WorkerEndedError(Exception):
    """A worker process ended, or was ended because it took too long; the message says which."""


class AbortedError(Exception):
    """The file in progress was aborted."""


class InProcessScanner(FileScanner):
    """Scans in this process: a file that ends the process ends everything. Threads may share one."""

    def __init__(self, settings: Settings) -> None:
        self._scanner = plain_scanner(settings)

    def fingerprint(self, path: Path) -> Fingerprint:
        """Fingerprint a file."""
        return fingerprint(path, largest(self._scanner.settings))

    def scan(self, path: Path, seen: Fingerprint) -> tuple[ScanResult, Fingerprint]:
        """Scan a file, unless it changed."""
        return unless_changed(path, seen, self._scanner.scan_or_explain(path))

    def abort(self) -> None:
        """Do nothing: what a thread is at cannot be ended."""

    def close(self) -> None:
        """End the scanner's threads."""
        self._scanner.close()


class IsolatedScanner(FileScanner):
    """Scans in a worker process, started when first needed and replaced when it ends.

    A file that ended two workers, or kept each for ``patience`` seconds, is ``failed``: what decodes it, in a process
    of its own, is not the worker. Where it is (settings with ``isolated=False``), the file is ``unreadable``.

    Parameters
    ----------
    settings
        For the worker's ``Scanner``, which it loads once.
    detector
        Named in the results of files that ended their workers.
    patience
        Seconds of wall time after which a worker that is busy with one file is ended.
    make_scanner
        Makes the scanner in the worker; a function of a module, so that the worker can import it.
    """

    def __init__(
        self,
        settings: Settings,
        detector: DetectorInfo,
        patience: float = PATIENCE,
        make_scanner: MakeScanner | None = None,
    ) -> None:
        self._settings = replace(settings, threads=1)
        self._detector = detector
        self._time_left = patience
        self._make_scanner = make_scanner or plain_scanner
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._aborted = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Of the present worker process, if there is one."""
        return self._process.pid if self._process else None

    def fingerprint(self, path: Path) -> Fingerprint:
        """Fingerprint a file; that of nothing when reading it ended two workers."""
        answer = self._try_twice("fingerprint", path)
        return Fingerprint() if isinstance(answer, WorkerEndedError) else answer

    def scan(self, path: Path, seen: Fingerprint) -> tuple[ScanResult, Fingerprint]:
        """Scan a file, unless it changed.

        Raises
        ------
        DetectorError, FaceFinderError
            When these cannot be loaded.
        AbortedError
            After ``abort``.
        """
        answer = self._try_twice("scan", path)
        if isinstance(answer, WorkerEndedError):
            status: Status = "failed" if self._settings.isolated else "unreadable"
            answer = ScanResult(str(path), kind_by_name(path), status, self._detector, str(answer))
        return unless_changed(path, seen, answer)

    def abort(self) -> None:
        """End the worker at once, and start no other."""
        with self._lock:
            self._aborted = True
            self._end_worker()
        atexit.unregister(self.abort)

    def close(self) -> None:
        """End the worker."""
        self.abort()

    def _try_twice(self, verb: str, path: Path) -> Any:
        """Ask a worker, and a fresh one when it ends; whatever ended the first may have come from outside."""
        try:
            return self._send(verb, path)
        except WorkerEndedError:
            pass
        try:
            return self._send(verb, path)
        except WorkerEndedError as ended:
            return ended

    def _send(self, verb: str, path: Path) -> Any:
        link = self._ready_worker()
        try:
            link.send((verb, str(path)))
            answer = self._answer(link, self._time_left)
        except (EOFError, OSError):
            raise self._why_it_ended() from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(self, link: Connection, patience: float) -> Any:
        if link.poll(patience):
            return link.recv()
        with self._lock:
            self._end_worker()
        raise WorkerEndedError(f"it kept a process busy for {patience:.0f} seconds, twice")

    def _ready_worker(self) -> Connection:
        for _ in range(STARTS):
            with self._lock:
                if self._aborted:
                    raise AbortedError
                if self._connection is not None:
                    return self._connection
                link = self._start()
            try:
                answer = self._answer(link, PATIENCE)
            except (EOFError, OSError, WorkerEndedError):
                self._why_it_ended()
                continue
            if isinstance(answer, Exception):
                raise answer
            return link
        raise BatchError(
            "the worker processes end as soon as they start; is there enough memory for so many? In a script of "
            'your own, start under if __name__ == "__main__"'
        )

    def _start(self) -> Connection:
        # multiprocessing would wait for the worker at the end of this process; this comes before.
        atexit.register(self.abort)
        self._connection, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(
            target=serve, args=(theirs, self._settings, self._make_scanner), daemon=True
        )
        self._process.start()
        theirs.close()
        return self._connection

    def _why_it_ended(self) -> WorkerEndedError:
        """Clear the ended worker away and say what ended it; raises AbortedError when that was ``close``."""
        with self._lock:
            if self._aborted:
                raise AbortedError
            process = self._process
            self._end_worker(at_once=False)
        return WorkerEndedError(_ending(process.exitcode if process else None))

    def _end_worker(self, at_once: bool = True) -> None:
        if self._process is not None:
            if at_once:
                self._process.kill()
            else:
                self._process.join(5)
                self._process.kill()
            self._process.join()
        if self._connection is not None and not at_once:
            self._connection.close()
        self._process = self._connection = None


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"it ended the process that scanned it, twice: {signal.Signals(-code).name}"
    return f"it ended the process that scanned it, twice: exit code {code}"
