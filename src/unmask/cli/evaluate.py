"""``unmask evaluate``: a detector and labelled sets in, figures with intervals out."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.tables import table_console

if TYPE_CHECKING:
    from unmask.evaluation import Report


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
    no_stills: Annotated[
        bool,
        typer.Option(
            "--no-stills",
            help="Scan images by the detector itself too, not by the one that its card names for images.",
        ),
    ] = False,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples for the intervals.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples and of --limit.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure a detector on labelled crops or videos, at the threshold that its card fixes.

    Every input has a row in predictions.csv; one that could not be scored has its status there, never a score.
    """
    from unmask.cli.folders import usable_folder, written
    from unmask.cli.progress import reported
    from unmask.cli.repeating import command_line
    from unmask.cli.streams import NOT_WRITTEN
    from unmask.detectors import load_detector
    from unmask.evaluation import Options, lists_files
    from unmask.evaluation import evaluate as measure
    from unmask.evaluation.publishing import publish
    from unmask.scanning import Scanner
    from unmask.scanning import Settings as ScanSettings
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
            scanner = stack.enter_context(Scanner(ScanSettings(stills=not no_stills), detector=first))
        progress = stack.enter_context(reported("items"))
        report = measure(
            first,
            sets,
            None,
            options,
            against=second,
            scanner=scanner,
            scans=scans or (),
            command=command_line(
                "evaluate",
                detector,
                *sets,
                frames=frames,
                against=against,
                scan=scan,
                no_scan=scan is False,
                scans=scans,
                no_stills=no_stills,
                split=split,
                limit=limit,
                robustness=robustness and not distortion,
                distortion=distortion,
                attributes=attributes,
                resamples=resamples,
                seed=seed,
                out=out,
            ),
            progress=progress,
        )
    lost = out is not None and not written(lambda: publish(report, out), out)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        _print(report)
    if lost:
        raise typer.Exit(NOT_WRITTEN)


def _print(report: Report) -> None:
    from unmask.evaluation import remarks, to_tables

    console = table_console()
    for table in to_tables(report):
        console.print(table)
        console.print()
    for line in remarks(report):
        console.print(line, markup=False, highlight=False)
