"""``unmask calibrate``: a detector and your own real files in, a detector with a threshold for them out."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    detector: Annotated[
        str, typer.Argument(help="Name of a detector, or folder of an exported one.", show_default=False)
    ],
    reals: Annotated[
        list[Path],
        typer.Argument(
            help="Real files, folders of them, and folders with a manifest.csv (column path).",
            metavar="REALS...",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new detector.", show_default=False)],
    fpr: Annotated[
        str,
        typer.Option(
            metavar="RATE,...", help="Wished rates of false positives; the first sets the threshold."
        ),
    ] = "0.05",
    fakes: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Fake files: the calibration is fitted again on both, by Platt's method."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the manifests that says which files belong together; by default group, else source.",
        ),
    ] = None,
    scans: Annotated[
        Path | None,
        typer.Option(metavar="LOG", help="Log of `unmask scan --output` to read in place of scanning."),
    ] = None,
) -> None:
    """Find the threshold at which at most a wished share of your real files is called fake.

    Writes a detector with the same weights and that threshold, which --detector takes everywhere.
    """
    from unmask.cli.folders import usable_folder
    from unmask.cli.progress import reported
    from unmask.detectors import load_card
    from unmask.detectors.registry import detector_folder
    from unmask.gating.recalibration import check_free, derive, fix
    from unmask.gating.scored_files import list_files, read_files, scan_files
    from unmask.scanning import Scanner, Settings

    rates = _rates(fpr)
    card = load_card(detector)
    listed = [list_files(reals, 0, by), list_files([fakes], 1) if fakes else []]
    usable_folder(out, "--out")  # This must show before the work, not after.
    check_free(out)
    if scans is not None:
        real, fake = (read_files(part, scans, card) for part in listed)
    else:
        with contextlib.ExitStack() as stack:
            scanner = stack.enter_context(Scanner(Settings(detector=detector)))
            progress = stack.enter_context(reported("files"))
            real, fake = (scan_files(part, scanner, progress) for part in listed)
    found = fix(card, real, rates, fake)
    new = derive(detector_folder(detector), out, found)
    counts = f"{len(found.scores)} real files" + (f" and {found.fakes} fakes" if found.fakes else "")
    without = f"; {found.unscored} real files have no score" if found.unscored else ""
    typer.echo(f"{new.name}, fixed on {counts}{without}")
    for line in found.promises():
        typer.echo(line)
    typer.echo(f"{out}  (next: unmask scan --detector {out} PATH...)")


def _rates(text: str) -> list[float]:
    try:
        rates = [float(word) for word in text.split(",")]
    except ValueError:
        rates = []
    if not rates or not all(0 < rate < 1 for rate in rates):
        raise typer.BadParameter(f"needs rates between 0 and 1, not {text!r}", param_hint="--fpr")
    return rates
