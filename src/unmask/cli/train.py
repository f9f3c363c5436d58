"""``unmask train``: a recipe in, a run folder out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML).", show_default=False)],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Changes to the recipe, such as loss.weight=0.3 or resume=true.",
            metavar="[KEY=VALUE]...",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress bars.")] = False,
) -> None:
    """Train a detector; writes runs/NAME with the resolved recipe, the log and the best weights."""
    from unmask.training.recipes import load_recipe

    settings = load_recipe(recipe, overrides or ())
    from unmask.training.loop import is_first_process
    from unmask.training.loop import train as run

    shown = not quiet and sys.stderr.isatty()
    with _caching(shown) as report:
        folder = run(settings, progress=shown, report=report)
    if is_first_process():
        typer.echo(f"{folder}  (next: unmask export {folder})")


@contextmanager
def _caching(shown: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show how far the maps of each source are computed."""
    if not shown:
        yield lambda source, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def report(source: str, done: int, total: int) -> None:
            if done < total and source not in tasks:
                tasks[source] = bars.add_task(f"maps of {source}", total=total)
            if source in tasks:
                bars.update(tasks[source], completed=done)
            if done >= total and source in tasks:
                bars.remove_task(tasks.pop(source))
            if not tasks:
                bars.refresh()

        yield report
