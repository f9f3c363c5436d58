"""The report as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unmask.distortions.levels import DISTORTIONS
from unmask.evaluation.calibration import FIGURES, CalibrationRow
from unmask.evaluation.comparison import Comparison
from unmask.evaluation.fairness import SMALL, FairnessTable, GroupRates, Rate
from unmask.evaluation.family_table import FamilyTable
from unmask.evaluation.forensic_tables import forensic_tables
from unmask.evaluation.remarks import markdown_table, remarks, show
from unmask.evaluation.report import Report, Result
from unmask.evaluation.robustness_grid import Cell, Robustness
from unmask.evaluation.scans import ERRORS, ScanFigures
from unmask.statistics.intervals import Estimate

#: Columns of the main table: metric and heading.
COLUMNS = (
    ("auc", "AUC"),
    ("ap", "AP"),
    ("eer", "EER"),
    ("accuracy", "accuracy"),
    ("balanced_accuracy", "balanced accuracy"),
    ("tpr_at_fpr_1", "TPR at 1 % FPR"),
    ("tpr_at_fpr_5", "TPR at 5 % FPR"),
    ("brier", "Brier"),
    ("ece", "ECE"),
)
#: Metrics of the comparison, beside DeLong's test.
COMPARED = (
    ("auc", "AUC"),
    ("eer", "EER"),
    ("tpr_at_fpr_5", "TPR at 5 % FPR"),
    ("balanced_accuracy", "balanced accuracy"),
    ("brier", "Brier"),
)
FIGURE_NAMES = {"ece": "ECE", "brier": "Brier", "log_loss": "log loss"}


def to_markdown(report: Report, plots: Sequence[str] = ()) -> str:
    """Write the report as a Markdown page.

    Parameters
    ----------
    report
        The report.
    plots
        Pictures to show, relative to the page.
    """
    lines = [f"# {report.detector['name']} {report.detector['version']}", ""]
    for warning in report.warnings:
        lines += [f"**{warning}**", ""]
    if report.command:
        lines += ["```", report.command, "```", ""]
    lines += [_operating_point(report.detector, report.settings), ""]
    lines += _results(report.results)
    lines += ["", *(f"- {line}" for line in remarks(report)), ""]
    lines += _families(report.families)
    lines += _scans(report.scans)
    if report.against:
        lines += _comparisons(report, report.against)
    lines += _calibration(report.calibration)
    for one in forensic_tables(report):
        heading = one.title[:1].upper() + one.title[1:]
        lines += [f"## {heading}", "", one.about, "", *markdown_table(one.headings, one.rows), ""]
    for table in report.fairness:
        lines += _fairness(table)
    for grid in report.robustness:
        lines += _robustness(grid)
    if plots:
        lines += ["## Plots", "", *(f"![{name}]({name})\n" for name in plots)]
    return "\n".join(lines).rstrip() + "\n"


def _operating_point(detector: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    return (
        f"Weights sha256 `{detector['sha256']}`, crop profile {detector['crop_profile']}, frozen threshold "
        f"{detector['threshold']:g} (the card's; nothing was fitted here). Intervals: {settings['confidence']:.0%}, "
        f"percentiles of {settings['resamples']} bootstrap resamples of sources or groups, seed {settings['seed']}."
    )


def _results(results: Sequence[Result]) -> list[str]:
    counts = ["set", "method", "level", "real", "fake", "sources"]
    return markdown_table(
        [*counts, *(heading for _, heading in COLUMNS), "zero-pixel AUC"],
        [_result(result) for result in results],
    )


def _result(result: Result) -> list[str]:
    figures = [show(result.metrics.get(name)) for name, _ in COLUMNS]
    control = show(result.control.auc) if result.control else "-"
    counts = [str(result.real), str(result.fake), str(result.clusters)]
    return [result.dataset, result.method, result.level, *counts, *figures, control]


def _families(table: FamilyTable) -> list[str]:
    if not table.results:
        return []
    lines = [
        "## Families of manipulation",
        "",
        "Each family's fakes beside the real items of their set, at the card's threshold. Unseen: the card does not "
        "name the family among those that the detector was trained on.",
        "",
    ]
    means = [
        (name, table.summary(known))
        for name, known in (("trained on", True), ("unseen", False), ("all", None))
    ]
    lines += markdown_table(
        ["families", "mean AUC", "least AUC"],
        [[name, *(show(Estimate(value)) for value in summary.values())] for name, summary in means],
    )
    known = {True: "yes", False: "**unseen**", None: "-"}
    headings = ["family", "trained on", "set", "level", "real", "fake", "AUC", "share called real"]
    rows = [
        [
            *(one.family, known[one.known], one.dataset, one.level),
            *(str(one.real), str(one.fake), show(one.auc), show(one.missed)),
        ]
        for one in table.results
    ]
    reals = [[one.dataset, one.level, str(one.real), show(one.rate)] for one in table.false_positives]
    lines += ["", *markdown_table(headings, rows), ""]
    return [*lines, *markdown_table(["real items of", "level", "real", "share called fake"], reals), ""]


def _scans(scans: Sequence[ScanFigures]) -> list[str]:
    if not scans:
        return []
    logs = any(row.log for row in scans)
    headings = ["log"] * logs + [
        "set",
        "method",
        "detector",
        "real",
        "fake",
        "sources",
        "without a score",
        "AUC of the score",
    ]
    headings += ["difference from the first"] * logs
    headings += [f"{label} {what}" for label in ("real", "fake") for what in ("wrong", "inconclusive")]
    headings += [*(f"decided at {error:.0%} wrong" for error in ERRORS), "interval reaches the right side"]
    return [
        "## Whole scans",
        "",
        "Each file scanned as users scan it: the scan's own frames, gates and verdicts. Shares are of the files with a "
        "score. Decided at 1 % wrong: the largest share of files, the surest first, of which at most 1 % lie on the "
        "wrong side of the threshold.",
        "",
        *markdown_table(headings, [_scan(row, logs) for row in scans]),
        "",
    ]


def _scan(row: ScanFigures, logs: bool) -> list[str]:
    without = sum(row.statuses.values()) - row.real - row.fake
    cells = [
        *[row.log] * logs,
        row.dataset,
        row.method,
        row.judged_by,
        str(row.real),
        str(row.fake),
        str(row.clusters),
        str(without),
        show(row.auc),
        *[show(row.auc_difference)] * logs,
    ]
    for label, wrong in (("real", "likely_fake"), ("fake", "likely_real")):
        for verdict, share in ((wrong, row.wrong[label]), ("inconclusive", row.inconclusive[label])):
            cells.append(f"{row.verdicts[label].get(verdict, 0)}: {show(share)}")
    return [*cells, *(show(value) for value in row.decided_at.values()), show(row.interval_coverage)]


def _comparisons(report: Report, against: Report) -> list[str]:
    detector = against.detector
    first, second = (f"{part.detector['name']} {part.detector['version']}" for part in (report, against))
    lines = [
        f"## Against {second}",
        "",
        f"{second}: weights sha256 `{detector['sha256']}`, crop profile {detector['crop_profile']}, frozen threshold "
        f"{detector['threshold']:g}. Its own figures:",
        "",
        *_results(against.results),
        "",
        f"{first} minus {second} on the items that both scored: paired bootstrap over sources or groups. DeLong's test "
        "takes every item for independent; where there are fewer sources than items, believe the bootstrap.",
        "",
    ]
    headings = ["set", "method", "level", "items", "sources", "scored by one alone"]
    headings += [f"{heading} (p)" for _, heading in COMPARED]
    return [
        *lines,
        *markdown_table([*headings, "DeLong z (p)"], [_compared(c) for c in report.comparisons]),
        "",
    ]


def _compared(comparison: Comparison) -> list[str]:
    counts = [str(comparison.items), str(comparison.clusters)]
    alone = f"{comparison.only_first} / {comparison.only_second}"
    where = [comparison.dataset, comparison.method, comparison.level, *counts, alone]
    return [*where, *(difference(comparison, name) for name, _ in COMPARED), delong(comparison)]


def difference(comparison: Comparison, metric: str) -> str:
    """Write a difference with its interval and p; a hyphen where there is none.

    Parameters
    ----------
    comparison
        Of two detectors.
    metric
        Name of the metric.
    """
    value = comparison.differences.get(metric)
    if value is None or value.value is None:
        return "-"
    return show(value) + (f" (p {value.p:.3g})" if value.p is not None else "")


def delong(comparison: Comparison) -> str:
    """Write DeLong's z and p, with a remark where its assumption is broken; a hyphen where there is none.

    Parameters
    ----------
    comparison
        Of two detectors.
    """
    if comparison.delong is None:
        return "-"
    text = f"{comparison.delong.z:.2f} (p {comparison.delong.p:.3g})"
    return text if comparison.independent else f"{text}, items not independent"


def _calibration(rows: Sequence[CalibrationRow]) -> list[str]:
    if not rows:
        return []
    names = [FIGURE_NAMES[name] for name in FIGURES]
    headings = ["set", "domain", "level", "items"]
    headings += [f"{name} {when}" for name in names for when in ("before", "after")]
    lines = [
        [row.dataset, row.domain, row.level, str(row.items)]
        + [show(when[name]) for name in FIGURES for when in (row.before, row.after)]
        for row in rows
    ]
    about = (
        "Before: slope 1, intercept 0. After: the card's calibration. In domain are sets that the card names among its "
        "data. ECE with 15 bins; log loss in nats."
    )
    return ["## Calibration", "", about, "", *markdown_table(headings, lines), ""]


def _fairness(table: FairnessTable) -> list[str]:
    rows = [
        [group.group, str(group.real), _rate(group, "fpr"), str(group.fake), _rate(group, "fnr")]
        for group in table.groups
    ]
    rows += [
        [f"largest gap, {gap.highest} - {gap.lowest}"]
        + (["", show(gap.difference), "", ""] if gap.rate == "fpr" else ["", "", "", show(gap.difference)])
        for gap in table.gaps
    ]
    about = (
        f"At video level and the card's threshold. A rate of fewer than {SMALL} videos is marked small and has no part "
        "in the gap; the two groups of a gap were picked for lying furthest apart."
    )
    headings = [table.attribute, "real", "FPR", "fake", "FNR"]
    return [f"## {table.dataset} by {table.attribute}", "", about, "", *markdown_table(headings, rows), ""]


def _rate(group: GroupRates, rate: Rate) -> str:
    text = show(group.fpr if rate == "fpr" else group.fnr)
    return f"{text} (small)" if rate in group.small else text


def _robustness(grid: Robustness) -> list[str]:
    clean = grid.clean
    lines = [
        f"## Robustness on {grid.dataset}",
        "",
        f"AUC at video level, distortions applied {grid.place}. Without distortion: {show(clean.auc)}, "
        f"{clean.covered:.1%} of the videos scored. A video whose face is lost is not in the AUC but in the coverage.",
        "",
    ]
    levels = max((len(grid.of(name)) for name in grid.distortions), default=0)
    headings = [
        "distortion",
        *(f"level {level}" for level in range(1, levels + 1)),
        "mean",
        "mean - undistorted",
    ]
    rows = [
        [
            f"{name} ({DISTORTIONS[name].parameter})",
            *(_cell(cell) for cell in grid.of(name)),
            show(grid.means[name]),
            show(grid.drops[name]),
        ]
        for name in grid.distortions
    ]
    return [*lines, *markdown_table(headings, rows), ""]


def _cell(cell: Cell) -> str:
    return f"{cell.value:g}: {show(cell.auc)}, {cell.covered:.0%} scored"
