"""``unmask enrol``: a few examples of a kind of manipulation in, a detector that recognises it out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from unmask.defaults import DETECTOR


def enrol(
    name: Annotated[
        str | None, typer.Argument(help="Name of the kind, such as a method's.", show_default=False)
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="5 to 20 examples: images, videos, and folders of them, each with one manipulated face.",
            show_default=False,
        ),
    ] = None,
    detector: Annotated[
        str, typer.Option(help="Detector that is to know it: a name, or the folder of an exported one.")
    ] = DETECTOR,
    listing: Annotated[bool, typer.Option("--list", help="List what is enrolled.")] = False,
    forget: Annotated[
        str | None, typer.Option("--remove", metavar="NAME", help="Forget a kind that was enrolled.")
    ] = None,
) -> None:
    """Teach a detector a new kind of manipulation from 5 to 20 examples, without training.

    Writes a detector with the same weights and a prototype of the kind; the examples themselves are not kept.
    """
    from unmask.cli.progress import reported
    from unmask.detectors.prototypes import LEAST_SEPARATION
    from unmask.gating.enrolment import (
        check_kind,
        enrolled_folder,
        enrolled_kinds,
        read_examples,
        remove,
        with_stills,
    )
    from unmask.gating.enrolment import enrol as add
    from unmask.gating.scored_files import list_files
    from unmask.scanning import Scanner, Settings

    if name is not None and (listing or forget):
        raise typer.BadParameter("--list and --remove take no NAME and no files")
    if forget:
        for one in with_stills(detector):
            remove(one, forget)
    if listing:
        for kind in enrolled_kinds(detector):
            typer.echo(f"{kind.name}  ({kind.faces} examples)")
    if listing or forget:
        return
    if name is None or not files:
        raise typer.BadParameter("needs a NAME and FILES, or --list, or --remove NAME")
    check_kind(detector, name)  # This must show before the work, not after.
    paths = [part.root / item.path for part in list_files(files, 1) for item in part.items]
    with contextlib.ExitStack() as stack:
        scanner = stack.enter_context(Scanner(Settings(detector=detector)))
        examples = read_examples(paths, scanner, stack.enter_context(reported("files")))
    for path in examples.unused:
        typer.echo(f"{path}: no usable face", err=True)
    for one in with_stills(detector):
        add(one, name, examples)
    known = enrolled_folder(detector).name
    typer.echo(f"{known} knows {name}, from {len(examples.features)} examples")
    if enrolled_kinds(detector)[-1].separation < LEAST_SEPARATION:
        typer.echo("they hardly differ from real faces: scans may name it, but no score rises")
    typer.echo(f"next: unmask scan --detector {known} PATH")
