"""The report of an evaluation: figures with intervals, as JSON, Markdown and a table on the console."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.evaluation.intervals import Estimate
from unmask.evaluation.predictions import Level, Predictions
from unmask.evaluation.scoring import Rates
from unmask.evaluation.zero_pixel import Control

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA = 1
#: Columns of the tables: metric and heading.
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
#: Figures of the console's narrower table, beside the AUC.
CONSOLE = {
    "eer": "EER",
    "balanced_accuracy": "balanced accuracy",
    "tpr_at_fpr_5": "TPR at 5 % FPR",
}


@dataclass(frozen=True)
class Result:
    """The figures of one detector on one set (or all), one manipulation (or all), at one level.

    `clusters` is the number of sources or groups that the intervals rest on.
    """

    dataset: str
    method: str
    level: Level
    real: int
    fake: int
    clusters: int
    metrics: Mapping[str, Estimate]
    control: Control | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "dataset": self.dataset,
            "method": self.method,
            "level": self.level,
            "real": self.real,
            "fake": self.fake,
            "clusters": self.clusters,
            "metrics": {name: estimate.to_dict() for name, estimate in self.metrics.items()},
            "zero_pixel_control": self.control.to_dict() if self.control else None,
        }


@dataclass(frozen=True)
class SetSummary:
    """What was evaluated of a set: numbers of inputs and sources, coverage by status, notes, rates."""

    name: str
    kind: str
    split: str | None
    items: int
    items_in_split: int
    sources: int
    coverage: Mapping[str, Mapping[str, int]]
    details: Mapping[str, str]
    notes: Sequence[str]
    rates: Rates

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "split": self.split,
            "items": self.items,
            "items_in_split": self.items_in_split,
            "sources": self.sources,
            "coverage": {level: dict(counts) for level, counts in self.coverage.items()},
            "details": dict(self.details),
            "notes": list(self.notes),
            "rates": self.rates.to_dict(),
        }


@dataclass(frozen=True)
class Report:
    """Everything that an evaluation found.

    Parameters
    ----------
    detector
        Name, version, sha256, crop profile, threshold.
    settings
        Frames, limit, seed, resamples, confidence.
    sets
        One summary a set.
    results
        Per set and manipulation, frame and video level; pooled over the sets where there are several.
    predictions
        Every row, frames and videos.
    command
        The command that repeats it, where it came from one.
    """

    detector: Mapping[str, Any]
    settings: Mapping[str, Any]
    sets: Sequence[SetSummary]
    results: Sequence[Result]
    predictions: Predictions
    command: str | None = None

    def result(self, dataset: str, level: Level, method: str = "all") -> Result:
        """Return one result; KeyError when there is none."""
        for result in self.results:
            if (result.dataset, result.method, result.level) == (dataset, method, level):
                return result
        raise KeyError((dataset, method, level))

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the predictions as plain values."""
        return {
            "schema": SCHEMA,
            "command": self.command,
            "detector": dict(self.detector),
            "settings": dict(self.settings),
            "sets": [summary.to_dict() for summary in self.sets],
            "results": [result.to_dict() for result in self.results],
        }

    def save(self, folder: Path) -> None:
        """Write `evaluation.json`, `evaluation.md` and `predictions.csv` into a folder, made if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
        (folder / "evaluation.md").write_text(to_markdown(self), encoding="utf-8")
        self.predictions.to_csv(folder / "predictions.csv")


def show(estimate: Estimate | None, digits: int = 3) -> str:
    """Write a figure with its interval; a hyphen where there is none."""
    if estimate is None or estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def _headings() -> list[str]:
    return [
        "set",
        "method",
        "level",
        "real",
        "fake",
        "sources",
        *(h for _, h in COLUMNS),
        "zero-pixel AUC",
    ]


def _cells(result: Result) -> list[str]:
    figures = [show(result.metrics.get(name)) for name, _ in COLUMNS]
    control = show(result.control.auc) if result.control else "-"
    counts = [str(result.real), str(result.fake), str(result.clusters)]
    return [result.dataset, result.method, result.level, *counts, *figures, control]


def remarks(report: Report) -> list[str]:
    """List what a reader of the figures has to know: coverage, limits, leaks, undefined figures."""
    lines = []
    for summary in report.sets:
        split = f", split {summary.split}" if summary.split else ""
        statuses = ", ".join(f"{count} {status}" for status, count in summary.coverage["video"].items())
        lines.append(
            f"{summary.name}{split}: {summary.items} {summary.kind}, {summary.sources} sources; {statuses}"
        )
        if summary.items < summary.items_in_split:
            lines.append(
                f"{summary.name}: only {summary.items} of {summary.items_in_split} items: a trial, no result"
            )
        lines += summary.notes
    for result in report.results:
        where = f"{result.dataset}, {result.method}, {result.level} level"
        if result.control and result.control.leaks:
            lines.append(f"{where}: metadata alone reach AUC {show(result.control.auc)}: the set leaks")
        reason = result.metrics["auc"].reason
        if reason:
            lines.append(f"{where}: AUC: {reason}")
    return lines


def to_markdown(report: Report) -> str:
    """Write the report as a Markdown page."""
    detector, settings = report.detector, report.settings
    lines = [f"# {detector['name']} {detector['version']}", ""]
    if report.command:
        lines += ["```", report.command, "```", ""]
    lines += [
        f"Weights sha256 `{detector['sha256']}`, crop profile {detector['crop_profile']}, frozen threshold "
        f"{detector['threshold']:g}. Intervals: {settings['confidence']:.0%}, percentiles of "
        f"{settings['resamples']} bootstrap resamples of sources or groups, seed {settings['seed']}.",
        "",
    ]
    rows = [_headings(), *(_cells(result) for result in report.results)]
    rows.insert(1, ["---"] * len(rows[0]))
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*lines, "", *(f"- {line}" for line in remarks(report)), ""])


def to_table(report: Report) -> Table:
    """Build a table for the console: the leading figures, one line a result; intervals of the AUCs alone."""
    from rich.markup import escape
    from rich.table import Table

    about = f"{report.detector['name']} {report.detector['version']}"
    table = Table(title=escape(about), box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("set", overflow="fold")
    table.add_column("method", overflow="fold")
    table.add_column("level", no_wrap=True)
    table.add_column("real + fake", justify="right", no_wrap=True)
    table.add_column("AUC", justify="right", no_wrap=True)
    for heading in CONSOLE.values():
        table.add_column(heading, justify="right")
    table.add_column("zero-pixel AUC", justify="right", no_wrap=True)
    for result in report.results:
        names = [escape(text) for text in (result.dataset, result.method, result.level)]
        plain = [show(Estimate(result.metrics[name].value), 2) for name in CONSOLE]
        control = _stacked(result.control.auc if result.control else None, 2)
        counts = f"{result.real} + {result.fake}"
        table.add_row(*names, counts, _stacked(result.metrics["auc"], 3), *plain, control)
    return table


def _stacked(estimate: Estimate | None, digits: int) -> str:
    """Put the interval under its figure, for narrow columns."""
    from rich.markup import escape

    return escape(show(estimate, digits).replace(" [", "\n["))
