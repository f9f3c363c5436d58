"""``unmask export``: a run folder in, a detector folder out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the detector; by default `detector` in the run folder.")
    ] = None,
    average: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", help="Folder of a further run, whose logits are averaged with the first's. Repeatable."
        ),
    ] = None,
) -> None:
    """Export a run's best weights as a detector: ONNX, safetensors and a card.

    Calibration, threshold and inconclusive band are fitted on the run's validation logits.
    """
    from unmask.cli.folders import usable_folder
    from unmask.cli.progress import reported
    from unmask.detectors import read_card
    from unmask.training.export import export as write

    if out is not None:
        usable_folder(out, "--out")
    with reported("crops") as report:
        folder = write(run, out, average or (), report)
    crops = read_card(folder).input.unit == "face"
    command = f"unmask evaluate {folder} SET" if crops else f"unmask scan FILE --detector {folder}"
    typer.echo(f"{folder}  (next: {command})")
