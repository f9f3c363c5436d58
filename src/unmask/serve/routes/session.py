"""``/v1/session``: an API key in a cookie that scripts cannot read, for the page."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from unmask.serve.access import COOKIE
from unmask.serve.problems import ProblemError, responses
from unmask.serve.service import service_of

router = APIRouter(prefix="/v1/session", tags=["session"])


class SignIn(BaseModel):
    """A key to be remembered by the browser."""

    key: str = Field(max_length=200)


@router.post("", status_code=204, response_class=Response, responses=responses(401, 413, 422))
async def sign_in(request: Request, body: SignIn) -> Response:
    """Set the cookie for a key."""
    if await run_in_threadpool(service_of(request).keys.holder, body.key) is None:
        raise ProblemError(401, "this is no key of this server", "no-key", {"WWW-Authenticate": "Bearer"})
    response = Response(status_code=204)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, body.key, httponly=True, samesite="strict", secure=secure, path="/")
    return response


@router.delete("", status_code=204, response_class=Response, responses=responses())
async def sign_out() -> Response:
    """Have the browser forget the key."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response
