"""``unmask study``: a study file in, a table with intervals out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.tables import table_console

if TYPE_CHECKING:
    from unmask.studies.cells import Cell
    from unmask.studies.running import Progress

FAILED = 1
PLACES = ("data.root=", "trunk.cache=")
"""Changes that say where one machine keeps its files."""


def study(
    file: Annotated[
        Path,
        typer.Argument(metavar="STUDY", help="Study file (YAML), see recipes/studies.", show_default=False),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Changes to every recipe, such as data.root=sets or trunk.cache=cache.",
            metavar="[KEY=VALUE]...",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for study.md, study.json, effects.png and the runs.")
    ] = Path("study"),
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Only cells whose name holds this; may be given several times."),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="List cells and runs, train nothing.")] = False,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples for the intervals.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
) -> None:
    """Train a grid of recipes over seeds and compare each cell with its control.

    Finished runs in the output folder are read, not repeated: the same command goes on after a stop. Exit code 1: some
    run failed; the page names it.
    """
    changes = tuple(overrides or ())
    if plan:
        from unmask.studies.cells import plan as list_cells
        from unmask.studies.study import load_study

        _show_plan(list_cells(load_study(file), file, changes))
        return
    from unmask.cli.progress import reported
    from unmask.cli.repeating import command_line
    from unmask.statistics.intervals import Settings
    from unmask.studies.running import PAGE, Tools, run_study

    with reported() as report:
        tools = Tools(
            Settings(resamples=resamples, seed=seed),
            only=tuple(only or ()),
            on_run=_say,
            report=report,
            command=command_line(
                "study",
                file,
                *(change for change in changes if not change.startswith(PLACES)),
                out=out,
                only=only,
                resamples=resamples,
                seed=seed,
            ),
        )
        found = run_study(file, out, changes, tools)
    for failure in found.failures:
        typer.echo(f"failed: {failure.cell}, seed {failure.seed}: {failure.error}", err=True)
    typer.echo(f"{out / PAGE}  ({found.finished} of {found.planned} runs)")
    if found.failures:
        raise typer.Exit(FAILED)


def _say(progress: Progress) -> None:
    what = "found" if progress.found else "training"
    typer.echo(f"[{progress.number}/{progress.runs}] {what}: {progress.cell}, seed {progress.seed}", err=True)


def _show_plan(cells: list[Cell]) -> None:
    from rich.table import Table

    table = Table("cell", "seeds", "steps", "control")
    for cell in cells:
        seeds = " ".join(map(str, cell.seeds))
        table.add_row(cell.name, seeds, str(cell.recipe.optimiser.steps), cell.control or "-")
    console = table_console()
    console.print(table)
    console.print(f"{sum(len(cell.seeds) for cell in cells)} runs, and those of more_seeds")
