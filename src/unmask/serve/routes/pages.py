"""The page, and what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from unmask import __version__
from unmask.report.marks import MARKS
from unmask.report.words import CANNOT_TELL
from unmask.serve.access import COOKIE
from unmask.serve.service import Service, service_of
from unmask.serve.settings import ServeSettings

HERE = Path(__file__).parents[1]
FRAME_COUNTS = (16, 32, 64)

router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(HERE / "templates")
static = StaticFiles(directory=HERE / "static")


@router.get("/")
def index(request: Request) -> Response:
    """Return the page."""
    service = service_of(request)
    settings = service.settings
    known = _for_script(service, request.cookies.get(COOKIE))
    values = {
        "version": __version__,
        "settings": known,
        "closed": known["needsKey"] and not known["signedIn"],
        "most": size_in_words(settings.upload_bytes),
        "promise": _promise(settings),
        "usual_frames": settings.frames,
        "frames": [n for n in FRAME_COUNTS if (settings.frames or 0) < n <= settings.max_frames],
        "detectors": list(service.detectors),
        "cannot_tell": CANNOT_TELL,
    }
    return templates.TemplateResponse(request, "index.html", values)


def _for_script(service: Service, key: str | None) -> dict[str, Any]:
    settings = service.settings
    return {
        "needsKey": settings.needs_keys,
        "signedIn": bool(key) and settings.needs_keys and service.keys.holder(key or "") is not None,
        "uploadBytes": settings.upload_bytes,
        "most": size_in_words(settings.upload_bytes),
        "marks": MARKS,
        "feedbackFiles": settings.feedback_files,
    }


def _promise(settings: ServeSettings) -> str:
    """Return what becomes of what is uploaded."""
    kept = f"for {_days(settings.retention)}" if settings.retention else "until you delete them"
    if settings.keep_uploads:
        return f"They go to this server alone, which keeps them, and what it found, {kept}."
    return f"They go to this server alone and are deleted once scanned; what was found stays {kept}."


def _days(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = round(seconds / length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def size_in_words(size: int) -> str:
    """Return a number of bytes in decimal units, rounded down: 500 MB.

    Parameters
    ----------
    size
        Bytes.
    """
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= length:
            return f"{size // (length // 10) / 10:g} {unit}"
    return f"{size} bytes"
