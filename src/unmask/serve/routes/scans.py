"""``/v1/scans``: upload, follow, read and delete."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse

from unmask.serve.access import Client, identify
from unmask.serve.destinations import URL_LENGTH, DestinationError
from unmask.serve.feedback import drop_file
from unmask.serve.files import remove_files, report_folder, upload_path
from unmask.serve.guard import HEADLESS
from unmask.serve.jobs import Job, NewJob, State, links, new_id
from unmask.serve.problems import ProblemError, responses, too_many
from unmask.serve.schemas import JobDocument, JobPage, JobSummary
from unmask.serve.service import Service, service_of
from unmask.serve.uploads import Upload, receive_upload
from unmask.serve.views import scan_view

router = APIRouter(prefix="/v1/scans", tags=["scans"])

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Asking = Annotated[Client, Depends(identify)]

PING_SECONDS = 15.0
RETRY_SECONDS = 5.0
_WEBHOOK = "is told when the job is finished, at a host that the server allows"
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
REPORT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
_UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "an image or a video"},
                    "frames": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "sampled from a video, evenly; left out, as many as the server does by itself",
                    },
                    "detector": {"type": "string", "description": "a name that GET /v1/detectors gives"},
                },
            }
        }
    },
}


@router.post(
    "",
    status_code=202,
    response_model=JobSummary,
    responses=responses(408, 413, 415, 422, 429, 507),
    openapi_extra={"requestBody": _UPLOAD_BODY},
)
async def upload(request: Request, client: Asking) -> Response:
    """Take a file in; the answer is a job, and Location says where it is followed."""
    service = service_of(request)
    settings = service.settings
    wait = service.uploads.take(client.name)
    if wait:
        raise too_many("too many uploads from this client", "rate-limit", wait)
    identifier = new_id()
    async with _Place(service):
        taken = await receive_upload(request, upload_path(settings, identifier), settings)
        job = await run_in_threadpool(_enqueue, service, identifier, taken, client)
    service.metrics.uploaded.inc(taken.size)
    body = job.to_dict(settings.retention)
    return JSONResponse(body, 202, headers={"Location": links(identifier)["self"]})


def describe_upload(document: dict[str, Any], service: Service) -> None:
    """Add what this server accepts to its OpenAPI document: names of detectors, number of frames.

    Parameters
    ----------
    document
        Changed in place.
    service
        Parts of the server.
    """
    body = document["paths"]["/v1/scans"]["post"]["requestBody"]["content"]["multipart/form-data"]
    properties = body["schema"]["properties"]
    properties["detector"] |= {"enum": list(service.detectors), "default": service.settings.detector}
    properties["frames"] |= {"maximum": _most_frames(service)}
    if service.settings.frames is not None:
        properties["frames"] |= {"default": service.settings.frames}
    if service.settings.webhooks_to:
        properties["webhook"] = {
            "type": "string",
            "format": "uri",
            "maxLength": URL_LENGTH,
            "description": _WEBHOOK,
        }


class _Place:
    """A place in the queue, held while an upload streams in, so that none streams in for nothing."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __aenter__(self) -> None:
        waiting = await run_in_threadpool(self._service.store.waiting)
        if waiting + self._service.uploads_under_way >= self._service.settings.queue:
            raise _queue_full()
        self._service.uploads_under_way += 1

    async def __aexit__(self, *error: object) -> None:
        self._service.uploads_under_way -= 1


def _queue_full() -> ProblemError:
    return too_many("the queue is full", "queue-full", RETRY_SECONDS)


def _enqueue(service: Service, identifier: str, taken: Upload, client: Client) -> Job:
    """Make the job of a complete upload; the upload is removed when there can be none."""
    settings = service.settings
    stored = False
    try:
        new = NewJob(
            id=identifier,
            name=taken.name,
            size=taken.size,
            sha256=taken.sha256,
            detector=_detector(service, taken),
            frames=_frames(service, taken),
            owner=client.owner,
            kept=settings.keep_uploads,
            webhook=_webhook(service, taken),
        )
        _refuse_unknown(taken)
        stored = service.store.add(new, settings.queue)
    finally:
        if not stored:
            taken.path.unlink(missing_ok=True)
    job = service.store.get(identifier)
    if not stored or job is None:
        raise _queue_full()
    return job


def _detector(service: Service, taken: Upload) -> str:
    name = taken.fields.get("detector", service.settings.detector)
    if name not in service.detectors:
        raise _wrong("detector", f"one of {', '.join(service.detectors)}")
    return name


def _frames(service: Service, taken: Upload) -> int | None:
    text = taken.fields.get("frames")
    if text is None:
        return service.settings.frames
    most = _most_frames(service)
    if not re.fullmatch("[0-9]{1,4}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise _wrong("frames", f"a whole number from 1 to {most}")
    return int(text)


def _most_frames(service: Service) -> int:
    return max(service.settings.frames or 0, service.settings.max_frames)


def _webhook(service: Service, taken: Upload) -> str | None:
    url = taken.fields.get("webhook")
    if url is not None:
        try:
            service.destinations.check(url)
        except DestinationError as error:
            raise _wrong("webhook", str(error)) from None
    return url


def _refuse_unknown(taken: Upload) -> None:
    for name in taken.fields:
        if name not in ("detector", "frames", "webhook"):
            raise _wrong(name[:80], "not a field of this request")


def _wrong(field: str, detail: str) -> ProblemError:
    return ProblemError(422, f"{field}: {detail}", errors=[{"where": f"body.{field}", "detail": detail}])


@router.get("", response_model=JobPage, responses=responses(422))
def list_scans(
    request: Request,
    client: Asking,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    before: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}-[0-9a-f]{32}$")] = None,
    state: State | None = None,
) -> Response:
    """List jobs, newest first."""
    service = service_of(request)
    end = None
    if before is not None:
        created, identifier = before.split("-")
        end = (int(created), identifier)
    found = service.store.page(limit + 1, end, state, client.owner)
    items = found[:limit]
    following = f"{items[-1].created}-{items[-1].id}" if len(found) > limit else None
    return JSONResponse(
        {"items": [job.to_dict(service.settings.retention) for job in items], "next": following}
    )


@router.get("/{id}", response_model=JobDocument, responses=responses(404, 422))
def get_scan(request: Request, id: JobId, client: Asking) -> Response:
    """Return a job: its state, its progress, and the result once it is done."""
    service = service_of(request)
    job = job_of(service, id, client, whole=True)
    scan = job.scan()
    view = None if scan is None else scan_view(scan)
    beside = {"webhook": service.webhooks.of(id), "feedback": service.feedback.of(id, client.owner)}
    return JSONResponse({**job.to_dict(service.settings.retention), **beside, "result": scan, "view": view})


@router.delete("/{id}", status_code=204, response_class=Response, responses=responses(404, 422))
def delete_scan(request: Request, id: JobId, client: Asking) -> Response:
    """Delete a job in any state, with its upload, report and feedback; a scan under way is stopped."""
    service = service_of(request)
    if not service.store.remove(id, client.owner):
        raise _no_job()
    remove_files(service.settings, id)
    service.feedback.remove(id)
    drop_file(service.settings, id)
    return Response(status_code=204)


@router.get(
    "/{id}/events",
    response_class=StreamingResponse,
    responses=responses(404, 422, 429)
    | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events"}},
)
async def follow(request: Request, id: JobId, client: Asking) -> Response:
    """Stream the job as server-sent events named job, at each change, until it is finished."""
    service = service_of(request)
    job = await run_in_threadpool(job_of, service, id, client)
    if service.streams >= service.settings.streams:
        raise too_many("too many event streams are open", "streams", RETRY_SECONDS)
    events = _no_events() if HEADLESS in request.scope else _events(service, job)
    return StreamingResponse(events, media_type="text/event-stream")


async def _no_events() -> AsyncIterator[bytes]:
    return
    yield b""


async def _events(service: Service, job: Job) -> AsyncIterator[bytes]:
    """Return the job now and at each change; ends when it is finished or deleted, or after the time limit."""
    with _counted(service), service.feed.watching(job.id):
        started = sent = time.monotonic()
        yield _event(service, job)
        while not job.is_finished and time.monotonic() - started < service.settings.stream_timeout:
            current = (await service.feed.poll()).get(job.id)
            if current is None:
                yield b"event: deleted\ndata: {}\n\n"
                return
            if current.updated != job.updated:
                job, sent = current, time.monotonic()
                yield _event(service, job)
            elif time.monotonic() - sent > PING_SECONDS:
                sent = time.monotonic()
                yield b": still here\n\n"


@contextmanager
def _counted(service: Service) -> Iterator[None]:
    service.streams += 1
    try:
        yield
    finally:
        service.streams -= 1


def _event(service: Service, job: Job) -> bytes:
    # JSON as it is written here holds no line break.
    data = json.dumps(job.to_dict(service.settings.retention))
    return f"event: job\nid: {job.updated}\ndata: {data}\n\n".encode()


@router.get(
    "/{id}/report",
    response_class=Response,
    responses=responses(404, 409, 422) | {200: {"content": {"text/html": {}}, "description": "A page"}},
)
def report(request: Request, id: JobId, client: Asking, download: bool = False) -> Response:
    """Return the report: one page that needs no network. ProblemError 409 while there is none yet."""
    return _report_file(request, id, client, "index.html", download)


@router.get("/{id}/report/{file}", response_class=Response, responses=responses(404, 409, 422))
def report_part(request: Request, id: JobId, client: Asking, file: str) -> Response:
    """Return a file that the report is made of, such as scan.json."""
    return _report_file(request, id, client, file, False)


def _report_file(request: Request, identifier: str, client: Client, name: str, download: bool) -> Response:
    service = service_of(request)
    job = job_of(service, identifier, client)
    if job.state != "done":
        raise ProblemError(409, f"there is no report: the job is {job.state}", "no-report")
    # Chosen from what is there, never joined from what was asked for.
    files: dict[str, FilePath] = {}
    folder = report_folder(service.settings, identifier)
    if folder.is_dir():
        files = {path.name: path for path in folder.iterdir() if path.suffix in REPORT_TYPES}
    if name not in files or not files[name].is_file():
        raise ProblemError(404, "the report has no such file")
    headers: dict[str, Any] = {"Content-Security-Policy": REPORT_POLICY}
    if download:
        headers["Content-Disposition"] = f'attachment; filename="unmask-{identifier[:8]}.html"'
    # Read here, in one go: a file sent in pieces would change threads for each.
    return Response(files[name].read_bytes(), media_type=REPORT_TYPES[files[name].suffix], headers=headers)


def job_of(service: Service, identifier: str, client: Client, whole: bool = False) -> Job:
    """Return a job that a client may see.

    Parameters
    ----------
    service
        Parts of the server.
    identifier
        Of the job.
    client
        Who asks.
    whole
        Whether to read the result too.

    Raises
    ------
    ProblemError
        404 when there is none.
    """
    job = service.store.get(identifier, client.owner, whole)
    if job is None:
        raise _no_job()
    return job


def _no_job() -> ProblemError:
    return ProblemError(404, "no such job: it never was, was deleted, or is past its retention")
