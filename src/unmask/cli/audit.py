"""``unmask audit``: a labelled set in, copies, leaks and shortcuts out."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.tables import table_console

if TYPE_CHECKING:
    from unmask.audit import AuditReport

UNREAD, MATCHED = 1, 3


class Severity(str, Enum):
    """What `--fail-on` may name."""

    serious = "serious"
    notice = "notice"


def audit(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder with a manifest.csv of crops (column file) or of videos (column path).",
            metavar="SET",
            show_default=False,
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(help="Split whose facts and decisions count; by default all. Copies are sought in all."),
    ] = None,
    detector: Annotated[
        str | None, typer.Option(metavar="NAME", help="Trace this detector's decisions, by name or folder.")
    ] = None,
    training: Annotated[
        Path | None,
        typer.Option(
            metavar="SET",
            help="What the detector was trained on: copies across both sets, and training crops that drive it.",
        ),
    ] = None,
    crops: Annotated[
        int, typer.Option(min=2, help="Most items of each set that go through the detector.")
    ] = 500,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Verify near-duplicates by features of both pictures, and by time; finds cut ones, too.",
        ),
    ] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Column of the manifest to take for a fact; may be given several times."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write audit.md, audit.json, copies.csv and leaks.csv into this folder."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Threads that open files.")] = 2,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of resamples, permutations and draws.")] = 0,
    fail_on: Annotated[
        Severity | None, typer.Option(help="Exit with 3 where a finding is this severe, or more.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Look for copies, leaks between splits, and facts of the files that tell real from fake."""
    from unmask.audit import Options, save
    from unmask.audit import audit as look
    from unmask.cli.folders import usable_folder, written
    from unmask.cli.progress import reported
    from unmask.cli.repeating import command_line
    from unmask.cli.streams import NOT_WRITTEN
    from unmask.statistics import Settings

    options = Options(
        split,
        detector,
        training,
        crops,
        tuple(column or ()),
        workers,
        Settings(resamples=resamples, seed=seed),
        verify,
    )
    if out is not None:
        usable_folder(out, "--out")  # This must show before the work, not after.
    command = command_line(
        "audit",
        folder,
        split=split,
        detector=detector,
        crops=crops if detector else None,
        training=training,
        verify=verify,
        column=column,
        resamples=resamples,
        seed=seed,
        out=out,
    )
    with reported("items") as progress:
        report = look(folder, options, command=command, progress=progress)
    lost = False
    if out is not None:
        lost = not written(lambda: save(report, out), out)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        _print(report)
    raise typer.Exit(exit_code(report, fail_on) or NOT_WRITTEN * lost)


def exit_code(report: AuditReport, fail_on: Severity | None) -> int:
    """Return the documented exit code; a finding to fail on takes precedence over a file that could not be opened.

    Parameters
    ----------
    report
        Of the audit.
    fail_on
        Least severity to fail on; None for none.
    """
    found = {finding.severity for finding in report.findings}
    if fail_on is not None and found and (fail_on is Severity.notice or "serious" in found):
        return MATCHED
    return 0 if set(report.summary.statuses) <= {"ok"} else UNREAD


def _print(report: AuditReport) -> None:
    from unmask.audit.pages import about, to_tables

    console = table_console()
    for line in about(report):
        console.print(line, markup=False, highlight=False)
    console.print()
    if not report.findings:
        console.print("Nothing was found.")
    for table in to_tables(report):
        if table.row_count:
            console.print(table)
            console.print()
