"""``unmask verify``: whether a report or a log of scans is as it was written, and a scan gives the same again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

EQUAL, NOT_CHECKED, DIFFERS = 0, 1, 3
SCHEMA = 1


def verify(
    target: Annotated[
        Path, typer.Argument(help="Folder of a report, or a log of scans.", show_default=False)
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", help="The scanned file, where it is elsewhere now; may be repeated."),
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(help="Folder of a detector that is elsewhere now; may be repeated."),
    ] = None,
    scan: Annotated[
        bool, typer.Option("--scan/--no-scan", help="Scan again, or check the hashes alone.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a report against its manifest and scan its files again, or check the chain of a log of scans.

    Exit code: 0 all is equal, 1 something could not be checked, 2 wrong usage, 3 something was changed or differs.
    """
    from unmask.records.manifest import MANIFEST

    folder = target.parent if target.name == MANIFEST else target
    if folder.is_dir():
        values, lines, code = _report(folder, inputs or (), detector or (), scan)
    elif inputs or detector or not scan:
        raise typer.BadParameter(
            "go with the folder of a report", param_hint="--input, --detector, --no-scan"
        )
    else:
        values, lines, code = _log(target)
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, **values, "equal": code == EQUAL}, indent=2))
    else:
        for line in lines:
            typer.echo(line)
    raise typer.Exit(code)


def _report(
    folder: Path, inputs: Iterable[Path], detectors: Iterable[str], scan: bool
) -> tuple[dict[str, object], list[str], int]:
    from unmask.records.checking import check_files
    from unmask.records.manifest import read_manifest
    from unmask.records.rescanning import rescan
    from unmask.records.words import file_lines, scan_lines

    read = read_manifest(folder)
    files = check_files(folder, read)
    values: dict[str, object] = {
        "kind": "report",
        "path": str(folder),
        "files": [asdict(one) for one in files],
        "scans": None,
    }
    lines = [*file_lines(files)]
    differs = any(one.state != "equal" for one in files)
    is_checked = True
    if scan and read.manifest is not None:
        again = rescan(folder, read.manifest, tuple(inputs), tuple(detectors))
        values |= {"scans": [asdict(one) for one in again.scans], "page_made_again": again.page}
        values["changes"] = [asdict(one) for one in again.changes]
        lines += scan_lines(again)
        differs |= again.page is False or any(one.state == "differs" for one in again.scans)
        is_checked = all(one.state != "not_checked" for one in again.scans)
    return values, lines, DIFFERS if differs else EQUAL if is_checked else NOT_CHECKED


def _log(path: Path) -> tuple[dict[str, object], list[str], int]:
    from unmask.records.custody import check_chain
    from unmask.records.words import chain_lines

    check = check_chain(path)
    values: dict[str, object] = {"kind": "custody_log", "path": str(path), **asdict(check)}
    code = EQUAL
    if check.broken is not None:
        code = DIFFERS
    elif not check.lines or check.lines in check.torn:  # No entry, or no later one, tells of what is missing.
        code = NOT_CHECKED
    return values, [*chain_lines(check)], code
