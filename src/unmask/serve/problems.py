"""Every error of the API in the form of RFC 9457: ``application/problem+json``."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class InvalidPart(BaseModel):
    """One wrong value of a request."""

    where: str = Field(description="such as query.limit or body.frames")
    detail: str


class ProblemDocument(BaseModel):
    """An error, after RFC 9457."""

    type: str = Field(description="about:blank, or a URN of unmask's own")
    title: str
    status: int
    detail: str | None = None
    errors: list[InvalidPart] | None = None


class ProblemError(Exception):
    """An error that the client is told.

    Parameters
    ----------
    status
        Of HTTP.
    detail
        One line for people.
    kind
        Name of the problem where the status alone does not tell, given as ``urn:unmask:problem:<kind>``.
    headers
        Of the answer.
    errors
        Single values that are wrong: ``where`` and ``detail``.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = dict(headers or {})
        self.errors = errors

    def response(self) -> JSONResponse:
        """Return the HTTP response."""
        document: dict[str, Any] = {
            "type": f"urn:unmask:problem:{self.kind}" if self.kind else "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors is not None:
            document["errors"] = self.errors
        return JSONResponse(document, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def too_many(detail: str, kind: str, retry_after: float) -> ProblemError:
    """Return the problem that asks a client to come again later.

    Parameters
    ----------
    detail
        One line for people.
    kind
        Name of the problem.
    retry_after
        Seconds.
    """
    return ProblemError(429, detail, kind, {"Retry-After": str(max(1, round(retry_after)))})


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI documents of the problems that an endpoint may answer with.

    Parameters
    ----------
    *statuses
        Of HTTP.
    """
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content} for status in (400, *statuses)
    }


def answer_with_problems(app: FastAPI) -> None:
    """Make the application answer every error with a problem.

    Parameters
    ----------
    app
        The application.
    """
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unforeseen)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return error.response()


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return ProblemError(error.status_code, str(error.detail), headers=headers).response()


def _methods(request: Request) -> set[str]:
    """All methods of a path: the router itself names those of the first route that fits, a mount none."""
    found = {
        method
        for method in METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    return found | {"HEAD"} if "GET" in found else found or {"GET", "HEAD"}


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"where": ".".join(str(part) for part in found["loc"]), "detail": str(found["msg"])}
        for found in error.errors()
    ]
    return ProblemError(422, "the request holds wrong values", errors=errors).response()


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    return ProblemError(500, "an internal error; the server's log says more").response()
