"""Detectors, health, readiness and numbers."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from unmask import __version__
from unmask.serve.access import identify
from unmask.serve.problems import ProblemError, responses
from unmask.serve.schemas import Detectors, Health, Readiness
from unmask.serve.service import service_of

open_router = APIRouter(tags=["state"])
router = APIRouter(tags=["state"], dependencies=[Depends(identify)])


@router.get("/v1/detectors", response_model=Detectors, responses=responses())
def detectors(request: Request) -> Response:
    """List the detectors that an upload may ask for, with their cards."""
    service = service_of(request)
    return JSONResponse({"default": service.settings.detector, "items": list(service.detectors.values())})


@router.get(
    "/metrics",
    response_class=Response,
    responses=responses()
    | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Numbers"}},
)
def metrics(request: Request) -> Response:
    """Return numbers in Prometheus' text format."""
    return Response(service_of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@open_router.get("/healthz", response_model=Health, responses=responses())
async def health(request: Request) -> Response:
    """Say that the web process answers."""
    return JSONResponse({"status": "ok", "version": __version__})


@open_router.get("/readyz", response_model=Readiness, responses=responses(503))
def readiness(request: Request) -> Response:
    """Return whether uploads are scanned: the database and the folder work, and a worker is alive."""
    service = service_of(request)
    try:
        workers, waiting = service.roster.alive(), service.store.waiting()
    except SQLAlchemyError:
        raise ProblemError(503, "the database does not answer", "not-ready") from None
    if not service.settings.uploads.is_dir():
        raise ProblemError(503, "the data folder is missing", "not-ready")
    if not workers:
        raise ProblemError(503, "no worker is alive yet", "not-ready")
    return JSONResponse({"status": "ready", "workers": workers, "waiting": waiting})
