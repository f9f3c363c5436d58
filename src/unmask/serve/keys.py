"""API keys: made here, shown once, kept as hashes."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from unmask.serve.database import api_keys, webhook_secrets
from unmask.serve.jobs import now
from unmask.serve.settings import ServeError
from unmask.serve.webhooks import cancel_webhooks

_TOKEN = re.compile(r"unmask_([0-9a-f]{16})_([0-9a-f]{64})")


@dataclass(frozen=True)
class ApiKey:
    """A key as it is kept: its id, its name, when it was made (seconds since 1970)."""

    id: str
    name: str
    created: float


class KeyStore:
    """The API keys of one server.

    A key holds 256 random bits, so one round of SHA-256 keeps it: there is nothing to guess by trying words.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, name: str) -> str:
        """Make a key and return it; it cannot be read again.

        Parameters
        ----------
        name
            Of the key.

        Raises
        ------
        ServeError
            When the name is taken.
        """
        name = name.strip()
        if not 1 <= len(name) <= 100:
            raise ServeError("a key needs a name of 1 to 100 characters")
        identifier, secret = secrets.token_hex(8), secrets.token_hex(32)
        values = {"id": identifier, "name": name, "sha256": _hash(secret), "created": now()}
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(api_keys).values(**values))
        except IntegrityError:
            raise ServeError(
                f"there is a key named {name!r} already; revoke it or choose another name"
            ) from None
        return f"unmask_{identifier}_{secret}"

    def list(self) -> list[ApiKey]:
        """Return the keys, oldest first."""
        columns = (api_keys.c.id, api_keys.c.name, api_keys.c.created)
        with self.engine.connect() as connection:
            return [ApiKey(*row) for row in connection.execute(select(*columns).order_by(api_keys.c.created))]

    def revoke(self, name: str) -> None:
        """Delete a key, and end what it has of webhooks.

        Parameters
        ----------
        name
            Of the key.

        Raises
        ------
        ServeError
            When there is none of this name.
        """
        identifier = self.id_of(name)
        with self.engine.begin() as connection:
            connection.execute(delete(api_keys).where(api_keys.c.id == identifier))
            connection.execute(delete(webhook_secrets).where(webhook_secrets.c.owner == identifier))
            cancel_webhooks(connection, identifier, "the API key was revoked")

    def id_of(self, name: str) -> str:
        """Return the id of a key, under which its jobs are stored.

        Parameters
        ----------
        name
            Of the key.

        Raises
        ------
        ServeError
            When there is none of this name.
        """
        with self.engine.connect() as connection:
            found = connection.execute(select(api_keys.c.id).where(api_keys.c.name == name)).scalar()
        if found is None:
            raise ServeError(f"there is no key named {name!r}")
        return str(found)

    def holder(self, token: str) -> str | None:
        """Return the id of a key; None when it is no key of this server.

        Parameters
        ----------
        token
            The key.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        identifier, secret = match.groups()
        with self.engine.connect() as connection:
            kept = connection.execute(select(api_keys.c.sha256).where(api_keys.c.id == identifier)).scalar()
        return identifier if kept is not None and hmac.compare_digest(kept, _hash(secret)) else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
