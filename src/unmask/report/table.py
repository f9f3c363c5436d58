"""Results as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unmask.report.result import ScanResult
from unmask.report.said import Said, opinions_of, said_of_file
from unmask.report.words import notes, printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

COLOURS = {"likely_fake": "red", "likely_real": "green", "inconclusive": "yellow", "unscored": "dim"}


def table(results: Sequence[ScanResult]) -> Table:
    """Lay out one row a file: verdict, score with its interval, faces, and what else there is to say.

    Below a file on which there are several opinions stands a row for each, with its question. File names and details
    are shown as they are: markup and control characters in them have no effect.

    Parameters
    ----------
    results
        Of the scans.
    """
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    noted = any(notes(result) or len(result.opinions) > 1 for result in results)
    grid.add_column("file", overflow="fold", ratio=3)
    grid.add_column("verdict", no_wrap=True)
    grid.add_column("score", justify="right", no_wrap=True)
    grid.add_column("90 % interval", justify="right", no_wrap=True)
    grid.add_column("faces", justify="right", no_wrap=True)
    if noted:
        grid.add_column("note", overflow="fold", ratio=2)
    for result in results:
        faces = str(len(result.tracks)) if result.was_read else "-"
        note = [Text(printable(notes(result)))] if noted else []
        grid.add_row(Text(printable(result.path)), *_cells(said_of_file(result)), faces, *note)
        for opinion in opinions_of(result):
            why = Text("; ".join(reason.removesuffix(".") for reason in opinion.said.reasons))
            grid.add_row(Text(f"  {opinion.question}"), *_cells(opinion.said), "", why)
    return grid


def _cells(said: Said) -> tuple[Text, str, str]:
    from rich.text import Text

    return Text(said.headline, style=COLOURS[said.kind]), said.score or "-", said.interval or "-"
