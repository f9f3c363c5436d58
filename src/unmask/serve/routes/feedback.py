"""``/v1/scans/{id}/feedback``: what the client knows of the file."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from unmask.serve.feedback import NOTE_LENGTH, Feedback, Label, drop_file, keep_file
from unmask.serve.problems import ProblemError, responses
from unmask.serve.routes.scans import Asking, JobId, job_of
from unmask.serve.schemas import FeedbackDocument
from unmask.serve.service import service_of

router = APIRouter(prefix="/v1/scans", tags=["scans"])


def _storable(note: str | None) -> str | None:
    """Drop NUL, which PostgreSQL does not store, and space around the note."""
    return (note or "").replace("\0", "").strip() or None


class FeedbackRequest(BaseModel):
    """What a client says of a file."""

    model_config = ConfigDict(extra="forbid")

    label: Label = Field(description="what the file is, however the scan judged it")
    note: Annotated[str | None, AfterValidator(_storable)] = Field(None, max_length=NOTE_LENGTH)
    keep_file: bool = Field(
        False, description="whether the server may keep the file; only where it keeps any"
    )


@router.post("/{id}/feedback", response_model=FeedbackDocument, responses=responses(404, 409, 413, 422))
def give_feedback(request: Request, id: JobId, client: Asking, body: FeedbackRequest) -> Response:
    """Say what the file is, for later evaluations; replaces what was said before."""
    service = service_of(request)
    job = job_of(service, id, client, whole=True)
    if job.scan() is None:
        raise ProblemError(409, f"there is no result: the job is {job.state}", "no-result")
    if body.keep_file and not service.settings.feedback_files:
        raise ProblemError(409, "this server keeps no files for feedback", "no-files")
    if body.keep_file and not keep_file(service.settings, id):
        raise ProblemError(409, "the file is there no more", "no-file")
    service.feedback.put(job, client.owner, Feedback(body.label, body.note, body.keep_file))
    if not body.keep_file:
        drop_file(service.settings, id)
    return JSONResponse(service.feedback.of(id, client.owner))
