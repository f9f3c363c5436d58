"""The page, and what it is made of."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from unmask import __version__
from unmask.report.words import CANNOT_TELL
from unmask.serve.service import service_of

HERE = Path(__file__).parents[1]

router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(HERE / "templates")
static = StaticFiles(directory=HERE / "static")


@router.get("/")
def index(request: Request) -> Response:
    """Give the page."""
    settings = service_of(request).settings
    values = {
        "version": __version__,
        "needs_key": settings.needs_keys,
        "upload_bytes": settings.upload_bytes,
        "retention": settings.retention,
        "cannot_tell": CANNOT_TELL,
    }
    return templates.TemplateResponse(request, "index.html", values)
