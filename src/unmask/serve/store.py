"""The job store: every change of a job is one statement, so no process sees half of one."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Engine, case, delete, insert, literal, select, update

from unmask.serve.database import jobs
from unmask.serve.jobs import FINISHED, NAME_LENGTH, Job, NewJob, now
from unmask.serve.queries import WAITING, JobQueries
from unmask.serve.webhooks import add_webhook, remove_webhooks


class JobStore(JobQueries):
    """Jobs in a database, for the web process and for workers alike.

    Parameters
    ----------
    engine
        Of the database.
    attempts
        How often a job is begun before its worker's death makes it fail.
    lease
        Seconds after which a silent worker counts as dead.
    """

    def __init__(self, engine: Engine, attempts: int = 2, lease: float = 30.0) -> None:
        super().__init__(engine)
        self.attempts = attempts
        self.lease = lease
        self._skips_locked = engine.dialect.name in ("postgresql", "mysql", "mariadb", "oracle")

    def add(self, job: NewJob, queue: int) -> bool:
        """Put a job into the queue.

        Parameters
        ----------
        job
            The job.
        queue
            Largest number of jobs that wait.

        Returns
        -------
        bool
            False, and nothing is stored, when so many wait already.
        """
        moment = now()
        values = {
            "id": job.id,
            "created": int(moment * 1e6),
            "updated": moment,
            "state": "queued",
            "progress": 0.0,
            "attempts": 0,
            "owner": job.owner,
            "name": job.name[:NAME_LENGTH],
            "size": job.size,
            "sha256": job.sha256,
            "detector": job.detector,
            "frames": job.frames,
            "kept": job.kept,
        }
        row = select(*(literal(value, jobs.c[name].type) for name, value in values.items())).where(
            WAITING.scalar_subquery() < queue
        )
        with self.engine.begin() as connection:
            statement = insert(jobs).from_select(list(values), row)
            stored = (
                connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1
            )
            if stored and job.webhook is not None:
                add_webhook(connection, job.id, job.webhook)
        return stored

    def remove(self, identifier: str, owner: str | None = None) -> bool:
        """Delete a job in any state; a worker that scans it learns so at its next heartbeat.

        Parameters
        ----------
        identifier
            Of the job.
        owner
            Whose jobs may be deleted; None for everybody's.
        """
        statement = delete(jobs).where(jobs.c.id == identifier)
        if owner is not None:
            statement = statement.where(jobs.c.owner == owner)
        with self.engine.begin() as connection:
            removed = connection.execute(statement).rowcount == 1
            if removed:
                remove_webhooks(connection, [identifier])
        return removed

    def claim(self, worker: str) -> Job | None:
        """Return the oldest waiting job for a worker; no two workers ever get the same one.

        Parameters
        ----------
        worker
            Its id.
        """
        oldest = (
            select(jobs.c.id).where(jobs.c.state == "queued").order_by(jobs.c.created, jobs.c.id).limit(1)
        )
        while True:
            claim = secrets.token_hex(16)
            with self.engine.begin() as connection:
                if self._skips_locked:
                    oldest = oldest.with_for_update(skip_locked=True)
                identifier = connection.execute(oldest).scalar()
                if identifier is None:
                    return None
                taken = self._take(connection, identifier, worker, claim)
            if taken:
                return self.get(identifier)

    def _take(self, connection: Any, identifier: str, worker: str, claim: str) -> bool:
        moment = now()
        statement = (
            update(jobs)
            .where(jobs.c.id == identifier, jobs.c.state == "queued")
            .values(
                state="running",
                claim=claim,
                worker=worker,
                attempts=jobs.c.attempts + 1,
                progress=0.0,
                started=moment,
                updated=moment,
                lease=moment + self.lease,
            )
        )
        return bool(connection.execute(statement).rowcount == 1)

    def heartbeat(self, identifier: str, claim: str, progress: float) -> bool:
        """Report progress and renew the lease.

        Parameters
        ----------
        identifier
            Of the job.
        claim
            Under which a worker has it.
        progress
            In [0, 1].

        Returns
        -------
        bool
            False when the job is no longer this claim's.
        """
        moment = now()
        # The moment of change is kept where nothing changed, so that listeners are not woken for nothing.
        changed = case((jobs.c.progress == progress, jobs.c.updated), else_=moment)
        return self._change(
            identifier, claim, {"progress": progress, "updated": changed, "lease": moment + self.lease}
        )

    def finish(
        self, identifier: str, claim: str, result: str, status: str, verdict: str | None, score: float | None
    ) -> bool:
        """Store a result.

        Parameters
        ----------
        identifier
            Of the job.
        claim
            Under which a worker has it.
        result
            JSON of the scan.
        status, verdict, score
            Of the scan.

        Returns
        -------
        bool
            False, and nothing is stored, when the job is no longer this claim's.
        """
        values = {"state": "done", "progress": 1.0, "result": result, "status": status, "verdict": verdict}
        return self._change(identifier, claim, {**values, "score": score, **_ended()})

    def fail(self, identifier: str, claim: str, reason: str) -> bool:
        """Store why a job has no result.

        Parameters
        ----------
        identifier
            Of the job.
        claim
            Under which a worker has it.
        reason
            One line.

        Returns
        -------
        bool
            False when the job is no longer this claim's.
        """
        return self._change(identifier, claim, {"state": "failed", "failure": reason, **_ended()})

    def requeue(self, identifier: str, claim: str) -> bool:
        """Put a job back into the queue as if it had not been begun, for a worker that must stop.

        Parameters
        ----------
        identifier
            Of the job.
        claim
            Under which a worker has it.

        Returns
        -------
        bool
            False when the job is no longer this claim's.
        """
        values = {"state": "queued", "progress": 0.0, "attempts": jobs.c.attempts - 1, "started": None}
        return self._change(
            identifier, claim, {**values, "updated": now(), "claim": None, "worker": None, "lease": None}
        )

    def _change(self, identifier: str, claim: str, values: dict[str, Any]) -> bool:
        statement = (
            update(jobs)
            .where(jobs.c.id == identifier, jobs.c.claim == claim, jobs.c.state == "running")
            .values(values)
        )
        with self.engine.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def release_worker(self, worker: str) -> int:
        """Queue again, or fail, the jobs of a worker that is known to be dead.

        Parameters
        ----------
        worker
            Its id.

        Returns
        -------
        int
            Number of jobs.
        """
        return self._release(jobs.c.worker == worker)

    def release_expired(self) -> int:
        """Queue again, or fail, the jobs whose worker was not heard of for a lease; gives their number."""
        return self._release(jobs.c.lease < now())

    def _release(self, which: Any) -> int:
        last = jobs.c.attempts >= self.attempts
        moment = now()
        reason = f"the worker process ended {self.attempts} times while it scanned this file"
        if self.attempts == 1:
            reason = "the worker process ended while it scanned this file"
        statement = (
            update(jobs)
            .where(jobs.c.state == "running", which)
            .values(
                state=case((last, "failed"), else_="queued"),
                failure=case((last, reason), else_=None),
                finished=case((last, moment), else_=None),
                progress=0.0,
                updated=moment,
                claim=None,
                worker=None,
                lease=None,
            )
        )
        with self.engine.begin() as connection:
            return connection.execute(statement).rowcount

    def remove_finished_before(self, moment: float, limit: int = 500) -> list[str]:
        """Delete jobs that were finished before a time.

        Parameters
        ----------
        moment
            Seconds since 1970.
        limit
            Number of jobs at most.

        Returns
        -------
        list
            Their ids.
        """
        old = select(jobs.c.id).where(jobs.c.state.in_(FINISHED), jobs.c.finished < moment).limit(limit)
        with self.engine.begin() as connection:
            identifiers = list(connection.execute(old).scalars())
            connection.execute(delete(jobs).where(jobs.c.id.in_(identifiers)))
            remove_webhooks(connection, identifiers)
        return identifiers


def _ended() -> dict[str, Any]:
    moment = now()
    return {"finished": moment, "updated": moment, "claim": None, "worker": None, "lease": None}
