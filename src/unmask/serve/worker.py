"""A worker process: takes jobs from the database, scans them, stores what came out.

It ends when its standard input ends, which is when the process that started it ends, however that came about.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from sqlalchemy.exc import SQLAlchemyError

from unmask.processes.cores import available_cores
from unmask.serve.database import connect
from unmask.serve.files import report_folder, upload_path
from unmask.serve.jobs import Job, moment
from unmask.serve.roster import Roster
from unmask.serve.scan_upload import Scan, UploadScanner
from unmask.serve.settings import ServeSettings
from unmask.serve.store import JobStore

LOST, OVERDUE, STOPPED = 75, 76, 0
HEARTBEATS_A_LEASE = 10
AUTOGROUP = Path("/proc/self/autogroup")
AUTOGROUP_TRIES = 30


def main(make_scan: Callable[[ServeSettings], Scan] | None = None) -> None:
    """Run a worker; its id and settings come as one line of JSON on standard input.

    Parameters
    ----------
    make_scan
        Returns the scan for some settings; None for the real one.
    """
    told = json.loads(sys.stdin.readline())
    settings = ServeSettings.model_validate(told["settings"])
    step_back(settings.niceness)
    Worker(told["worker"], settings, make_scan or _load).run()


def step_back(niceness: int) -> None:
    """Lower the priority of this process, on systems that have one.

    Linux shares a processor evenly between sessions before it looks at the priorities of their processes
    (sched(7), "The autogroup feature"), and a worker has its own session: its priority is lowered as well.

    Parameters
    ----------
    niceness
        As in nice(2).
    """
    if not niceness:
        return
    with contextlib.suppress(OSError, AttributeError):
        os.nice(niceness)
    for _ in range(AUTOGROUP_TRIES):
        try:
            AUTOGROUP.write_text(str(niceness))
            return
        except BlockingIOError:
            # Without privileges the whole machine may do this ten times a second; workers take turns.
            time.sleep(0.1 + os.getpid() % 10 / 100)
        except OSError:
            return


def _load(settings: ServeSettings) -> Scan:
    threads = max(1, min(8, available_cores() // max(1, settings.workers)))
    return UploadScanner(settings.detector, threads, settings.trust_anchors)


class Worker:
    """One worker: a thread that scans, one that keeps the lease, one that listens for the end."""

    def __init__(
        self, worker: str, settings: ServeSettings, make_scan: Callable[[ServeSettings], Scan]
    ) -> None:
        self.id = worker
        self._settings = settings
        self._make_scan = make_scan
        engine = connect(settings.database_url)
        self._store = JobStore(engine, settings.attempts, settings.lease)
        self._roster = Roster(engine, settings.lease)
        self._now: _RunningJob | None = None
        self._lock = threading.Lock()

    def run(self) -> None:
        """Scan jobs until standard input ends."""
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        scan = self._make_scan(self._settings)
        self._roster.register(self.id)
        threading.Thread(target=self._keep_leases, daemon=True).start()
        while True:
            try:
                job = self._store.claim(self.id)
            except SQLAlchemyError as error:
                _log(f"the database does not answer: {type(error).__name__}")
                time.sleep(2.0)
                continue
            if job is None:
                time.sleep(self._settings.poll)
            else:
                self._work(job, scan)

    def _work(self, job: Job, scan: Scan) -> None:
        running = _RunningJob(job)
        with self._lock:
            self._now = running
        upload = upload_path(self._settings, job.id)
        draft = self._draft(running)
        try:
            result = scan(job, upload, draft, running.report_progress)
            text = json.dumps(result.to_dict())
            self._publish(job, draft)
            ours = self._store.finish(
                job.id, running.claim, text, result.status, result.verdict, result.score
            )
        except Exception as error:
            _log(f"job {job.id}: {type(error).__name__}: {error}")
            reason = f"internal error: {type(error).__name__}: {' '.join(str(error).split())}"
            ours = self._store.fail(job.id, running.claim, reason[:500])
        finally:
            with self._lock:
                self._now = None
            shutil.rmtree(draft, ignore_errors=True)
        if not ours:
            _log(f"job {job.id} was taken away; its result is dropped")
            if self._store.get(job.id) is None:
                shutil.rmtree(report_folder(self._settings, job.id), ignore_errors=True)
        elif not job.kept:
            upload.unlink(missing_ok=True)

    def _draft(self, running: _RunningJob) -> Path:
        """Return the folder of a report that is being written."""
        return report_folder(self._settings, f"{running.job.id}.{running.claim[:8]}")

    def _publish(self, job: Job, draft: Path) -> None:
        """Put the report in its place before the job is done, so that a done job always has one."""
        place = report_folder(self._settings, job.id)
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)

    def _keep_leases(self) -> None:
        """Renew the lease and pass on progress; end the process when the job is lost or overdue."""
        heard = 0.0
        while True:
            time.sleep(min(0.25, self._settings.lease / HEARTBEATS_A_LEASE))
            with self._lock:
                running = self._now
            try:
                if time.monotonic() - heard >= self._settings.lease / HEARTBEATS_A_LEASE:
                    heard = time.monotonic()
                    self._roster.heartbeat(self.id)
                    due = True
                else:
                    due = False
                if running is not None and (due or running.has_progress()):
                    self._beat(running)
            except Exception as error:  # Whatever it is: without this thread the lease runs out.
                _log(f"no heartbeat: {type(error).__name__}: {' '.join(str(error).split())[:200]}")

    def _beat(self, running: _RunningJob) -> None:
        if running.age() > self._settings.job_timeout:
            reason = f"the scan took longer than {self._settings.job_timeout:.0f} s"
            if self._still_at(running) and self._store.fail(running.job.id, running.claim, reason):
                _log(f"job {running.job.id}: {reason}")
                self._abandon(running, OVERDUE)
        elif not self._store.heartbeat(
            running.job.id, running.claim, running.take_progress()
        ) and self._still_at(running):
            # The job was deleted, or given to another worker: nobody waits for this scan.
            self._abandon(running, LOST)

    def _abandon(self, running: _RunningJob, code: int) -> NoReturn:
        """End the process in the middle of a scan; its draft, which may show faces, goes at once."""
        shutil.rmtree(self._draft(running), ignore_errors=True)
        os._exit(code)

    def _still_at(self, running: _RunningJob) -> bool:
        with self._lock:
            return self._now is running

    def _end_with_parent(self) -> None:
        """End when standard input does, putting the running job back into the queue."""
        while sys.stdin.readline():
            pass
        with self._lock:
            running = self._now
        with contextlib.suppress(Exception):
            if running is not None:
                self._store.requeue(running.job.id, running.claim)
            self._roster.leave(self.id)
        os._exit(STOPPED)


class _RunningJob:
    """The running job and its progress, which the scan reports and the heartbeat passes on."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.claim = job.claim or ""
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._progress = 0.0
        self._taken = 0.0

    def report_progress(self, progress: float) -> None:
        # From any of the scan's threads, so not always in order.
        with self._lock:
            self._progress = max(self._progress, min(1.0, progress))

    def has_progress(self) -> bool:
        return self._progress != self._taken

    def take_progress(self) -> float:
        self._taken = self._progress
        return self._taken

    def age(self) -> float:
        return time.monotonic() - self._began


def _log(line: str) -> None:
    print(f"{moment(time.time())} worker {os.getpid()}: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
