"""``unmask detectors``: what is installed, with its card."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def detectors(
    as_json: Annotated[bool, typer.Option("--json", help="Print every card as JSON.")] = False,
) -> None:
    """List the installed detectors with their cards."""
    from unmask.detectors import installed

    cards = installed()
    if as_json:
        typer.echo(json.dumps([card.to_dict() for card in cards], indent=2))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "version", "licence", "crops", "trained on", "what it is"):
        table.add_column(column, overflow="fold")
    for card in cards:
        sources = ", ".join(dict.fromkeys(source.name for source in card.data if source.use == "training"))
        crops = f"{card.crop_profile}, {card.input_size} px"
        cells = (card.name, card.version, card.licence, crops, sources, card.description)
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(table if cards else "no detector is installed")
