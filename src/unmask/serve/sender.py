"""Sends webhooks: signed, to an address that was looked up once, without following redirects."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from sqlalchemy import Engine

from unmask import __version__
from unmask.serve.destinations import AllowList, Destination, DestinationError
from unmask.serve.jobs import Job, moment
from unmask.serve.queries import JobQueries
from unmask.serve.settings import ServeSettings
from unmask.serve.signing import SecretStore, sign
from unmask.serve.webhooks import Delivery, WebhookStore

logger = logging.getLogger("unmask.serve")

SENDERS = 2
# All of these together stay below the lease of a delivery.
CONNECT_SECONDS = 5.0
ADDRESSES = 4
ANSWER_SECONDS = 20.0
PAUSE_SECONDS = 2.0
STOP_SECONDS = 2.0


class WebhookSender:
    """Threads of a web process that deliver what is due; any number of processes share one database.

    Parameters
    ----------
    settings
        Of the server.
    engine
        Of the database.
    """

    def __init__(self, settings: ServeSettings, engine: Engine) -> None:
        self._settings = settings
        self._allowed = AllowList.of(settings.webhooks_to)
        self._webhooks = WebhookStore(engine)
        self._jobs = JobQueries(engine)
        self._secrets = SecretStore(engine)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads; none where the settings allow no destination."""
        if self._settings.webhooks_to:
            names = [f"unmask-webhooks-{number}" for number in range(SENDERS)]
            self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; a delivery that does not end soon is tried again after its lease."""
        self._stop.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                pause = 0.0 if self.deliver_next() else self._settings.poll
            except Exception:
                logger.exception("webhooks go on")
                pause = PAUSE_SECONDS
            self._stop.wait(pause)

    def deliver_next(self) -> bool:
        """Try one webhook that is due; return whether there was one."""
        delivery = self._webhooks.claim()
        if delivery is None:
            return False
        job = self._jobs.get(delivery.job, whole=True)
        if job is None:  # Deleted meanwhile, its webhook is gone as well.
            return True
        try:
            self._deliver(delivery, job)
        except Exception as error:
            logger.exception("the webhook of job %s", job.id)
            self._webhooks.refused(delivery, f"internal error: {type(error).__name__}")
        return True

    def _deliver(self, delivery: Delivery, job: Job) -> None:
        body = json.dumps(event(job, self._settings.retention)).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"unmask/{__version__}",
            **sign(self._secrets.secret(delivery.owner), f"msg_{job.id}", int(time.time()), body),
        }
        try:
            destination = self._allowed.check(delivery.url)
        except DestinationError as error:
            self._webhooks.refused(delivery, str(error), final=True)
            return
        try:
            status = post(destination, self._allowed.resolve(destination), body, headers)
        except DestinationError as error:
            self._webhooks.refused(delivery, str(error))
        except (OSError, http.client.HTTPException) as error:
            self._webhooks.refused(delivery, f"no answer: {_reason(error)}")
        else:
            if 200 <= status < 300:
                self._webhooks.delivered(delivery, status)
            else:
                gone = status == HTTPStatus.GONE
                self._webhooks.refused(delivery, f"the receiver answered {status}", status, final=gone)


def event(job: Job, retention: float) -> dict[str, Any]:
    """Return what a webhook says: the job as the API has it, with its result.

    Parameters
    ----------
    job
        Finished, with its result.
    retention
        Seconds for which a finished job is kept.
    """
    data = {**job.to_dict(retention), "result": job.scan()}
    return {"type": f"scan.{job.state}", "timestamp": moment(job.finished), "data": data}


def post(destination: Destination, addresses: Sequence[str], body: bytes, headers: Mapping[str, str]) -> int:
    """Send a body and return the status of the answer, whose own body is not read.

    Parameters
    ----------
    destination
        Whose host the request, and the certificate, name.
    addresses
        To connect to; the next where one cannot be reached.
    body, headers
        Of the request.

    Raises
    ------
    OSError
        When no address can be reached in time, the certificate is wrong, or the answer takes too long.
    http.client.HTTPException
        When the answer is not HTTP.
    """
    secure = destination.scheme == "https"
    context = ssl.create_default_context() if secure else None
    with contextlib.closing(_connected(addresses, destination, context)) as connected:
        connected.settimeout(ANSWER_SECONDS)
        # Each read may take as long as the time-out; the timer bounds all of them together.
        timer = threading.Timer(ANSWER_SECONDS, _shut, [connected])
        timer.start()
        try:
            return _status(connected, destination, context, body, headers)
        finally:
            timer.cancel()


def _status(
    connected: socket.socket,
    destination: Destination,
    context: ssl.SSLContext | None,
    body: bytes,
    headers: Mapping[str, str],
) -> int:
    host, port = destination.host, destination.port
    if isinstance(connected, ssl.SSLSocket):
        connected.do_handshake()
        client: http.client.HTTPConnection = http.client.HTTPSConnection(host, port, context=context)
    else:
        client = http.client.HTTPConnection(host, port)
    client.sock = connected
    client.auto_open = 0  # It would look the name up again.
    client.request("POST", destination.path, body, dict(headers))
    return client.getresponse().status


def _connected(
    addresses: Sequence[str], destination: Destination, context: ssl.SSLContext | None
) -> socket.socket:
    problem: OSError = OSError("no address")
    for address in addresses[:ADDRESSES]:
        try:
            plain = socket.create_connection((address, destination.port), CONNECT_SECONDS)
        except OSError as error:
            problem = error
            continue
        if context is None:
            return plain
        return context.wrap_socket(plain, server_hostname=destination.host, do_handshake_on_connect=False)
    raise problem


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # An SSLSocket's own would forget its state.


def _reason(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())
