"""``unmask detectors``: what is installed, and the card of one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unmask.cli.tables import table_console

if TYPE_CHECKING:
    from rich.table import Table

    from unmask.detectors import Card


def detectors(
    name: Annotated[str, typer.Argument(help="Show the card of one: a name, or an exported folder.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the installed detectors: what each answers, and how well; with a name, its card."""
    from unmask.detectors import installed, load_card

    cards = [load_card(name)] if name else installed()
    if as_json:
        typer.echo(json.dumps([card.to_dict() for card in cards], indent=2))
        return
    from rich.console import Console

    console = Console() if name else table_console()
    if name:
        console.print(_card(cards[0]))
    elif cards:
        console.print(_list(cards))
        console.print("\nAUC: of frames of the validation sets. The card: unmask detectors NAME", style="dim")
    else:
        console.print("no detector is installed")


def _list(cards: list[Card]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "question", "AUC"):
        table.add_column(column, overflow="fold")
    for card in cards:
        figures = "\n".join(f"{_auc(figures)} {data}" for data, figures in _validation(card).items())
        table.add_row(
            *(Text(cell) for cell in (f"{card.name} {card.version}", _question(card), figures or "-"))
        )
    return table


def _card(card: Card) -> Table:
    from rich.table import Table
    from rich.text import Text

    from unmask.report import percent

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    figures = [
        f"{data}: AUC {_auc(one, interval=True)}, {one.get('real', 0):,} real, {one.get('fake', 0):,} fake"
        for data, one in _validation(card).items()
    ]
    low, high = card.band
    rows = {
        "name": f"{card.name} {card.version}",
        "question": _question(card),
        "what it is": card.description,
        "reads": f"faces cut as {card.crop_profile}, {card.input_size} px",
        "images": f"judged by {' and '.join(card.stills)} in its place" if card.stills else "",
        "threshold": percent(card.threshold)
        + (f", inconclusive from {percent(low)} to {percent(high)}" if low < high else ""),
        **_lineage(card),
        "enrolled": ", ".join(f"{one.name} ({one.faces} examples)" for one in card.kinds.enrolled)
        if card.kinds
        else "",
        "trained for": ", ".join(card.tasks),
        "data": "\n".join(f"{one.name} ({one.use}): {one.terms}" for one in card.data),
        "figures": "\n".join(figures),
        **_localiser(card),
        "limits": card.limits,
        "licence": card.licence,
        "weights": f"sha256 {card.sha256}",
    }
    for heading, value in rows.items():
        if value:
            table.add_row(heading, Text(value))
    return table


def _localiser(card: Card) -> dict[str, str]:
    """Return what maps the blend, what it was trained on and how good it is, by heading."""
    if (localiser := card.localiser) is None:
        return {}
    figures = [
        f"{part}: pixel AUC {found['auc']['value']:.3f}, {100 * found['inside']['value']:.0f} % of the map inside"
        for part, found in localiser.metrics.items()
    ]
    trained = f"trained on blends of {', '.join(dict.fromkeys(one.name for one in localiser.data))}"
    return {"map of the blend": "\n".join([trained, *figures])}


def _lineage(card: Card) -> dict[str, str]:
    """Return what `unmask calibrate` derived a detector from, and the rates that it promises, by heading."""
    if (lineage := card.lineage) is None:
        return {}
    files = f"{lineage.files:,} real files"
    if lineage.groups < lineage.files:
        files += f" in {lineage.groups:,} groups"
    if lineage.fakes:
        files += f" and {lineage.fakes:,} fakes"
    promises = [
        f"at most {100 * one.rate:g} % of real {'files' if lineage.groups == lineage.files else 'groups'} called fake, "
        f"at {100 * one.threshold:.1f} % (90 % interval {100 * one.interval[0]:.1f} to {100 * one.interval[1]:.1f} %)"
        for one in lineage.rates
    ]
    return {
        "calibrated from": f"{lineage.parent} {lineage.parent_version}, on {files}",
        "promises": "\n".join(promises),
    }


def _question(card: Card) -> str:
    from unmask.report.words import question_words

    return question_words(card.question)


def _validation(card: Card) -> dict[str, dict[str, Any]]:
    """Return the figures of each set that the detector was validated on."""
    found = card.metrics.get("validation")
    return (
        {data: one for data, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}
    )


def _auc(figures: dict[str, Any], interval: bool = False) -> str:
    value, ends = figures.get("frame_auc"), figures.get("frame_auc_interval")
    if not isinstance(value, int | float):
        return "-"
    return f"{value:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if interval and ends else "")
