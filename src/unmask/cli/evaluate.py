"""``unmask evaluate``: a detector and labelled sets in, figures with intervals out."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unmask.evaluation import Options, Report


def evaluate(
    detector: Annotated[
        str, typer.Argument(help="Name of a detector, or folder of an exported one.", show_default=False)
    ],
    sets: Annotated[
        list[Path],
        typer.Argument(
            help="Folders with a manifest.csv of crops (column file) or of videos (column path).",
            metavar="SET...",
            show_default=False,
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(metavar="DETECTOR", help="Second detector, compared with on the same items."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split to take; by default the only one that is not for training.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, max=256, help="Frames sampled from each video.")] = 16,
    out: Annotated[
        Path | None,
        typer.Option(help="Write report.md, report.json, predictions.csv and plots/*.png into this folder."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take at most so many items of each set: a trial, no result.")
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Score again under every distortion: 50 times the work.")
    ] = False,
    distortion: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this distortion; may be given several times."),
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Column that names groups of people; may be given several times."
        ),
    ] = None,
    scan: Annotated[
        bool | None,
        typer.Option(
            "--scan/--no-scan",
            help="Scan the files too, as a user would, and judge the verdicts. By default where a set lists files "
            "(column path).",
            show_default=False,
        ),
    ] = None,
    scans: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="LOG",
            help="Log of `unmask scan --output`, judged in place of scanning; more are compared with the first.",
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples for the intervals.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples and of --limit.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure a detector on labelled crops or videos, at the threshold that its card fixes.

    Every input has a row in predictions.csv; one that could not be scored has its status there, never a score.
    """
    from unmask.cli.folders import usable_folder, written
    from unmask.cli.progress import reported
    from unmask.cli.streams import NOT_WRITTEN
    from unmask.detectors import load_detector
    from unmask.evaluation import Options, lists_files
    from unmask.evaluation import evaluate as measure
    from unmask.evaluation.publishing import publish
    from unmask.scanning import Scanner
    from unmask.statistics import Settings

    options = Options(
        frames,
        split,
        limit,
        Settings(resamples=resamples, seed=seed),
        robustness=robustness or bool(distortion),
        distortions=tuple(distortion or ()),
        attributes=tuple(attributes or ()),
    )
    first, second = load_detector(detector), load_detector(against) if against else None
    if out is not None:
        usable_folder(out, "--out")  # This must show before the work, not after.
    wants_scans = scan if scan is not None else any(lists_files(one) for one in sets)
    with contextlib.ExitStack() as stack:
        scanner = None
        if wants_scans and not scans:
            scanner = stack.enter_context(Scanner(detector=first))
        progress = stack.enter_context(reported("items"))
        report = measure(
            first,
            sets,
            None,
            options,
            against=second,
            scanner=scanner,
            scans=scans or (),
            command=command(detector, sets, options, out, against, scan, scans),
            progress=progress,
        )
    lost = out is not None and not written(lambda: publish(report, out), out)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        _print(report)
    if lost:
        raise typer.Exit(NOT_WRITTEN)


def command(
    detector: str,
    sets: Sequence[Path],
    options: Options,
    out: Path | None,
    against: str | None = None,
    scan: bool | None = None,
    scans: Sequence[Path] | None = None,
) -> str:
    """Return the command that repeats an evaluation, with every option that changes a figure.

    Parameters
    ----------
    detector, against
        Names or folders.
    sets
        Folders.
    options
        Of the evaluation.
    out
        Folder of the report; None for none.
    scan
        Whether files were to be scanned; None for the default.
    scans
        Logs that were judged.
    """
    words = ["unmask", "evaluate", detector, *map(str, sets), "--frames", str(options.frames)]
    words += ["--against", against] if against else []
    words += [] if scan is None else ["--scan" if scan else "--no-scan"]
    words += [word for log in scans or () for word in ("--scans", str(log))]
    words += ["--split", options.split] if options.split else []
    words += ["--limit", str(options.limit)] if options.limit else []
    words += ["--robustness"] if options.robustness and not options.distortions else []
    words += [word for name in options.distortions for word in ("--distortion", name)]
    words += [word for name in options.attributes for word in ("--attributes", name)]
    words += ["--resamples", str(options.intervals.resamples), "--seed", str(options.intervals.seed)]
    words += ["--out", str(out)] if out else []
    return shlex.join(words)


def _print(report: Report) -> None:
    from rich.console import Console

    from unmask.evaluation import remarks, to_tables

    console = Console()
    for table in to_tables(report):
        console.print(table)
        console.print()
    for line in remarks(report):
        console.print(line, markup=False, highlight=False)
