"""The API's JSON bodies, for its OpenAPI document; the scan's own schema is the report room's."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from unmask.report import schema
from unmask.serve.feedback import Label
from unmask.serve.jobs import State
from unmask.serve.webhooks import WebhookState

SCAN = "Scan"


class Links(BaseModel):
    """Where a job is found, relative to the server."""

    self: str
    events: str
    report: str


class Words(BaseModel):
    """What a scan came to, for people."""

    headline: str | None = Field(description="the verdict, else the status")
    score: str | None = Field(description="in per cent")


class JobSummary(BaseModel):
    """An upload on its way to a result."""

    model_config = ConfigDict(extra="forbid")

    id: str
    state: State
    progress: float = Field(ge=0, le=1)
    name: str = Field(description="as the client named the file, without folders")
    size: int = Field(description="bytes")
    sha256: str
    detector: str
    frames: int | None = Field(description="sampled from a video, evenly; null for as many as it needs")
    attempts: int = Field(description="how often a worker began")
    kept: bool = Field(description="whether the upload stays after the scan")
    created: str = Field(description="RFC 3339, like all times")
    started: str | None
    finished: str | None
    expires: str | None = Field(description="when job and report are deleted")
    status: str | None = Field(description="of the scan, once done")
    verdict: str | None
    score: float | None
    words: Words
    failure: str | None = Field(description="why the job failed, in one line")
    links: Links


class WebhookDelivery(BaseModel):
    """What became of a job's webhook."""

    url: str
    state: WebhookState
    attempts: int
    status: int | None = Field(description="of the last answer; null where there was none")
    error: str | None = Field(description="why the last attempt failed")
    next: str | None = Field(description="when it is tried again")
    delivered: str | None


class FeedbackDocument(BaseModel):
    """What a client said of a file."""

    label: Label
    note: str | None
    kept: bool = Field(description="whether the file was kept for it")
    updated: str


class JobDocument(JobSummary):
    """An upload with the result of its scan."""

    webhook: WebhookDelivery | None = Field(description="null for a job without one")
    feedback: FeedbackDocument | None = Field(description="the client's own; null where there is none")

    result: Any = Field(description="the scan's JSON once done, as `unmask scan --json` prints it")
    view: Any = Field(
        description="the result with every figure formatted, as the page shows it; may change, read `result` instead"
    )


class JobPage(BaseModel):
    """Jobs, newest first."""

    items: list[JobSummary]
    next: str | None = Field(description="give it as `before` to get the next page")


class Detectors(BaseModel):
    """Detectors that a scan may ask for."""

    default: str
    items: list[dict[str, Any]] = Field(description="cards, as `unmask detectors --json` prints them")


class Health(BaseModel):
    """Whether the server works."""

    status: str
    version: str


class Readiness(BaseModel):
    """Whether the server takes work."""

    status: str
    workers: int
    waiting: int


def with_scan_schema(document: dict[str, Any]) -> dict[str, Any]:
    """Add the scan's JSON schema to an OpenAPI document, as what a job's result is.

    Parameters
    ----------
    document
        The OpenAPI document.
    """
    scan = schema()
    parts = scan.pop("$defs")
    for key in ("$schema", "$id"):
        scan.pop(key)
    components = document["components"]["schemas"]
    for name, part in {SCAN: scan, **{f"{SCAN}_{name}": part for name, part in parts.items()}}.items():
        components[name] = json.loads(json.dumps(part).replace('"#/$defs/', f'"#/components/schemas/{SCAN}_'))
    result = components[JobDocument.__name__]["properties"]["result"]
    result["anyOf"] = [{"$ref": f"#/components/schemas/{SCAN}"}, {"type": "null"}]
    return document
