"""Reading the job store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, and_, func, or_, select

from unmask.serve.database import jobs
from unmask.serve.jobs import FINISHED, Job, State

_BRIEF = tuple(jobs.c[field.name] for field in fields(Job) if field.name != "result")
_WHOLE = (*_BRIEF, jobs.c.result)
WAITING = select(func.count()).select_from(jobs).where(jobs.c.state == "queued")
"""Counts the jobs in the queue."""


class JobQueries:
    """What may be asked of the jobs in a database; no query changes one.

    Parameters
    ----------
    engine
        Of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def waiting(self) -> int:
        """Count the jobs in the queue."""
        with self.engine.connect() as connection:
            return int(connection.execute(WAITING).scalar_one())

    def counts(self) -> dict[str, int]:
        """Count the jobs by state."""
        statement = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        with self.engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def get(self, identifier: str, owner: str | None = None, whole: bool = False) -> Job | None:
        """Return one job; None where there is none of this owner.

        Parameters
        ----------
        identifier
            Of the job.
        owner
            Whose jobs are seen; None for everybody's.
        whole
            Whether to read the result too.
        """
        columns = _WHOLE if whole else _BRIEF
        rows = self._rows(_owned(select(*columns).where(jobs.c.id == identifier), owner))
        return _job(rows[0]) if rows else None

    def get_many(self, identifiers: Iterable[str]) -> dict[str, Job]:
        """Return jobs by id, without results.

        Parameters
        ----------
        identifiers
            Of the jobs; unknown ones are left out.
        """
        rows = self._rows(select(*_BRIEF).where(jobs.c.id.in_(list(identifiers))))
        return {row["id"]: _job(row) for row in rows}

    def page(
        self,
        limit: int,
        before: tuple[int, str] | None = None,
        state: State | None = None,
        owner: str | None = None,
    ) -> list[Job]:
        """Return jobs, newest first, without results.

        Parameters
        ----------
        limit
            Number of jobs at most.
        before
            (created, id) of the job after which the page begins.
        state
            Of the jobs; None for all.
        owner
            Whose jobs are seen; None for everybody's.
        """
        statement = _owned(select(*_BRIEF), owner)
        if before is not None:
            statement = statement.where(
                or_(jobs.c.created < before[0], and_(jobs.c.created == before[0], jobs.c.id < before[1]))
            )
        if state is not None:
            statement = statement.where(jobs.c.state == state)
        ordered = statement.order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(limit)
        return [_job(row) for row in self._rows(ordered)]

    def known(self, identifiers: Sequence[str]) -> set[str]:
        """Return which ids are jobs.

        Parameters
        ----------
        identifiers
            To be looked up.
        """
        with self.engine.connect() as connection:
            return set(connection.execute(select(jobs.c.id).where(jobs.c.id.in_(identifiers))).scalars())

    def scanned(self, identifiers: Sequence[str]) -> set[str]:
        """Return which ids are finished jobs whose upload is not to be kept.

        Parameters
        ----------
        identifiers
            To be looked up.
        """
        finished = and_(jobs.c.id.in_(identifiers), jobs.c.state.in_(FINISHED), jobs.c.kept.is_(False))
        with self.engine.connect() as connection:
            return set(connection.execute(select(jobs.c.id).where(finished)).scalars())

    def _rows(self, statement: Select[Any]) -> Sequence[RowMapping]:
        with self.engine.connect() as connection:
            return connection.execute(statement).mappings().all()


def _owned(statement: Select[Any], owner: str | None) -> Select[Any]:
    return statement if owner is None else statement.where(jobs.c.owner == owner)


def _job(row: RowMapping) -> Job:
    return Job(**row)
