"""``unmask train``: a recipe in, a run folder out."""

from __future__ import annotations

import sys
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
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Train a detector; writes runs/NAME with the resolved recipe, the log and the best weights."""
    from unmask.cli.progress import reported
    from unmask.training.recipes import load_recipe

    settings = load_recipe(recipe, overrides or ())
    from unmask.training.loop import is_first_process
    from unmask.training.loop import train as run

    with reported(visible=not quiet and is_first_process()) as report:
        folder = run(settings, progress=not quiet and sys.stderr.isatty(), report=report)
    if is_first_process():
        typer.echo(f"{folder}  (next: unmask export {folder})")
