"""``unmask demo``: two short clips of a public-domain portrait, scanned, with a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.tables import table_console
from unmask.defaults import DETECTOR


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the clips and the report.")] = Path("demo"),
    detector: Annotated[
        str, typer.Option(help="Name of a detector, or folder of an exported one.")
    ] = DETECTOR,
) -> None:
    """Make two short clips from a public-domain portrait, scan them and write the report.

    One clip shows the portrait as it is, in the other the face is blended with a changed copy of itself.
    """
    from datetime import datetime, timezone

    from unmask.batch import fingerprint
    from unmask.batch.worker import largest
    from unmask.cli.folders import usable_folder
    from unmask.cli.repeating import command_line
    from unmask.demo import portrait, with_blended_face, write_clip
    from unmask.records.making import Run, save_record
    from unmask.report.table import table
    from unmask.scanning import Scanner, Settings

    usable_folder(out, "--out").mkdir(parents=True, exist_ok=True)
    picture = portrait()
    clips = {out / "plain.mp4": picture, out / "blended.mp4": with_blended_face(picture)}
    for path, shown in clips.items():
        write_clip(path, shown)
    settings = Settings(detector=detector, evidence=True)
    contents = {str(path): fingerprint(path, largest(settings)) for path in clips}
    started = datetime.now(timezone.utc)
    with Scanner(settings) as scanner:
        results = [scanner.scan(path) for path in clips]
    run = Run(settings, started, datetime.now(timezone.utc), contents, command_line("demo", out=out))
    page = save_record(results, out / "report", run)
    table_console().print(table(results))
    for path in (*clips, page):
        typer.echo(str(path))
