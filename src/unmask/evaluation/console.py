"""The report's leading figures as tables on the console."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from unmask.evaluation.forensic_tables import TextTable, forensic_tables
from unmask.evaluation.markdown import delong, difference
from unmask.evaluation.remarks import show
from unmask.evaluation.report import Report
from unmask.evaluation.scans import ERRORS
from unmask.statistics.intervals import Difference, Estimate

#: Figures of the main table, beside the AUC.
FIGURES = {
    "eer": "EER",
    "balanced_accuracy": "balanced accuracy",
    "tpr_at_fpr_5": "TPR at 5 % FPR",
}


def to_tables(report: Report) -> list[Table]:
    """Return all tables of a report that have figures, for the console.

    Parameters
    ----------
    report
        The report.
    """
    tables = [to_table(report)]
    if report.scans:
        tables.append(_scans(report))
    if report.against:
        tables += [to_table(report.against), _comparisons(report, report.against)]
    if report.calibration:
        tables.append(_calibration(report))
    tables += [_plain(table) for table in forensic_tables(report)]
    if report.robustness:
        tables.append(_robustness(report))
    return tables


def to_table(report: Report) -> Table:
    """Return the table of results: the leading figures, one line a result; intervals of the AUCs alone.

    Parameters
    ----------
    report
        The report.
    """
    table = _table(f"{report.detector['name']} {report.detector['version']}")
    table.add_column("set", overflow="fold")
    table.add_column("method", overflow="fold")
    table.add_column("level", no_wrap=True)
    table.add_column("real + fake", justify="right", no_wrap=True)
    table.add_column("AUC", justify="right", no_wrap=True)
    for heading in FIGURES.values():
        table.add_column(heading, justify="right")
    table.add_column("zero-pixel AUC", justify="right", no_wrap=True)
    for result in report.results:
        names = [escape(text) for text in (result.dataset, result.method, result.level)]
        plain = [show(Estimate(result.metrics[name].value), 2) for name in FIGURES]
        control = _stacked(result.control.auc if result.control else None, 2)
        counts = f"{result.real} + {result.fake}"
        table.add_row(*names, counts, _stacked(result.metrics["auc"], 3), *plain, control)
    return table


def _scans(report: Report) -> Table:
    table = _table("whole scans, file by file")
    table.add_column("set", overflow="fold")
    table.add_column("method", overflow="fold")
    table.add_column("detector", overflow="fold")
    for heading in ("real + fake", "AUC of the score", "wrong: real, fake", "inconclusive: real, fake"):
        table.add_column(heading, justify="right")
    for error in ERRORS:
        table.add_column(f"decided at {error:.0%} wrong", justify="right")
    for row in report.scans:
        wrong = f"{row.verdicts['real'].get('likely_fake', 0)}, {row.verdicts['fake'].get('likely_real', 0)}"
        open_ = ", ".join(str(row.verdicts[label].get("inconclusive", 0)) for label in ("real", "fake"))
        decided = [show(Estimate(value.value), 2) for value in row.decided_at.values()]
        table.add_row(
            escape(row.set_and_log),
            escape(row.method),
            escape(row.judged_by),
            f"{row.real} + {row.fake}",
            _stacked(row.auc, 3),
            wrong,
            open_,
            *decided,
        )
    return table


def _plain(wanted: TextTable) -> Table:
    table = _table(wanted.title)
    for heading in wanted.headings:
        table.add_column(heading, overflow="fold")
    for row in wanted.rows:
        table.add_row(*(escape(cell.replace(" [", "\n[")) for cell in row))
    return table


def _comparisons(report: Report, against: Report) -> Table:
    table = _table(f"{report.detector['name']} minus {against.detector['name']}")
    for heading in ("set", "method", "level", "items"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "items" else "left")
    for heading in ("AUC, paired bootstrap", "AUC, DeLong z", "balanced accuracy"):
        table.add_column(heading, justify="right")
    for row in report.comparisons:
        names = [escape(text) for text in (row.dataset, row.method, row.level)]
        figures = [difference(row, "auc"), delong(row), difference(row, "balanced_accuracy")]
        table.add_row(*names, str(row.items), *(escape(text.replace(" [", "\n[")) for text in figures))
    return table


def _calibration(report: Report) -> Table:
    table = _table(f"calibration of {report.detector['name']}, before -> after")
    for heading in ("set", "domain", "level"):
        table.add_column(heading, overflow="fold")
    for heading in ("ECE", "Brier", "log loss"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in report.calibration:
        pairs = [
            f"{_value(row.before[name])} -> {_value(row.after[name])}"
            for name in ("ece", "brier", "log_loss")
        ]
        table.add_row(escape(row.dataset), row.domain, row.level, *pairs)
    return table


def _robustness(report: Report) -> Table:
    table = _table(f"robustness of {report.detector['name']}: mean AUC of the levels")
    table.add_column("set", overflow="fold")
    table.add_column("distortion")
    for heading in ("AUC", "less undistorted", "fewest scored"):
        table.add_column(heading, justify="right", no_wrap=True)
    for grid in report.robustness:
        for name in grid.distortions:
            figures = (_stacked(grid.means[name], 3), _stacked(grid.drops[name], 3))
            fewest = min(cell.covered for cell in grid.of(name))
            table.add_row(escape(grid.dataset), name, *figures, f"{fewest:.0%}")
    return table


def _table(title: str) -> Table:
    return Table(
        title=escape(title),
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        header_style="bold",
    )


def _value(estimate: Estimate) -> str:
    return show(Estimate(estimate.value))


def _stacked(estimate: Estimate | Difference | None, digits: int) -> str:
    """Put the interval under its figure, for narrow columns."""
    return escape(show(estimate, digits).replace(" [", "\n["))
