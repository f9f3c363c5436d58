"""What a study found, as plain values and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from unmask.evaluation.remarks import markdown_table, show
from unmask.studies.judging import Figure, Judged
from unmask.studies.rates import RATES, Rate, Rates
from unmask.studies.runs import Failure

SCHEMA = 1


@dataclass(frozen=True)
class StudyReport:
    """A study's cells with their figures, and what is missing.

    Parameters
    ----------
    sets
        Figure name -> real, fake, groups.
    planned, finished
        Numbers of runs.
    seeds
        Cell -> seeds that were planned.
    best
        Name of the cell that got further seeds.
    """

    name: str
    command: str
    settings: Mapping[str, Any]
    sets: Mapping[str, Mapping[str, int]]
    cells: Sequence[Judged]
    planned: int
    finished: int
    failures: Sequence[Failure] = ()
    best: str | None = None
    rates: Rates = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "schema": SCHEMA,
            "study": self.name,
            "command": self.command,
            "settings": dict(self.settings),
            "sets": {name: dict(counts) for name, counts in self.sets.items()},
            "runs": {"planned": self.planned, "finished": self.finished},
            "best": self.best,
            "cells": [
                {**cell.to_dict(), "rates": _plain_rates(self.rates.get(cell.name, {}))}
                for cell in self.cells
            ],
            "failures": [asdict(failure) for failure in self.failures],
        }


def _plain_rates(rates: Mapping[str, Mapping[str, Rate]]) -> dict[str, Any]:
    return {rate: {name: found.to_dict() for name, found in of.items()} for rate, of in rates.items()}


def to_markdown(report: StudyReport, plot: str | None = None) -> str:
    """Return the study as a page: what was judged, the figures, the differences, the cost, what is missing.

    Parameters
    ----------
    report
        Of the study.
    plot
        Address of the picture.
    """
    lines = [f"# {report.name}", "", f"    {report.command}", ""]
    lines += [*_facts(report), ""]
    if plot:
        lines += [f"![Differences from the control]({plot})", ""]
    figures = list(report.sets)
    lines += [
        "## AUC",
        "",
        *markdown_table(["cell", "seeds", *figures], _auc_rows(report.cells, figures)),
        "",
    ]
    compared = [cell for cell in report.cells if cell.control]
    if compared:
        rows = _difference_rows(compared, figures)
        lines += [
            "## Difference from the control",
            "",
            *markdown_table(["cell", "control", *figures], rows),
            "",
        ]
    for rate in RATES:
        lines += _rate_section(report, rate)
    heading = ["cell", "steps", "CPU seconds a run", "trained weights"]
    lines += ["## Cost", "", *markdown_table(heading, _cost_rows(report.cells)), ""]
    if report.failures:
        lines += ["## Failed", ""]
        lines += [f"- {failure.cell}, seed {failure.seed}: {failure.error}" for failure in report.failures]
        lines.append("")
    return "\n".join(lines)


def _rate_section(report: StudyReport, rate: str) -> list[str]:
    """Return the table of a rate, each cell's share and its difference from the control."""
    of_cells = {cell: rates[rate] for cell, rates in report.rates.items() if rates[rate]}
    if not of_cells:
        return []
    figures = list(dict.fromkeys(name for of in of_cells.values() for name in of))
    rows = [
        [cell, *(_share(of[name]) if name in of else "-" for name in figures)]
        for cell, of in of_cells.items()
    ]
    note = f"At each run's threshold, frozen on {'; '.join(report.settings['frozen_on'])}. Behind the semicolon: "
    note += "difference from the control."
    return [f"## {rate.capitalize()}", "", note, "", *markdown_table(["cell", *figures], rows), ""]


def _share(rate: Rate) -> str:
    text = show(rate.share)
    if rate.difference is not None and rate.difference.value is not None:
        text += f"; {rate.difference.value:+.3f}"
        if rate.difference.low is not None and rate.difference.high is not None:
            text += f" [{rate.difference.low:+.3f}, {rate.difference.high:+.3f}]"
    return text


def _facts(report: StudyReport) -> Iterator[str]:
    settings = report.settings
    yield (
        f"{report.finished} of {report.planned} runs. Each is judged at its last step: no checkpoint was chosen. "
        f"Mean over seeds, its 95 % interval by bootstrap over sources or groups and over seeds "
        f"({settings['resamples']} resamples, seed {settings['seed']}), ± the standard deviation over seeds. "
        f"Differences are between runs of one seed."
    )
    if settings.get("components"):
        yield f"Maps were read through {settings['components']} principal components of their tokens."
    for name, counts in report.sets.items():
        yield f"- {name}: {counts['real']} real, {counts['fake']} fake, {counts['groups']} groups"
    if report.best:
        yield f"\n`{report.best}` is the best cell of the grid by the figures below, so they flatter it."


def _auc_rows(cells: Sequence[Judged], figures: Sequence[str]) -> list[list[str]]:
    rows = []
    for cell in cells:
        there = [cell.figures.get(name) for name in figures]
        seeds = str(len(next(figure.seeds for figure in there if figure is not None)))
        rows.append([cell.name, seeds, *map(_auc, there)])
    return rows


def _auc(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    return show(figure.auc) + (f" ± {figure.spread:.3f}" if figure.spread is not None else "")


def _difference_rows(cells: Sequence[Judged], figures: Sequence[str]) -> list[list[str]]:
    return [
        [cell.name, cell.control or "", *(_difference(cell.figures.get(name)) for name in figures)]
        for cell in cells
    ]


def _difference(figure: Figure | None) -> str:
    if figure is None or figure.difference is None or figure.difference.value is None:
        return "-"
    found = figure.difference
    text = f"{found.value:+.3f}"
    if found.low is not None and found.high is not None:
        text += f" [{found.low:+.3f}, {found.high:+.3f}]"
    return text + (f", p {found.p:.2f}" if found.p is not None else "")


def _cost_rows(cells: Sequence[Judged]) -> list[list[str]]:
    return [
        [cell.name, str(cell.cost.steps), f"{cell.cost.cpu_seconds:.0f}", f"{cell.cost.weights:,}"]
        for cell in cells
        if cell.cost
    ]
