"""Reports changes of jobs to listeners: one query of the database serves all of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi.concurrency import run_in_threadpool

from unmask.serve.jobs import Job
from unmask.serve.queries import JobQueries


class Feed:
    """The jobs that somebody waits for, as they change.

    Parameters
    ----------
    store
        Of the jobs.
    period
        Seconds between two queries while anyone waits.
    """

    def __init__(self, store: JobQueries, period: float = 0.25) -> None:
        self._store = store
        self._period = period
        self._watched: Counter[str] = Counter()
        self._next: asyncio.Task[dict[str, Job]] | None = None

    @contextmanager
    def watching(self, identifier: str) -> Iterator[None]:
        """Include a job in the queries while the context lasts.

        Parameters
        ----------
        identifier
            Of the job.
        """
        self._watched[identifier] += 1
        try:
            yield
        finally:
            self._watched[identifier] -= 1
            if not self._watched[identifier]:
                del self._watched[identifier]

    async def poll(self) -> dict[str, Job]:
        """Wait for the next query; return the watched jobs that exist, by id, without results."""
        if self._next is None:
            self._next = asyncio.create_task(self._poll())
        return await asyncio.shield(self._next)

    async def _poll(self) -> dict[str, Job]:
        await asyncio.sleep(self._period)
        self._next = None
        return await run_in_threadpool(self._store.get_many, list(self._watched))
