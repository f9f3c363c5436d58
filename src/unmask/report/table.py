"""Results as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unmask.report.opinions import DetectorInfo
from unmask.report.origin_view import origin_note
from unmask.report.result import ScanResult
from unmask.report.said import Said, opinions_of, said_of_file
from unmask.report.words import notes, printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

COLOURS = {"likely_fake": "red", "likely_real": "green", "inconclusive": "yellow", "unscored": "dim"}


def table(results: Sequence[ScanResult]) -> Table:
    """Lay out one row a file: verdict, score with its interval, faces, and what else there is to say.

    Below a file on which there are several opinions stands a row for each, with its question and detector. Where one
    detector judged images and another videos, each row names its own. File names and details are shown as they are:
    markup and control characters in them have no effect.

    Parameters
    ----------
    results
        Of the scans.
    """
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    said = [_notes(result) for result in results]
    several = any(len(result.opinions) > 1 for result in results)
    noted = any(said) or several
    judges = {one.name for result in results for one in _judges(result)}
    named = len(judges) > 1 and not several
    grid.add_column("file", overflow="fold", ratio=3)
    if named:
        grid.add_column("detector", overflow="fold")
    grid.add_column("verdict", no_wrap=True)
    grid.add_column("score", justify="right", no_wrap=True)
    grid.add_column("90 % interval", justify="right", no_wrap=True)
    grid.add_column("faces", justify="right", no_wrap=True)
    if noted:
        grid.add_column("note", overflow="fold", ratio=2)
    for result, text in zip(results, said, strict=True):
        faces = str(len(result.tracks)) if result.was_read else "-"
        note = [Text(text)] if noted else []
        judge = [Text(printable(next((one.name for one in _judges(result)), "-")))] if named else []
        grid.add_row(Text(printable(result.path)), *judge, *_cells(said_of_file(result)), faces, *note)
        for opinion, view in zip(result.opinions, opinions_of(result), strict=False):
            why = Text("; ".join(printable(reason.text) for reason in opinion.reasons))
            asked = f"  {view.question} ({printable(opinion.detector.name)})"
            grid.add_row(Text(asked), *_cells(view.said), "", why)
    return grid


def _judges(result: ScanResult) -> list[DetectorInfo]:
    """Return the detectors that were asked about a file: none where it could not be read."""
    if result.opinions:
        return [opinion.detector for opinion in result.opinions]
    return [result.detector] if result.was_read else []


def _notes(result: ScanResult) -> str:
    said = [printable(notes(result)), origin_note(result.provenance)]
    return "; ".join(text for text in said if text)


def _cells(said: Said) -> tuple[Text, str, str]:
    from rich.text import Text

    return Text(said.headline, style=COLOURS[said.kind]), said.score or "-", said.interval or "-"
