"""What a job is."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from unmask.serve.views import job_words

State = Literal["queued", "running", "done", "failed"]
FINISHED: tuple[State, ...] = ("done", "failed")
NAME_LENGTH = 255


@dataclass(frozen=True)
class NewJob:
    """An upload that is complete and waits to be scanned.

    frames : sampled from a video, evenly; None for as many as the scan needs.
    """

    id: str
    name: str
    size: int
    sha256: str
    detector: str
    frames: int | None = None
    owner: str | None = None
    kept: bool = False


@dataclass(frozen=True)
class Job:
    """One upload on its way to a result; times in seconds since 1970, created in microseconds.

    result : the JSON of the scan, once done and where it was asked for. failure : one line, once failed.
    """

    id: str
    created: int
    updated: float
    started: float | None
    finished: float | None
    state: State
    progress: float
    attempts: int
    claim: str | None
    owner: str | None
    name: str
    size: int
    sha256: str
    detector: str
    frames: int | None
    kept: bool
    status: str | None
    verdict: str | None
    score: float | None
    failure: str | None
    result: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self.state in FINISHED

    def to_dict(self, retention: float) -> dict[str, Any]:
        """Return the job as the API has it, without its result; see ``docs/api.md``."""
        expires = self.finished + retention if self.finished and retention else None
        return {
            "id": self.id,
            "state": self.state,
            "progress": round(self.progress, 3),
            "name": self.name,
            "size": self.size,
            "sha256": self.sha256,
            "detector": self.detector,
            "frames": self.frames,
            "attempts": self.attempts,
            "kept": self.kept,
            "created": moment(self.created / 1e6),
            "started": moment(self.started),
            "finished": moment(self.finished),
            "expires": moment(expires),
            "status": self.status,
            "verdict": self.verdict,
            "score": None if self.score is None else round(self.score, 6),
            "words": job_words(self.status, self.verdict, self.score),
            "failure": self.failure,
            "links": links(self.id),
        }

    def scan(self) -> Mapping[str, Any] | None:
        """Return the scan's JSON object, once done."""
        if self.result is None:
            return None
        parsed: Mapping[str, Any] = json.loads(self.result)
        return parsed


def links(identifier: str) -> dict[str, str]:
    """Where a job is found, relative to the server."""
    own = f"/v1/scans/{identifier}"
    return {"self": own, "events": f"{own}/events", "report": f"{own}/report"}


def new_id() -> str:
    """Make an id that cannot be guessed: 128 random bits in hex."""
    return secrets.token_hex(16)


def moment(seconds: float | None) -> str | None:
    """Write a time as RFC 3339 in UTC."""
    if seconds is None:
        return None
    return (
        datetime.fromtimestamp(seconds, timezone.utc)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def now() -> float:
    """Seconds since 1970; the one clock of web process, workers and database rows."""
    return time.time()
