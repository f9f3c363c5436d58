"""What clients know of the files that were scanned: a label for a result, kept longer than its job."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from unmask.serve.database import feedback
from unmask.serve.files import PRIVATE, upload_path
from unmask.serve.jobs import Job, moment, now
from unmask.serve.settings import ServeSettings

Label = Literal["real", "fake", "unsure"]
NOTE_LENGTH = 2000
SUFFIX_LENGTH = 10


@dataclass(frozen=True)
class Feedback:
    """What a client says of a file.

    Parameters
    ----------
    label
        What the file is.
    note
        At most ``NOTE_LENGTH`` characters; None for none.
    kept
        Whether the file was kept for it.
    """

    label: Label
    note: str | None = None
    kept: bool = False


class FeedbackStore:
    """Feedback in the database of the jobs, one for each job and API key; a later one replaces an earlier one.

    Parameters
    ----------
    engine
        Of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def put(self, job: Job, owner: str | None, given: Feedback) -> None:
        """Store feedback with what is kept of the scan: hashes, numbers and verdicts, not the file's name or facts.

        Parameters
        ----------
        job
            Done, with its result.
        owner
            Id of the API key; None without keys.
        given
            What is said.
        """
        moment = now()
        said = {"label": given.label, "note": given.note, "kept": given.kept, "updated": moment}
        values = {**said, **_scanned(job)}
        which = (feedback.c.job == job.id, feedback.c.owner == (owner or ""))
        again = update(feedback).where(*which).values(values)
        with self.engine.begin() as connection:
            if connection.execute(again).rowcount:
                return
        first = insert(feedback).values(job=job.id, owner=owner or "", created=moment, **values)
        try:
            with self.engine.begin() as connection:
                connection.execute(first)
        except IntegrityError:  # Another request of the same client was quicker.
            with self.engine.begin() as connection:
                connection.execute(again)

    def of(self, job: str, owner: str | None) -> dict[str, Any] | None:
        """Return the feedback of a client on a job as the API has it; None where there is none.

        Parameters
        ----------
        job
            Its id.
        owner
            Id of the API key; None without keys.
        """
        which = (feedback.c.job == job, feedback.c.owner == (owner or ""))
        with self.engine.connect() as connection:
            row = connection.execute(select(feedback).where(*which)).one_or_none()
        if row is None:
            return None
        return {"label": row.label, "note": row.note, "kept": row.kept, "updated": moment(row.updated)}

    def remove(self, job: str) -> None:
        """Delete the feedback on a job.

        Parameters
        ----------
        job
            Its id.
        """
        with self.engine.begin() as connection:
            connection.execute(delete(feedback).where(feedback.c.job == job))

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield all feedback, oldest first, with the results that it is about."""
        with self.engine.connect() as connection:
            ordered = select(feedback).order_by(feedback.c.updated, feedback.c.job)
            for row in connection.execute(ordered).mappings():
                yield {str(name): value for name, value in row.items()}


def _scanned(job: Job) -> dict[str, Any]:
    """Return what is kept of a scan; where the client's file lay and what it held beside pictures is left out."""
    scan = dict(job.scan() or {})
    scan.pop("evidence", None)
    suffix = PurePosixPath(job.name).suffix.lower()
    if not (len(suffix) <= SUFFIX_LENGTH and suffix[1:].isascii() and suffix[1:].isalnum()):
        suffix = ""
    scan["path"] = f"{job.sha256}{suffix}"
    detector = scan["detector"]
    return {
        "sha256": job.sha256,
        "file": scan["path"],
        "size": job.size,
        "detector": detector["name"],
        "weights": detector["sha256"],
        "status": job.status,
        "verdict": job.verdict,
        "score": job.score,
        "result": json.dumps(scan),
    }


def kept_file(settings: ServeSettings, job: str) -> Path:
    """Return the path under which a job's file is kept for its feedback.

    Parameters
    ----------
    settings
        Of the server.
    job
        Its id.
    """
    return settings.folder / "feedback" / job


def keep_file(settings: ServeSettings, job: str) -> bool:
    """Keep a job's upload for its feedback, past the retention; return False where it is there no more.

    Parameters
    ----------
    settings
        Of the server.
    job
        Its id.
    """
    place = kept_file(settings, job)
    if place.exists():
        return True
    place.parent.mkdir(mode=PRIVATE, exist_ok=True)
    draft = place.with_suffix(f".{os.getpid()}")
    try:
        shutil.copyfile(upload_path(settings, job), draft)
        draft.replace(place)
    except FileNotFoundError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def drop_file(settings: ServeSettings, job: str) -> None:
    """Remove the file that was kept for a job's feedback.

    Parameters
    ----------
    settings
        Of the server.
    job
        Its id.
    """
    kept_file(settings, job).unlink(missing_ok=True)
