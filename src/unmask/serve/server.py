"""Runs the application in uvicorn, with limits on connections and on how long a request's head may take."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from unmask.serve.guard import HEADERS, SAFE
from unmask.serve.problems import ProblemError
from unmask.serve.settings import ServeError, ServeSettings

GRACEFUL_SECONDS = 3
BUSY_SECONDS = 5


class LimitedHTTP(H11Protocol):
    """HTTP that closes a connection on which no request's head is complete in time, and turns away one too many.

    The same time bounds how long the rest of a body is read that nobody wanted: it is read so that the
    sender gets to see the answer.
    """

    def __init__(self, *arguments: Any, head_timeout: float, most: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.head_timeout = head_timeout
        self._most = most
        self._application = self.app
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock.

        Parameters
        ----------
        transport
            Of the connection.
        """
        super().connection_made(transport)
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when a request has begun.

        Parameters
        ----------
        data
            Bytes that came.
        """
        # uvicorn's own limit answers in plain text.
        self.app = self._application if len(self.connections) <= self._most else turn_away
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_clock()

    def on_response_complete(self) -> None:
        """Start the clock for the next request."""
        self._stop_clock()
        super().on_response_complete()
        if self.cycle is None or self.cycle.response_complete:
            self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock.

        Parameters
        ----------
        exc
            Why; None when it was closed.
        """
        self._stop_clock()
        super().connection_lost(exc)

    def _start_clock(self) -> None:
        if not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.head_timeout, self.transport.close)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


async def turn_away(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer excess connections with a 503 problem document and `Retry-After`, and close them.

    Parameters
    ----------
    scope, receive, send
        As in ASGI.
    """
    headers = {**HEADERS, "Retry-After": str(BUSY_SECONDS)}
    if scope["method"] in SAFE:
        # Whoever sends a body would not see the answer if the connection closed upon it.
        headers["Connection"] = "close"
    problem = ProblemError(503, "too many connections are open", "connections", headers)
    await problem.response()(scope, receive, send)


def configuration(app: FastAPI, settings: ServeSettings) -> uvicorn.Config:
    """Return uvicorn's configuration for an application.

    Parameters
    ----------
    app
        The application.
    settings
        Of the server.
    """
    protocol: Any = partial(LimitedHTTP, head_timeout=settings.head_timeout, most=settings.connections)
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def listen(settings: ServeSettings) -> socket.socket:
    """Open the port before anything is started.

    Parameters
    ----------
    settings
        Host and port.

    Raises
    ------
    ServeError
        When it cannot be opened.
    """
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        # Named TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms for an acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(256)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise ServeError(f"cannot listen on {where}: {error.strerror}; choose another with --port") from None
    return listener


def run(app: FastAPI, settings: ServeSettings, listener: socket.socket) -> None:
    """Serve until a signal ends it.

    Parameters
    ----------
    app
        The application.
    settings
        Of the server.
    listener
        What `listen` opened.
    """
    # uvicorn ends in good order at Ctrl+C, then raises the interrupt once more.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(configuration(app, settings)).run(sockets=[listener])
