"""``unmask serve``: the page and the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.keys import Database, Folder
from unmask.cli.trust_anchors import read_trust_anchors
from unmask.defaults import DETECTOR


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for one that is free.")] = 8000,
    folder: Folder = None,
    database: Database = None,
    workers: Annotated[
        int | None, typer.Option(min=0, max=64, help="Worker processes. Default: one a processor, up to 4.")
    ] = None,
    nice: Annotated[
        int, typer.Option(min=0, max=19, help="How far the workers step back for other processes, 0 to 19.")
    ] = 5,
    detector: Annotated[
        str, typer.Option(help="Name of a detector, or folder of an exported one.")
    ] = DETECTOR,
    frames: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Frames sampled from each video. Default: as many as it needs."),
    ] = None,
    trust_anchors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pem", help="Certificates whose holders' content credentials are trusted (PEM)."
        ),
    ] = None,
    keys: Annotated[
        bool | None,
        typer.Option("--keys/--no-keys", help="Ask for API keys. Default: unless the address is loopback."),
    ] = None,
    upload_mb: Annotated[int, typer.Option(min=1, help="Largest upload, in millions of bytes.")] = 500,
    queue: Annotated[int, typer.Option(min=1, help="Jobs that may wait.")] = 100,
    uploads_per_minute: Annotated[int, typer.Option(min=0, help="Of one client; 0 for no limit.")] = 60,
    requests_per_minute: Annotated[int, typer.Option(min=0, help="Of one address; 0 for no limit.")] = 1200,
    retention_days: Annotated[
        float, typer.Option(min=0, help="Finished jobs and reports are deleted after; 0 keeps them.")
    ] = 7,
    keep_uploads: Annotated[bool, typer.Option(help="Keep uploads as long as their jobs.")] = False,
    feedback_files: Annotated[
        bool, typer.Option(help="Let feedback keep its file, where the client says so; needs --keep-uploads.")
    ] = False,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="Name under which the server may be addressed; repeatable.")
    ] = None,
    cors_origin: Annotated[
        list[str] | None, typer.Option(help="Other site whose pages may use the API; repeatable.")
    ] = None,
    proxy: Annotated[
        list[str] | None, typer.Option(help="Address of a proxy whose X-Forwarded-For counts; repeatable.")
    ] = None,
    webhooks_to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST,...",
            help="Hosts that a job's webhook may name, by https; also http://HOST:PORT, a network of private addresses "
            "such as 10.0.0.0/8, or * for any public host. Repeatable. Default: no webhooks.",
        ),
    ] = None,
) -> None:
    """Serve a page and an HTTP API that scan what is uploaded.

    Needs FastAPI and others, the extra named serve. Make API keys with `unmask keys add NAME`.
    """
    from unmask.serve import ServeSettings
    from unmask.serve.app import create_app
    from unmask.serve.server import listen, run

    values: dict[str, object] = {
        "host": host,
        "port": port,
        "folder": folder,
        "database": database,
        "workers": workers,
        "niceness": nice,
        "detector": detector,
        "frames": frames,
        "trust_anchors": None if trust_anchors is None else read_trust_anchors(trust_anchors),
        "keys": keys,
        "upload_bytes": upload_mb * 1_000_000,
        "queue": queue,
        "uploads_per_minute": uploads_per_minute,
        "requests_per_minute": requests_per_minute,
        "retention": retention_days * 86400,
        "keep_uploads": keep_uploads,
        "feedback_files": feedback_files,
        "allowed_hosts": tuple(allowed_host or ()),
        "cors_origins": tuple(cors_origin or ()),
        "proxies": tuple(proxy or ()),
        "webhooks_to": tuple(part.strip() for entry in webhooks_to or () for part in entry.split(",")),
    }
    settings = ServeSettings.checked(**{name: value for name, value in values.items() if value is not None})
    with listen(settings) as listener:
        app = create_app(settings)
        _greet(app.state.service.keys.list(), settings.needs_keys, listener.getsockname())
        run(app, settings, listener)


def _greet(keys: list[object], needs_keys: bool, address: tuple[str, int]) -> None:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    typer.echo(f"unmask serves on http://{host}:{address[1]}/ (Ctrl+C ends it)", err=True)
    if needs_keys and not keys:
        typer.echo("no API key exists yet: make one with `unmask keys add NAME`", err=True)
