"""The application: parts, guards, endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware

from unmask import __version__
from unmask.serve.access import anyone, identify, key_holder
from unmask.serve.database import connect
from unmask.serve.files import make_folders
from unmask.serve.guard import Guard
from unmask.serve.problems import ProblemDocument, answer_with_problems
from unmask.serve.routes import feedback, pages, scans, session, state
from unmask.serve.schemas import with_scan_schema
from unmask.serve.sender import WebhookSender
from unmask.serve.service import Service
from unmask.serve.settings import ServeSettings
from unmask.serve.supervisor import WORKER, Supervisor

DESCRIPTION = (
    "Tells whether the faces in an image or video were manipulated, where and when, and how sure it is."
)


def create_app(settings: ServeSettings, worker: Sequence[str] = WORKER) -> FastAPI:
    """Make the application; its workers run while it does.

    Parameters
    ----------
    settings
        Of the server.
    worker
        The command that starts a worker process.

    Raises
    ------
    ServeError
        When the database or the folder cannot be used.
    DetectorError
        When the detector is not installed.
    """
    make_folders(settings)
    service = Service.over(settings, connect(settings.database_url))
    _ = service.detectors
    supervisor = Supervisor(settings, service.store, service.roster, worker)
    app = FastAPI(
        title="unmask",
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        # The interactive pages would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=_running(service, supervisor, WebhookSender(settings, service.engine)),
    )
    app.state.service = service
    app.state.supervisor = supervisor
    answer_with_problems(app)
    _add_endpoints(app, settings)
    _add_openapi(app, service)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization"],
            expose_headers=["Location", "Retry-After"],
        )
    app.add_middleware(Guard, settings=settings, metrics=service.metrics)
    return app


def _running(service: Service, supervisor: Supervisor, sender: WebhookSender) -> Any:
    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        supervisor.start()
        sender.start()
        try:
            yield
        finally:
            await run_in_threadpool(supervisor.stop)
            await run_in_threadpool(sender.stop)
            service.engine.dispose()

    return running


def _add_endpoints(app: FastAPI, settings: ServeSettings) -> None:
    app.dependency_overrides[identify] = key_holder if settings.needs_keys else anyone
    app.include_router(scans.router)
    app.include_router(feedback.router)
    app.include_router(state.router)
    app.include_router(state.open_router)
    if settings.needs_keys:
        app.include_router(session.router)
    app.include_router(pages.router)
    app.mount("/static", pages.static, name="static")


def _add_openapi(app: FastAPI, service: Service) -> None:
    """Complete the generated document: problems, the scan's schema, what this server takes."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            models = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document["components"]["schemas"]
            schemas.update(models.pop("$defs", {}))
            schemas["ProblemDocument"] = models
            scans.describe_upload(document, service)
            app.openapi_schema = with_scan_schema(document)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
