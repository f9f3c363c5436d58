"""``unmask scan``: files and folders in, a table, JSON, JSON lines or a report out."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.copies import Copies
from unmask.cli.folders import usable_folder
from unmask.cli.many import ManyOptions, Scanned, scan_many
from unmask.cli.recording import Recorder, record_purpose
from unmask.cli.repeating import given_command
from unmask.cli.streams import NOT_WRITTEN, OutputError, say
from unmask.cli.tables import table_console
from unmask.cli.trust_anchors import read_trust_anchors
from unmask.defaults import DETECTOR

if TYPE_CHECKING:
    from unmask.report import ScanResult
    from unmask.scanning import Scanner, Settings
    from unmask.scanning.warm_start import Resources, WarmStart

UNREAD, MATCHED = 1, 3
STANDARD_INPUT = Path("-")
STANDARD_INPUT_NAME = "stdin"  # Of its annotated copy.


class FailOn(str, Enum):
    """Verdicts that ``--fail-on`` takes."""

    likely_fake = "likely_fake"
    inconclusive = "inconclusive"
    likely_real = "likely_real"


def scan(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Images, videos, and folders of them; - is standard input.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print JSON: an object for one file, a list for several or a folder."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Write JSON lines to this file (- for standard output), each as its input is done."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that scan; with --output one a processor. 0: this process."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the file of --output: what has its line is not done again."
        ),
    ] = False,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Read paths from this file, one a line; - for standard input, as they come."
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Scan on the Ray cluster at this address; 'local' starts one here."
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report (index.html) into this folder.")] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            help="Write copies with boxes and scores into this folder: MP4 of videos, PNG of images."
        ),
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of a detector, or folder of an exported one; may be repeated, for an opinion of each.",
            show_default=DETECTOR,
        ),
    ] = None,
    no_stills: Annotated[
        bool,
        typer.Option(
            "--no-stills",
            help="Judge images by the detector itself, not by the one that its card names for images.",
        ),
    ] = False,
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
        float | None, typer.Option(help="Analyse only the first so many seconds of each video.")
    ] = None,
    case: Annotated[str, typer.Option(help="Case, as free text at the head of the report.")] = "",
    exhibit: Annotated[str, typer.Option(help="Exhibit, likewise.")] = "",
    examiner: Annotated[str, typer.Option(help="Examiner, likewise.")] = "",
    custody_log: Annotated[
        Path | None,
        typer.Option(help="Add a line a scan to this log; each holds the hash of the line before it."),
    ] = None,
    stability: Annotated[
        bool | None,
        typer.Option(
            "--stability/--no-stability",
            help="Score decisive frames again after re-encodings that websites make. By default with --report.",
            show_default=False,
        ),
    ] = None,
    facts: Annotated[
        bool,
        typer.Option(
            "--facts", help="Add technical facts, content credentials and facts of the sound to the JSON."
        ),
    ] = False,
    trust_anchors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pem",
            help="Certificates whose holders' content credentials are trusted (PEM); implies --facts.",
        ),
    ] = None,
    fail_on: Annotated[
        list[FailOn] | None, typer.Option(help="Exit with 3 when a file gets this verdict; may be repeated.")
    ] = None,
) -> None:
    """Detect manipulated faces in images and videos.

    Exit code: 0 every input was read (also when no face was found), 1 some could not be read, or an output not written,
    2 wrong usage, 3 --fail-on matched, 130 stopped by Ctrl-C, 143 by SIGTERM, 141 nobody reads standard output.
    """
    keep = as_json or report is not None or annotate is not None or output is None
    many = ManyOptions(output, workers, resume, ray, listed, keep)
    many.check()
    if bool(paths) == (listed is not None):
        raise typer.BadParameter("name files or folders, or a list of them with --from", param_hint="PATHS")
    if many.wanted and STANDARD_INPUT in (paths or ()):
        raise typer.BadParameter(
            "- is scanned here and alone, without --output and --workers", param_hint="PATHS"
        )
    from unmask.scanning import Settings

    try:
        first, *further = dict.fromkeys(detector or [DETECTOR])
        settings = Settings(
            detector=first,
            further_detectors=tuple(further),
            frames=frames,
            every=every,
            seconds=seconds,
            evidence=report is not None,
            facts=facts or trust_anchors is not None,
            trust_anchors=None if trust_anchors is None else read_trust_anchors(trust_anchors),
            stills=not no_stills,
            stability=report is not None if stability is None else stability,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    purpose = record_purpose(report, custody_log, case, exhibit, examiner)
    resources = None if many.wanted else _resources(settings, context.obj)
    with resources or nullcontext():
        from unmask.cli.inputs import expand

        inputs = expand(paths or ())
        for folder, option in ((report, "--report"), (annotate, "--annotate")):
            if folder is not None:
                usable_folder(folder, option)
        copies = None if annotate is None else Copies(annotate)
        recorder = Recorder(purpose, settings, given_command(context)) if purpose else None
        for folder in inputs.empty_folders:
            typer.echo(f"unmask: no images or videos in {str(folder)!r}", err=True)
        for folder in inputs.closed_folders:
            typer.echo(f"unmask: cannot look into {str(folder)!r}", err=True)
        if inputs.left_out_line:
            typer.echo(f"unmask: {inputs.left_out_line}", err=True)
        if resources is None:
            scanned = scan_many(inputs.files, settings, many, recorder.take_row if recorder else None)
        else:
            scanned = _scan_here(inputs.files, settings, resources, copies, recorder)
        if recorder is not None:
            recorder.end()
    # Each output is written whatever became of those before it.
    lost = [scanned.lost]
    if recorder is not None:
        lost.append(recorder.save(scanned.results))
    if copies is not None:
        for result in scanned.results:
            if result.path != str(STANDARD_INPUT):
                copies.write(result.path, result)
        lost.append(NOT_WRITTEN if copies.failed else 0)
    try:
        if as_json:
            data = [result.to_dict() for result in scanned.results]
            typer.echo(json.dumps(data[0] if inputs.single and data else data, indent=2))
        elif output is None:
            _print_table(scanned.results)
    except OutputError as error:
        say(error)
        lost.append(error.exit_code)
    if scanned.signal is not None:
        raise typer.Exit(128 + scanned.signal)
    code = exit_code(scanned.outcomes, {choice.value for choice in fail_on or ()})
    raise typer.Exit(code if code == MATCHED else max(code, *lost, UNREAD if inputs.closed_folders else 0))


def exit_code(outcomes: Collection[tuple[str, str | None]], fail_on: set[str]) -> int:
    """Return the documented exit code; a verdict to fail on takes precedence over a file that was not read.

    Parameters
    ----------
    outcomes
        (status, verdict) of the files.
    fail_on
        Verdicts.
    """
    from unmask.report import READ

    if any(verdict in fail_on for _, verdict in outcomes):
        return MATCHED
    return 0 if all(status in READ for status, _ in outcomes) else UNREAD


def _resources(settings: Settings, started: WarmStart | None) -> Resources:
    from unmask.scanning.warm_start import resources_for

    return resources_for(settings, started)


def _scan_here(
    files: Sequence[Path],
    settings: Settings,
    resources: Resources,
    copies: Copies | None,
    recorder: Recorder | None,
) -> Scanned:
    """Scan one file after the other in this process; standard input is copied at once, while it is there."""
    from unmask.scanning import Scanner

    with Scanner(settings, resources=resources) as scanner:
        results = list(_with_progress(scanner, files, copies, recorder))
    return Scanned(Counter((result.status, result.verdict) for result in results), results)


def _with_progress(
    scanner: Scanner, files: Sequence[Path], copies: Copies | None, recorder: Recorder | None
) -> Iterator[ScanResult]:
    """Scan the files, with a bar on the terminal's standard error while it lasts."""
    if len(files) < 2 or not sys.stderr.isatty():
        yield from (_scan_one(scanner, path, copies, recorder) for path in files)
        return
    from rich.console import Console
    from rich.progress import track

    yield from (
        _scan_one(scanner, path, copies, recorder)
        for path in track(files, "scanning", console=Console(stderr=True), transient=True)
    )


def _scan_one(scanner: Scanner, path: Path, copies: Copies | None, recorder: Recorder | None) -> ScanResult:
    if path != STANDARD_INPUT:
        return scanner.scan_or_explain(path) if recorder is None else recorder.scan(scanner, path)

    def on_result(file: Path, result: ScanResult) -> None:
        if recorder is not None:
            recorder.take(result, file)
        if copies is not None:
            copies.write(file, result, STANDARD_INPUT_NAME, visible=False)

    result = scanner.scan_stream(sys.stdin.buffer, on_result=on_result)
    if recorder is not None and not result.was_read:
        recorder.take_unread(result)
    return result


def _print_table(results: Sequence[ScanResult]) -> None:
    from unmask.report.table import table

    console = table_console()
    if results:
        console.print(table(results))
