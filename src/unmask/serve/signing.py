"""Signs webhooks as Standard Webhooks 1.0 has it (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from unmask.serve.database import webhook_secrets
from unmask.serve.jobs import now

PREFIX = "whsec_"
SECRET_BYTES = 32


def sign(secret: str, identifier: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows who sent a message, and when.

    Parameters
    ----------
    secret
        ``whsec_`` and the key in base64.
    identifier
        Of the message, the same at every attempt.
    timestamp
        Of the attempt, seconds since 1970.
    body
        As it is sent.
    """
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


class SecretStore:
    """The secrets that sign webhooks: one for each API key, and one for a server without keys.

    Unlike API keys they are kept as they are, since every message is signed with them.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def secret(self, owner: str | None) -> str:
        """Return a secret; it is made when it is asked for first.

        Parameters
        ----------
        owner
            Id of the API key; None without keys.
        """
        wanted = select(webhook_secrets.c.secret).where(webhook_secrets.c.owner == (owner or ""))
        with self.engine.connect() as connection:
            found = connection.execute(wanted).scalar()
        if found is not None:
            return str(found)
        try:
            return self._add(owner)
        except IntegrityError:  # Another process was quicker.
            return self.secret(owner)

    def replace(self, owner: str | None) -> str:
        """Make a new secret in place of the old one, which signs nothing any more.

        Parameters
        ----------
        owner
            Id of the API key; None without keys.
        """
        with self.engine.begin() as connection:
            connection.execute(delete(webhook_secrets).where(webhook_secrets.c.owner == (owner or "")))
        return self.secret(owner)

    def _add(self, owner: str | None) -> str:
        secret = PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        with self.engine.begin() as connection:
            connection.execute(
                insert(webhook_secrets).values(owner=owner or "", secret=secret, created=now())
            )
        return secret
