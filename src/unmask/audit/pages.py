"""The report of an audit as a Markdown page, as tables on the console, and as a folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from unmask.audit.drivers import NEIGHBOURS
from unmask.audit.report import AuditReport, Drivers
from unmask.evaluation.remarks import markdown_table, show
from unmask.report.words import printable

PAGE, JSON, PAIRS, LEAKS = "audit.md", "audit.json", "copies.csv", "leaks.csv"
#: Rows of a table on a page or the console; files hold all.
SHOWN = 15

Rows = Sequence[Sequence[str]]


def save(report: AuditReport, folder: Path) -> None:
    """Write `audit.md`, `audit.json`, `copies.csv` and `leaks.csv`.

    Parameters
    ----------
    report
        Of the audit.
    folder
        Made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_dict(), indent=1, allow_nan=False)
    (folder / JSON).write_text(text + "\n", encoding="utf-8")
    (folder / PAGE).write_text(to_markdown(report), encoding="utf-8")
    _save(
        folder / PAIRS,
        ["first", "second", "distance", "kinds", "labels", "splits"],
        (
            [
                pair.first,
                pair.second,
                "same bytes" if pair.distance is None else f"{pair.distance:g}",
                " ".join(pair.kinds),
                " ".join(pair.labels),
                " ".join(pair.places),
            ]
            for pair in report.pairs
        ),
    )
    _save(
        folder / LEAKS,
        ["kind", "name", "places"],
        ([leak.kind, leak.name, _counts(leak.places)] for leak in report.leaks),
    )


def _save(path: Path, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(rows)


def to_markdown(report: AuditReport) -> str:
    """Return the report as a Markdown page.

    Parameters
    ----------
    report
        Of the audit.
    """
    lines = [f"# Audit of {report.summary.name}", ""]
    if report.command:
        lines += ["```", report.command, "```", ""]
    lines += [*(f"- {line}" for line in about(report)), "", "## Findings", ""]
    lines += [f"- **{finding.severity}** ({finding.kind}): {finding.text}" for finding in report.findings]
    lines += [] if report.findings else ["Nothing was found."]
    for title, headings, rows in tables(report):
        lines += ["", f"## {title}", "", *markdown_table(headings, rows)]
    return "\n".join(lines) + "\n"


def to_tables(report: AuditReport) -> list[Table]:
    """Return the tables for the console: findings first.

    Parameters
    ----------
    report
        Of the audit.
    """
    findings = [(finding.severity, finding.kind, finding.text) for finding in report.findings]
    built = []
    for title, headings, rows in [
        (f"audit of {report.summary.name}", ("severity", "what", "finding"), findings),
        *tables(report),
    ]:
        table = Table(title=escape(title), title_justify="left")
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(escape(printable(cell)) for cell in row))
        built.append(table)
    return built


def about(report: AuditReport) -> list[str]:
    """Return what was analysed, in sentences.

    Parameters
    ----------
    report
        Of the audit.
    """
    summary = report.summary
    where = "; ".join(f"{place or 'no split'}: {_counts(counts)}" for place, counts in summary.rows.items())
    sources = "no sources named" if summary.sources is None else f"{summary.sources} sources"
    lines = [
        f"{summary.name}: {summary.kind}, {sources}. {where}. Files: {_counts(summary.statuses)}.",
        f"Facts were compared over {summary.videos['real']} real and {summary.videos['fake']} fake videos in "
        f"{summary.clusters} sources or groups; every interval is {report.settings['confidence']:.0%}, from "
        f"{report.settings['resamples']} bootstrap resamples of those, seed {report.settings['seed']}.",
    ]
    if report.facts_reason:
        lines.append(f"No fact could be held against the label: it {report.facts_reason}.")
    if report.control and report.control.auc.value is not None:
        lines.append(f"Zero-pixel control, all facts together: AUC {show(report.control.auc)}.")
    drivers = report.drivers
    if drivers and (agreement := drivers.agreement):
        lines.append(
            f"Of the {NEIGHBOURS} nearest of {drivers.training_crops} training items in {drivers.detector['name']}'s "
            f"last hidden layer, a share of {show(agreement)} has the label that the detector decided for."
        )
    return lines


def tables(report: AuditReport) -> list[tuple[str, Sequence[str], Rows]]:
    """Return the tables that have rows: title, headings, rows.

    Parameters
    ----------
    report
        Of the audit.
    """
    kinds = [(name.replace("_", " "), str(count)) for name, count in report.counts.__dict__.items() if count]
    parts: list[tuple[str, Sequence[str], Rows]] = [
        ("Facts by how well each alone tells real from fake", FACTS, _facts(report)),
        ("Pairs of copies", ("kind", "pairs"), kinds),
        (f"The first {SHOWN} pairs that matter", PAIRS_SHOWN, _pairs(report)),
        (
            f"The first {SHOWN} names on both sides of a split, and rows that contradict",
            ("kind", "name", "where"),
            [(leak.kind, leak.name, _counts(leak.places)) for leak in report.leaks[:SHOWN]],
        ),
    ]
    if report.drivers:
        parts += _drivers(report.drivers)
    return [part for part in parts if part[2]]


FACTS = ("fact", "AUC", "higher in", "p, adjusted", "")
PAIRS_SHOWN = ("first", "second", "bits apart", "labels", "splits", "kind")


def _facts(report: AuditReport) -> Rows:
    return [
        (fact.name, show(fact.auc), fact.higher_in, f"{fact.p:.3f}", "shortcut" if fact.is_shortcut else "")
        for fact in report.facts
    ]


def _pairs(report: AuditReport) -> Rows:
    telling = [pair for pair in report.pairs if set(pair.kinds) - {"near"}]
    telling.sort(key=lambda pair: not {"across_splits", "across_labels"} & set(pair.kinds))
    return [
        (
            pair.first,
            pair.second,
            "same bytes" if pair.distance is None else f"{pair.distance:g}",
            ", ".join(pair.labels),
            ", ".join(place or "-" for place in pair.places),
            ", ".join(kind.replace("_", " ") for kind in pair.kinds),
        )
        for pair in telling[:SHOWN]
    ]


def _drivers(drivers: Drivers) -> list[tuple[str, Sequence[str], Rows]]:
    name = drivers.detector["name"]
    headings = ["fact", "rank correlation with the logit", "p, adjusted"]
    rows = [[fact.name, show(fact.pull), f"{fact.p:.3f}"] for fact in drivers.facts]
    if drivers.training:
        headings += ["shared with the nearest, over chance", "with the most similar gradient"]
        for row, fact in zip(rows, drivers.facts, strict=True):
            row += [
                show(fact.nearest) if fact.nearest else "-",
                show(fact.gradient) if fact.gradient else "-",
            ]
    crops = [
        (
            influence.file,
            "fake" if influence.label else "real",
            f"{influence.probability:.3f}",
            f"{influence.gradient_share:.2%}",
            str(influence.decisions),
        )
        for influence in drivers.influences
    ]
    return [
        (f"Facts that {name} follows, at the same label ({drivers.videos} videos)", headings, rows),
        (
            f"Training crops of {drivers.training} that {name}'s decisions rest on most",
            (
                "file",
                "label",
                "p(fake), uncalibrated",
                "share of support",
                f"among the first {NEIGHBOURS} of so many",
            ),
            crops,
        ),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
