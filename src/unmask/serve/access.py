"""Who asks: anyone, or holders of an API key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from unmask.serve.problems import ProblemError
from unmask.serve.service import service_of

COOKIE = "unmask_key"

_bearer = HTTPBearer(auto_error=False, description="a key that `unmask keys add` made")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="set by POST /v1/session, for pages")


@dataclass(frozen=True)
class Client:
    """Who sends a request.

    Parameters
    ----------
    name
        Counted against rate limits.
    owner
        Whose jobs are seen; None for everybody's.
    """

    name: str
    owner: str | None = None


def anyone(request: Request) -> Client:
    """Let everyone in, told apart by address.

    Parameters
    ----------
    request
        The request.
    """
    return Client(request.client.host if request.client else "")


def key_holder(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Client:
    """Let holders of a key in.

    Parameters
    ----------
    request
        The request.
    bearer
        Key of the header ``Authorization``.
    cookie
        Key of the cookie.

    Raises
    ------
    ProblemError
        401 without a key of this server.
    """
    token = bearer.credentials if bearer else cookie
    holder = service_of(request).keys.holder(token) if token else None
    if holder is None:
        raise ProblemError(401, "an API key is required", "no-key", {"WWW-Authenticate": "Bearer"})
    return Client(holder, holder)


def identify(request: Request) -> Client:
    """Stand in for ``anyone`` or ``key_holder``, whichever the application's settings choose.

    Parameters
    ----------
    request
        The request.
    """
    raise NotImplementedError
