"""What a reader of the figures has to know, in sentences, and how figures are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from unmask.evaluation.fairness import NOT_STATED, SMALL, FairnessTable
from unmask.evaluation.report import Report, Result, SetSummary
from unmask.evaluation.robustness_grid import Robustness
from unmask.evaluation.scans import ALL
from unmask.statistics.intervals import Difference, Estimate


def show(estimate: Estimate | Difference | None, digits: int = 3) -> str:
    """Write a figure with its interval; a hyphen where there is none.

    Parameters
    ----------
    estimate
        The figure.
    digits
        Decimals.
    """
    if estimate is None or estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table in Markdown, a line for each row.

    Parameters
    ----------
    headings, rows
        Cells.
    """
    lines = [headings, ["---"] * len(headings), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]


def remarks(report: Report) -> list[str]:
    """List what a reader of the figures has to know: warnings first, coverage, limits, leaks, undefined figures.

    Parameters
    ----------
    report
        The report.
    """
    lines = list(report.warnings)
    for summary in report.sets:
        lines += _of_set(summary)
    lines += _of_scans(report)
    for result in report.results:
        lines += _of_result(result)
    for table in report.fairness:
        lines += _of_groups(table)
    for grid in report.robustness:
        lines.append(_of_grid(grid))
    if report.against:
        lines += [
            f"{report.against.detector['name']}: {line}"
            for summary in report.against.sets
            for line in _of_set(summary)
        ]
    return lines


def _of_set(summary: SetSummary) -> Iterator[str]:
    split = f", split {summary.split}" if summary.split else ""
    statuses = ", ".join(f"{count} {status}" for status, count in summary.coverage["video"].items())
    yield f"{summary.name}{split}: {summary.items} {summary.kind}, {summary.sources} sources; {statuses}"
    if summary.items < summary.items_in_split:
        yield f"{summary.name}: only {summary.items} of {summary.items_in_split} items: a trial, no result"
    yield from _of_rates(summary)
    yield from summary.notes


def _of_scans(report: Report) -> Iterator[str]:
    """Yield remarks on scans that another detector judged than the one that is measured."""
    own = report.detector["name"]
    for row in report.scans:
        others = [name for name in row.detectors if name != own]
        if row.method == ALL and others:
            yield (
                f"{row.set_and_log}: whole scans are judged by {row.judged_by}, all other rows by {own}; for figures "
                f"of {others[0]} alone: unmask evaluate {others[0]}"
            )


def _of_rates(summary: SetSummary) -> Iterator[str]:
    """Return how fast crops were read and scored, and which of both set the pace."""
    rates = summary.rates
    read, scored = rates.read_per_second, rates.scored_per_second
    if read is None or scored is None:
        return
    pace = "inference" if scored <= read else "reading"
    yield (
        f"{summary.name}: {rates.crops} crops in {rates.total:.1f} s: {read:,.0f} a second could be read "
        f"(threads: {rates.readers}), {scored:,.1f} scored; {pace} set the pace, {rates.waiting / rates.total:.0%} of "
        f"the time was spent waiting for crops"
    )


def _of_result(result: Result) -> Iterator[str]:
    where = f"{result.dataset}, {result.method}, {result.level} level"
    if result.control and result.control.leaks:
        yield f"{where}: metadata alone reach AUC {show(result.control.auc)}: the set leaks"
    reason = result.metrics["auc"].reason
    if reason:
        yield f"{where}: AUC: {reason}"


def _of_groups(table: FairnessTable) -> Iterator[str]:
    where = f"{table.dataset}, {table.attribute}"
    for gap in table.gaps:
        yield (
            f"{where}: the largest gap in {gap.rate.upper()} is {show(gap.difference)}, "
            f"{gap.highest} over {gap.lowest}"
        )
    for rate, kind in (("fpr", "real"), ("fnr", "fake")):
        small = [group.group for group in table.groups if rate in group.small and group.group != NOT_STATED]
        if small:
            yield (
                f"{where}: small groups, of fewer than {SMALL} {kind} videos, have no part in the gap in "
                f"{rate.upper()}: {', '.join(small)}"
            )


def _of_grid(grid: Robustness) -> str:
    return f"{grid.dataset}: distortions were applied {grid.place}"
