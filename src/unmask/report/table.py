"""Results as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unmask.report.opinions import DetectorInfo
from unmask.report.result import ScanResult
from unmask.report.view import Said, result_view
from unmask.report.words import notes, printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

COLOURS = {"likely_fake": "red", "likely_real": "green", "inconclusive": "yellow", "unscored": "dim"}


def table(results: Sequence[ScanResult]) -> Table:
    """Lay out one row a file: verdict, score with its interval, faces, and what else there is to say.

    Below a file on which there are several opinions stands a row for each, with its question. Where several detectors
    judged, such as one for images and one for videos, each row names its own. File names and details are shown as they
    are: markup and control characters in them have no effect.

    Parameters
    ----------
    results
        Of the scans.
    """
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    noted = any(notes(result) or len(result.opinions) > 1 for result in results)
    judges = {one.name for result in results for one in _judges(result)}
    grid.add_column("file", overflow="fold", ratio=3)
    if len(judges) > 1:
        grid.add_column("detector", overflow="fold")
    grid.add_column("verdict", no_wrap=True)
    grid.add_column("score", justify="right", no_wrap=True)
    grid.add_column("90 % interval", justify="right", no_wrap=True)
    grid.add_column("faces", justify="right", no_wrap=True)
    if noted:
        grid.add_column("note", overflow="fold", ratio=2)
    for result in results:
        view = result_view(result)
        faces = str(len(result.tracks)) if result.was_read else "-"
        note = [Text(printable(notes(result)))] if noted else []
        alone = "" if view.opinions else next((one.name for one in _judges(result)), "-")
        judge = [Text(printable(alone))] if len(judges) > 1 else []
        grid.add_row(Text(printable(result.path)), *judge, *_cells(view.said), faces, *note)
        for opinion, view_of_it in zip(result.opinions, view.opinions, strict=False):
            why = Text("; ".join(reason.removesuffix(".") for reason in view_of_it.said.reasons))
            judge = [Text(printable(opinion.detector.name))] if len(judges) > 1 else []
            grid.add_row(Text(f"  {view_of_it.question}"), *judge, *_cells(view_of_it.said), "", why)
    return grid


def _judges(result: ScanResult) -> list[DetectorInfo]:
    """Return the detectors that were asked about a file: none where it could not be read."""
    if result.opinions:
        return [opinion.detector for opinion in result.opinions]
    return [result.detector] if result.was_read else []


def _cells(said: Said) -> tuple[Text, str, str]:
    from rich.text import Text

    return Text(said.headline, style=COLOURS[said.kind]), said.score or "-", said.interval or "-"
