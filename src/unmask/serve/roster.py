"""Which worker processes are alive, as the database knows it."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable

from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from unmask.serve.database import workers
from unmask.serve.jobs import now


def new_worker_id() -> str:
    """Make the id under which a worker process is known."""
    return secrets.token_hex(8)


class Roster:
    """Workers and when each was last heard of; one that was silent for a lease does not count."""

    def __init__(self, engine: Engine, lease: float, clock: Callable[[], float] = now) -> None:
        self.engine = engine
        self.lease = lease
        self._clock = clock

    def register(self, worker: str) -> None:
        """Record that this process is ready to scan.

        Parameters
        ----------
        worker
            Its id.
        """
        moment = self._clock()
        values = {"host": socket.gethostname()[:255], "pid": os.getpid(), "started": moment, "heard": moment}
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(workers).values(id=worker, **values))
        except IntegrityError:
            self.heartbeat(worker)

    def heartbeat(self, worker: str) -> None:
        """Record that a worker is alive.

        Parameters
        ----------
        worker
            Its id.
        """
        with self.engine.begin() as connection:
            connection.execute(update(workers).where(workers.c.id == worker).values(heard=self._clock()))

    def leave(self, worker: str) -> None:
        """Remove a worker.

        Parameters
        ----------
        worker
            Its id.
        """
        with self.engine.begin() as connection:
            connection.execute(delete(workers).where(workers.c.id == worker))

    def remove_expired(self) -> None:
        """Remove every worker that was silent for ten leases; it can register again."""
        with self.engine.begin() as connection:
            connection.execute(delete(workers).where(workers.c.heard < self._clock() - 10 * self.lease))

    def alive(self) -> int:
        """Count the workers that were heard of within a lease."""
        heard = select(func.count()).select_from(workers).where(workers.c.heard >= self._clock() - self.lease)
        with self.engine.connect() as connection:
            return int(connection.execute(heard).scalar_one())
