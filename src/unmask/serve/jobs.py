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

    Parameters
    ----------
    id
        32 hexadecimal digits.
    name
        The client's file name, to be shown.
    size, sha256
        Of the upload: bytes, and hash in hex.
    detector
        Its name.
    frames
        Sampled from a video, evenly; None for as many as the scan needs.
    owner
        Id of the key that made it; None without keys.
    kept
        Whether the upload is kept after the scan.
    webhook
        URL that is told when the job is finished; None for none.
    """

    id: str
    name: str
    size: int
    sha256: str
    detector: str
    frames: int | None = None
    owner: str | None = None
    kept: bool = False
    webhook: str | None = None


@dataclass(frozen=True)
class Job:
    """One upload on its way to a result; times in seconds since 1970, ``created`` in microseconds.

    Parameters
    ----------
    id, name, size, sha256, detector, frames, owner, kept
        As in `NewJob`.
    created, updated, started, finished
        Times.
    state, progress, attempts, claim
        Where it is, how far in [0, 1], how often it was begun, and by which claim of a worker.
    status, verdict, score
        Of the scan, once done.
    failure
        One line, once failed.
    result
        The JSON of the scan, once done and where it was asked for.
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
        """Return the job as the API has it, without its result; see ``docs/api.md``.

        Parameters
        ----------
        retention
            Seconds for which a finished job is kept.
        """
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
    """Return the addresses of a job, relative to the server.

    Parameters
    ----------
    identifier
        Of the job.
    """
    own = f"/v1/scans/{identifier}"
    return {"self": own, "events": f"{own}/events", "report": f"{own}/report"}


def new_id() -> str:
    """Make an id that cannot be guessed: 128 random bits in hex."""
    return secrets.token_hex(16)


def moment(seconds: float | None) -> str | None:
    """Return a time as RFC 3339 in UTC.

    Parameters
    ----------
    seconds
        Since 1970; None stays None.
    """
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
