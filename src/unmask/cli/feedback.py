"""``unmask feedback``: what clients of a server said of the files, as sets to evaluate on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.keys import DATABASE, Folder


def feedback(
    out: Annotated[Path, typer.Option(help="Folder to write the sets into.", show_default=False)],
    database: Annotated[
        str | None,
        typer.Argument(
            metavar="STORE_URL",
            envvar=DATABASE,
            help="SQLAlchemy URL of the job store. Default: SQLite in the data folder.",
            show_default=False,
        ),
    ] = None,
    folder: Folder = None,
) -> None:
    """Export the feedback that `unmask serve` received, as sets that `unmask evaluate` reads."""
    from unmask.cli.folders import usable_folder
    from unmask.serve import ServeSettings
    from unmask.serve.database import connect
    from unmask.serve.feedback import FeedbackStore
    from unmask.serve.feedback_export import EVERYTHING, LOG, export_feedback

    given = {"folder": folder, "database": database}
    settings = ServeSettings.checked(**{key: value for key, value in given.items() if value is not None})
    store = FeedbackStore(connect(settings.database_url, must_exist=True))
    usable_folder(out, "--out")
    found = export_feedback(store, settings, out)
    counts = ", ".join(f"{found.labels.get(label, 0)} {label}" for label in ("real", "fake", "unsure"))
    typer.echo(f"{counts}; every opinion is in {out / EVERYTHING}")
    for detector, recorded in found.recorded:
        words = ["unmask", "evaluate", detector, str(recorded), "--scans", str(recorded / LOG)]
        typer.echo(shlex.join(words))
    if found.kept:
        typer.echo(f"unmask evaluate DETECTOR {found.kept}  (the {found.files} files that were kept)")
