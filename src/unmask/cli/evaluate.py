"""``unmask evaluate``: a detector and labelled sets in, figures with intervals out."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    split: Annotated[
        str | None, typer.Option(help="Split to take; by default the only one that is not for training.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, max=256, help="Frames sampled from each video.")] = 16,
    out: Annotated[
        Path | None,
        typer.Option(help="Write evaluation.json, evaluation.md and predictions.csv into this folder."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take at most so many items of each set: a trial, no result.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples for the intervals.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples and of --limit.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure a detector on labelled crops or videos, at the threshold that its card fixes.

    Every input has a row in predictions.csv; one that could not be scored has its status there, never a score.
    """
    from unmask.detectors import load_detector
    from unmask.evaluation import Options, Settings
    from unmask.evaluation import evaluate as measure

    options = Options(frames, split, limit, Settings(resamples=resamples, seed=seed))
    with _progress() as progress:
        report = measure(
            load_detector(detector),
            sets,
            out,
            options,
            command=command(detector, sets, options, out),
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        _print(report)


def command(detector: str, sets: Sequence[Path], options: object, out: Path | None) -> str:
    """Write the command that repeats an evaluation, with every option that changes a figure."""
    from unmask.evaluation import Options

    assert isinstance(options, Options)
    words = ["unmask", "evaluate", detector, *map(str, sets), "--frames", str(options.frames)]
    words += ["--split", options.split] if options.split else []
    words += ["--limit", str(options.limit)] if options.limit else []
    words += ["--resamples", str(options.intervals.resamples), "--seed", str(options.intervals.seed)]
    words += ["--out", str(out)] if out else []
    return shlex.join(words)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each set on the terminal's standard error."""
    if not sys.stderr.isatty():
        yield lambda name, done, items: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:

        def advance(name: str, done: int, items: int) -> None:
            if name not in bars:
                bars[name] = display.add_task(escape(name), total=items)
            display.update(bars[name], completed=done)

        yield advance


def _print(report: Report) -> None:
    from rich.console import Console

    from unmask.evaluation import remarks, to_table

    console = Console()
    console.print(to_table(report))
    for line in remarks(report):
        console.print(line, markup=False, highlight=False)
