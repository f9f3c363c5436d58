"""What surrounds every request: whom it may come from, how often, and which headers its answer carries."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unmask.serve.limits import RateLimit
from unmask.serve.metrics import Metrics
from unmask.serve.problems import ProblemError, too_many
from unmask.serve.settings import ServeSettings, is_loopback

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src blob:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
HEADLESS = "unmask.headless"
"""Key of a request's scope that is there when its answer has no body."""
BODY_BYTES = 64 * 1024
"""Largest body of a request that is held in memory; uploads stream and have limits of their own."""
UPLOAD = ("POST", "/v1/scans")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = SAFE | {"POST", "PUT", "PATCH", "DELETE"}
UNLIMITED = ("/healthz", "/readyz", "/metrics", "/static/")
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Guard:
    """ASGI middleware around the whole application; refusals are problems like any other error."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._rate = RateLimit(settings.requests_per_minute)
        self._origins = frozenset(settings.cors_origins)
        self._hosts = _hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        answer = _Answer(send, headless=method == "HEAD")
        if method == "HEAD":  # Answered wherever GET is, with the same head.
            scope = {**scope, "method": "GET", HEADLESS: True}
        started = time.perf_counter()
        try:
            self._check(scope)
        except ProblemError as problem:
            await problem.response()(scope, receive, answer)
        else:
            with contextlib.suppress(_HeadSentError):
                own_limit = (method, scope["path"]) == UPLOAD
                await self._app(scope, receive if own_limit else _bounded(receive), answer)
        finally:
            seconds = (answer.began or time.perf_counter()) - started
            self._metrics.observe(method, _route(scope), answer.status, seconds)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        self._check_site(scope, headers)
        if not scope["path"].startswith(UNLIMITED):
            wait = self._rate.take(_address(scope))
            if wait:
                raise too_many("too many requests from this address", "rate-limit", wait)

    def _check_host(self, headers: Headers) -> None:
        """Refuse names that are not ours: a web page elsewhere could have its own name point at this server."""
        if self._hosts is not None and _hostname(headers.get("host", "")) not in self._hosts:
            raise ProblemError(
                421, "this server does not go by that name; see --allowed-host", "unknown-host"
            )

    def _check_site(self, scope: Scope, headers: Headers) -> None:
        """Refuse changes that another site's page asks a visitor's browser to make."""
        if scope["method"] in SAFE:
            return
        origin = headers.get("origin")
        if origin is None or origin in self._origins:
            return
        if urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise ProblemError(403, "requests from pages of other sites are refused", "cross-site")


def _bounded(receive: Receive) -> Receive:
    """Read a body as far as it is small; HTTPException 413 beyond, which the framework passes on."""
    received = 0

    async def read() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_BYTES:
            raise HTTPException(413, f"the limit of this request is {BODY_BYTES} bytes")
        return message

    return read


class _HeadSentError(Exception):
    """The head of an answer is sent, and nobody asked for its body."""


class _Answer:
    """Sends an answer on with the headers that every one carries; notes its status and when it began.

    Parameters
    ----------
    send
        Of the client.
    headless
        Leave out the body, and end whatever makes a long one.
    """

    def __init__(self, send: Send, headless: bool = False) -> None:
        self._send = send
        self._headless = headless
        self.status = 500
        self.began: float | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = time.perf_counter()
            self.status = message["status"]
            _add(MutableHeaders(scope=message), HEADERS)
        elif self._headless:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            if message.get("more_body"):
                raise _HeadSentError
            return
        await self._send(message)


def _add(headers: MutableHeaders, wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        headers.setdefault(name, value)


def _hosts(settings: ServeSettings) -> frozenset[str] | None:
    """Names to answer to; None for any, where the server is open to a network and was given no names."""
    named = frozenset(name.lower() for name in settings.allowed_hosts)
    if named or is_loopback(settings.host):
        return named | LOCAL_NAMES
    return None


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", None) or "unmatched"
