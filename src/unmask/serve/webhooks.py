"""What became of each job's webhook: rows beside the jobs, which survive a restart."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from unmask.serve.database import jobs, webhooks
from unmask.serve.jobs import FINISHED, moment, now

WebhookState = Literal["waiting", "delivered", "failed"]
STATES: tuple[WebhookState, ...] = ("waiting", "delivered", "failed")

LEASE = 120.0  # seconds after which a claimed delivery is due again: its process has ended
FIRST_DELAY = 10.0
FACTOR = 4.0
LONGEST_DELAY = 6 * 3600.0
ATTEMPTS = 9  # over some 16 hours
JITTER = 0.2
ERROR_LENGTH = 200


@dataclass(frozen=True)
class Delivery:
    """A webhook that one sender has claimed.

    Parameters
    ----------
    job
        Its id.
    owner
        Id of the API key that made the job; None without keys.
    url
        As the client gave it.
    attempts
        How often it was tried, this time included.
    claim
        Under which the outcome is stored.
    """

    job: str
    owner: str | None
    url: str
    attempts: int
    claim: str


class WebhookStore:
    """Webhooks in the database of the jobs; one is due as soon as its job is finished.

    Parameters
    ----------
    engine
        Of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def claim(self) -> Delivery | None:
        """Return a webhook that is due; no other sender gets the same one before a lease is over."""
        moment = now()
        is_due = (webhooks.c.state == "waiting", webhooks.c.due <= moment)
        columns = (webhooks.c.job, jobs.c.owner, webhooks.c.url, webhooks.c.attempts)
        oldest = (
            select(*columns)
            .join(jobs, jobs.c.id == webhooks.c.job)
            .where(*is_due, jobs.c.state.in_(FINISHED))
            .order_by(webhooks.c.due)
            .limit(1)
        )
        with self.engine.connect() as connection:
            found = connection.execute(oldest).one_or_none()
        if found is None:
            return None
        claim = secrets.token_hex(16)
        statement = update(webhooks).where(webhooks.c.job == found.job, *is_due)
        with self.engine.begin() as connection:
            claimed = connection.execute(
                statement.values(claim=claim, due=moment + LEASE, attempts=found.attempts + 1)
            ).rowcount
        return Delivery(found.job, found.owner, found.url, found.attempts + 1, claim) if claimed else None

    def delivered(self, delivery: Delivery, status: int) -> None:
        """Record that the receiver took a webhook.

        Parameters
        ----------
        delivery
            The attempt.
        status
            Of HTTP.
        """
        self._change(delivery, {"state": "delivered", "status": status, "error": None, "delivered": now()})

    def refused(self, delivery: Delivery, error: str, status: int | None = None, final: bool = False) -> None:
        """Record that an attempt failed, and when the next one is due.

        Parameters
        ----------
        delivery
            The attempt.
        error
            One line.
        status
            Of HTTP; None where there was no answer.
        final
            Whether trying again is of no use.
        """
        values: dict[str, Any] = {"status": status, "error": error[:ERROR_LENGTH]}
        if final or delivery.attempts >= ATTEMPTS:
            values["state"] = "failed"
        else:
            values["due"] = now() + delay(delivery.attempts)
        self._change(delivery, values)

    def _change(self, delivery: Delivery, values: dict[str, Any]) -> None:
        ours = (webhooks.c.job == delivery.job, webhooks.c.claim == delivery.claim)
        with self.engine.begin() as connection:
            connection.execute(update(webhooks).where(*ours).values(claim=None, **values))

    def of(self, job: str) -> dict[str, Any] | None:
        """Return the webhook of a job as the API has it; None where it has none.

        Parameters
        ----------
        job
            Its id.
        """
        with self.engine.connect() as connection:
            row = connection.execute(select(webhooks).where(webhooks.c.job == job)).one_or_none()
        if row is None:
            return None
        tried_again = row.state == "waiting" and row.attempts > 0
        return {
            "url": row.url,
            "state": row.state,
            "attempts": row.attempts,
            "status": row.status,
            "error": row.error,
            "next": moment(row.due) if tried_again else None,
            "delivered": moment(row.delivered),
        }

    def counts(self) -> dict[str, int]:
        """Count the webhooks by state."""
        statement = select(webhooks.c.state, func.count()).group_by(webhooks.c.state)
        with self.engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}


def delay(attempts: int) -> float:
    """Return the seconds between one attempt and the next.

    Parameters
    ----------
    attempts
        How often it was tried.
    """
    regular = min(LONGEST_DELAY, FIRST_DELAY * FACTOR ** (attempts - 1))
    return regular * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (spreads load, no secret)


def add_webhook(connection: Connection, job: str, url: str) -> None:
    """Store the webhook of a new job.

    Parameters
    ----------
    connection
        In the job's own transaction.
    job
        Its id.
    url
        Where it goes.
    """
    connection.execute(insert(webhooks).values(job=job, url=url, state="waiting", attempts=0, due=now()))


def remove_webhooks(connection: Connection, identifiers: list[str]) -> None:
    """Delete the webhooks of jobs.

    Parameters
    ----------
    connection
        In the transaction that deletes the jobs.
    identifiers
        Of the jobs.
    """
    connection.execute(delete(webhooks).where(webhooks.c.job.in_(identifiers)))


def cancel_webhooks(connection: Connection, owner: str, reason: str) -> None:
    """End the webhooks of an API key that are not delivered yet.

    Parameters
    ----------
    connection
        In the transaction that deletes the key.
    owner
        Id of the key.
    reason
        One line.
    """
    theirs = select(jobs.c.id).where(jobs.c.owner == owner)
    statement = update(webhooks).where(webhooks.c.state == "waiting", webhooks.c.job.in_(theirs))
    connection.execute(statement.values(state="failed", error=reason, claim=None))
