"""Starts the worker processes, replaces those that end, and tidies up."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from unmask.serve.files import remove_files, remove_ownerless, remove_scanned
from unmask.serve.jobs import now
from unmask.serve.roster import Roster, new_worker_id
from unmask.serve.settings import ServeSettings
from unmask.serve.store import JobStore

logger = logging.getLogger("unmask.serve")

WORKER = (sys.executable, "-m", "unmask.serve.worker")
TIDY_SECONDS = 60.0
STOP_SECONDS = 5.0
SOON = 2.0  # a worker that ended within this many seconds of its start is replaced with growing delay


class Supervisor:
    """Keeps ``settings.workers`` worker processes alive, in a thread of its own.

    Parameters
    ----------
    settings
        Of the server.
    store, roster
        Of jobs and of workers.
    command
        Starts a worker.
    """

    def __init__(
        self, settings: ServeSettings, store: JobStore, roster: Roster, command: Sequence[str] = WORKER
    ) -> None:
        self._settings = settings
        self._store = store
        self._roster = roster
        self._command = list(command)
        self._slots: list[_Slot] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unmask-supervisor", daemon=True)
        self.replaced = 0

    def start(self) -> None:
        """Start the workers."""
        self._slots = [_Slot() for _ in range(self._settings.workers)]
        self._thread.start()

    def stop(self) -> None:
        """End the workers and wait for them; running jobs go back into the queue."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        running = [member.process for member in self._slots if member.process is not None]
        for process in running:
            _close_input(process)
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [m.process.pid for m in self._slots if m.process is not None and m.process.poll() is None]

    def _run(self) -> None:
        tidied = swept = -TIDY_SECONDS
        while not self._stop.is_set():
            moment = time.monotonic()
            done = [self._attempt(partial(self._check, member)) for member in self._slots]
            if moment - swept >= min(1.0, self._settings.lease / 4):
                swept = moment
                done.append(self._attempt(self._sweep))
            if moment - tidied >= TIDY_SECONDS:
                tidied = moment
                done.append(self._attempt(self.tidy))
            self._stop.wait(0.1 if all(done) else 1.0)

    def _attempt(self, step: Callable[[], None]) -> bool:
        """Run one step; whatever fails in it is logged, and neither ends supervision nor hinders the other steps."""
        try:
            step()
        except Exception:
            logger.exception("the supervisor goes on")
            return False
        return True

    def _sweep(self) -> None:
        self._after_release(self._store.release_expired())

    def _check(self, member: _Slot) -> None:
        if member.process is not None and member.process.poll() is not None:
            self._reap(member)
        if member.process is None and time.monotonic() >= member.not_before and not self._stop.is_set():
            member.start(self._command, self._settings)

    def _reap(self, member: _Slot) -> None:
        assert member.process is not None
        code = member.process.returncode
        released = self._store.release_worker(member.worker)
        self._after_release(released)
        self._roster.leave(member.worker)
        self.replaced += 1
        logger.warning("worker %d ended with %s; jobs taken from it: %d", member.process.pid, code, released)
        _close_input(member.process)
        member.ended()

    def _after_release(self, released: int) -> None:
        # Some of them may have failed for good.
        if released:
            remove_scanned(self._settings, self._store.scanned)

    def tidy(self) -> None:
        """Remove what is past its retention, and what crashes left behind."""
        if self._settings.retention:
            for identifier in self._store.remove_finished_before(now() - self._settings.retention):
                remove_files(self._settings, identifier)
        remove_scanned(self._settings, self._store.scanned)
        remove_ownerless(self._settings, self._store.known)
        self._roster.remove_expired()


class _Slot:
    """One place in the crew and the process that fills it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.worker = ""
        self.not_before = 0.0
        self._since = 0.0
        self._delay = 0.0

    def start(self, command: list[str], settings: ServeSettings) -> None:
        self.worker = new_worker_id()
        self._since = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 (the command is this module's or a test's)
            # A session of its own: Ctrl+C in the terminal reaches the server, which tells the workers.
            command,
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        # Through the pipe, not the command line: a database's URL may hold a password.
        told = json.dumps({"worker": self.worker, "settings": settings.model_dump(mode="json")}) + "\n"
        assert self.process.stdin is not None
        # One that ended at once is found out by the next look.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(told)
            self.process.stdin.flush()

    def ended(self) -> None:
        lived = time.monotonic() - self._since
        self._delay = min(5.0, max(0.5, self._delay * 2)) if lived < SOON else 0.0
        self.not_before = time.monotonic() + self._delay
        self.process = None


def _close_input(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
