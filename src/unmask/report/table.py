"""Results as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unmask.report.result import ScanResult
from unmask.report.words import headline, notes, percent, printable

if TYPE_CHECKING:
    from rich.table import Table

COLOURS = {"likely_fake": "red", "likely_real": "green", "inconclusive": "yellow", None: "dim"}


def table(results: Sequence[ScanResult]) -> Table:
    """Lay out one row a file: verdict, score with its interval, faces, and what else there is to say.

    File names and details are shown as they are: markup and control characters in them have no effect.
    """
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    noted = any(notes(result) for result in results)
    grid.add_column("file", overflow="fold", ratio=3)
    grid.add_column("verdict", no_wrap=True)
    grid.add_column("score", justify="right", no_wrap=True)
    grid.add_column("90 % interval", justify="right", no_wrap=True)
    grid.add_column("faces", justify="right", no_wrap=True)
    if noted:
        grid.add_column("note", overflow="fold", ratio=2)
    for result in results:
        interval = "-"
        if result.interval is not None:
            interval = f"{percent(result.interval[0])} to {percent(result.interval[1])}"
        grid.add_row(
            Text(printable(result.path)),
            Text(headline(result), style=COLOURS[result.verdict]),
            percent(result.score),
            interval,
            str(len(result.tracks)) if result.was_read else "-",
            *([Text(printable(notes(result)))] if noted else []),
        )
    return grid
