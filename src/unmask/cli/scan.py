"""``unmask scan``: files and folders in, a table, JSON, JSON lines or a report out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

if TYPE_CHECKING:
    from unmask.report import ScanResult
    from unmask.scanning import Scanner

UNREAD, MATCHED = 1, 3
STANDARD_INPUT = Path("-")


class FailOn(str, Enum):
    """Verdicts that ``--fail-on`` takes."""

    likely_fake = "likely_fake"
    inconclusive = "inconclusive"
    likely_real = "likely_real"


def scan(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Images, videos, and folders of them; - is standard input.", show_default=False),
    ],
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print JSON: an object for one file, a list for several or a folder."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Write JSON lines to this file, each as soon as its input is scanned.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report (index.html) into this folder.")] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            help="Write copies with boxes and scores into this folder: MP4 of videos, PNG of images."
        ),
    ] = None,
    detector: Annotated[str, typer.Option(help="Name of a detector, or folder of an exported one.")] = "jrc",
    frames: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, help="Frames sampled from each video; unless told, as many as it needs."
        ),
    ] = None,
    every: Annotated[
        float | None, typer.Option(help="Sample a frame every so many seconds, instead of a number.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Look at the first so many seconds of each video only.")
    ] = None,
    fail_on: Annotated[
        list[FailOn] | None, typer.Option(help="Exit with 3 when a file gets this verdict; may be repeated.")
    ] = None,
) -> None:
    """Tell whether the faces in images and videos were manipulated.

    Exit code: 0 every input was read (also when no face was found), 1 some could not be read, 2 wrong usage,
    3 --fail-on matched.
    """
    from unmask.cli.inputs import expand
    from unmask.report import save_report
    from unmask.scanning import Scanner, Settings

    try:
        settings = Settings(
            detector=detector, frames=frames, every=every, seconds=seconds, evidence=report is not None
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    inputs = expand(paths)
    for folder in inputs.empty_folders:
        typer.echo(f"unmask: no images or videos in {str(folder)!r}", err=True)
    for folder in inputs.closed_folders:
        typer.echo(f"unmask: cannot look into {str(folder)!r}", err=True)
    with Scanner(settings) as scanner, _lines(output) as write_line:
        results = []
        for result in _with_progress(scanner, inputs.files):
            write_line(result)
            results.append(result)
        if report is not None:
            page = save_report(results, report, scanner.detector.card.threshold)
            typer.echo(f"report: {page}", err=True)
    if annotate is not None:
        _annotate(results, annotate)
    if as_json:
        data = [result.to_dict() for result in results]
        typer.echo(json.dumps(data[0] if inputs.single else data, indent=2))
    else:
        _print_table(results)
    code = exit_code(results, {choice.value for choice in fail_on or ()})
    raise typer.Exit(code or (UNREAD if inputs.closed_folders else 0))


def exit_code(results: Sequence[ScanResult], fail_on: set[str]) -> int:
    """Give the documented exit code; a verdict to fail on outweighs a file that could not be read."""
    if any(result.verdict in fail_on for result in results):
        return MATCHED
    return 0 if all(result.was_read for result in results) else UNREAD


def scan_or_explain(scanner: Scanner, path: Path) -> ScanResult:
    """Scan one file; an error of unmask's own becomes that file's result, so that the other files are done."""
    from unmask.detectors import DetectorError
    from unmask.faces import FaceFinderError
    from unmask.report import ScanResult
    from unmask.scanning import kind_by_name

    try:
        return scanner.scan_stream(sys.stdin.buffer) if path == STANDARD_INPUT else scanner.scan(path)
    except (DetectorError, FaceFinderError):
        raise
    except Exception as error:
        detail = f"internal error: {type(error).__name__}: {' '.join(str(error).split())}"
        return ScanResult(str(path), kind_by_name(path), "unreadable", scanner.detector_info, detail)


def _with_progress(scanner: Scanner, files: Sequence[Path]) -> Iterator[ScanResult]:
    """Scan the files, with a bar on the terminal's standard error while it lasts."""
    if len(files) < 2 or not sys.stderr.isatty():
        yield from (scan_or_explain(scanner, path) for path in files)
        return
    from rich.console import Console
    from rich.progress import track

    yield from (
        scan_or_explain(scanner, path)
        for path in track(files, "scanning", console=Console(stderr=True), transient=True)
    )


def _annotate(results: Sequence[ScanResult], folder: Path) -> None:
    """Write annotated copies of what was read; one that cannot be made is a line on standard error."""
    from unmask.annotating import AnnotationError, annotate
    from unmask.faces import CenterFace
    from unmask.report.words import printable

    finder = CenterFace()
    for result in results:
        if not result.was_read:
            continue
        try:
            typer.echo(
                f"annotated: {printable(str(annotate(result.path, result, folder, finder)))}", err=True
            )
        except AnnotationError as error:
            typer.echo(f"unmask: not annotated: {printable(result.path)}: {error}", err=True)


def _print_table(results: Sequence[ScanResult]) -> None:
    from rich.console import Console

    from unmask.report import table

    console = Console()
    if results:
        console.print(table(results))


@contextmanager
def _lines(target: Path | None) -> Iterator[Callable[[ScanResult], None]]:
    """Open the file of JSON lines, if one is wanted."""
    if target is None:
        yield lambda result: None
        return
    with target.open("w", encoding="utf-8") as file:
        yield lambda result: _write_line(file, result)


def _write_line(file: TextIO, result: ScanResult) -> None:
    file.write(json.dumps(result.to_dict()) + "\n")
    file.flush()
