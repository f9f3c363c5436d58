"""Plots of an evaluation: ROC, reliability, scores, likelihood ratios, robustness; readable without colour."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from unmask.distortions.levels import DISTORTIONS
from unmask.evaluation.calibration import uncalibrated
from unmask.evaluation.forensic_plots import entropy_plot, tippett_plot
from unmask.evaluation.plot_style import COLUMN, DOTS_PER_INCH, FIRST, GREY, SECOND, STYLE
from unmask.evaluation.predictions import Predictions
from unmask.evaluation.remarks import show
from unmask.evaluation.report import Report, Result
from unmask.evaluation.robustness_grid import Robustness
from unmask.statistics import metrics
from unmask.statistics.curves import GRID, reliability, roc_band
from unmask.statistics.intervals import Estimate, Scored, Settings

SCORE_BINS = 25


def save_plots(report: Report, folder: Path) -> list[Path]:
    """Draw every plot that the report has the figures for, and return the files, at most six a set.

    Parameters
    ----------
    report
        The report.
    folder
        For the files; made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with rc_context(STYLE):
        for name, figure in _figures(report):
            if report.warnings:
                # Beneath the axes, whatever their layout; a tight bounding box makes room for it.
                text = fill("\n".join(report.warnings), 70)
                figure.text(0, -0.02, text, color="#B00000", fontsize=6, va="top")
            path = _free(folder, name, files)
            figure.savefig(path, dpi=DOTS_PER_INCH, bbox_inches="tight")
            files.append(path)
    return files


def _free(folder: Path, name: str, taken: Sequence[Path]) -> Path:
    """Return a plain file name; sets whose names differ in odd characters alone get a number."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    names = [plain, *(f"{plain}-{number}" for number in range(2, len(taken) + 2))]
    return next(path for path in (folder / f"{each}.png" for each in names) if path not in taken)


def _figures(report: Report) -> Iterator[tuple[str, Figure]]:
    settings = Settings(*(report.settings[name] for name in ("resamples", "confidence", "seed")))
    for position, summary in enumerate(report.sets):
        scored = summary.predictions.at("video").scored.to_scored(report.detector["threshold"])
        if not len(scored.labels):
            continue
        if metrics.single_class_reason(scored.labels) is None:
            yield f"roc-{summary.name}", _roc(report, position, settings)
        yield f"reliability-{summary.name}", _reliability(scored, summary.name)
        yield f"scores-{summary.name}", _scores(scored, summary.name)
        if metrics.single_class_reason(scored.labels) is None:
            yield f"tippett-{summary.name}", tippett_plot(scored, summary.name)
            yield f"entropy-{summary.name}", entropy_plot(scored, summary.name)
    for grid in report.robustness:
        yield f"robustness-{grid.dataset}", _robustness(grid)


def _roc(report: Report, position: int, settings: Settings) -> Figure:
    figure = Figure(figsize=(COLUMN, COLUMN), layout="constrained")
    axes = figure.add_subplot()
    name = report.sets[position].name
    detectors = [(report, FIRST, "-", "o")]
    if report.against:
        detectors.append((report.against, SECOND, "--", "s"))
    for part, colour, style, marker in detectors:
        rows = part.sets[position].predictions.at("video").scored
        _roc_curve(axes, rows, part.result(name, "video"), part, (colour, style, marker), settings)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=":")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1), ylim=(0, 1.01))
    axes.set_aspect("equal")
    axes.set_title(f"{name}, videos")
    axes.legend(loc="lower right")
    return figure


def _roc_curve(
    axes: Axes,
    rows: Predictions,
    result: Result,
    report: Report,
    look: tuple[str, str, str],
    settings: Settings,
) -> None:
    colour, style, marker = look
    scored = rows.to_scored(report.detector["threshold"])
    if metrics.single_class_reason(scored.labels) is not None:
        return
    fpr, tpr, _ = metrics.roc(scored.labels, scored.logits)
    band = roc_band(scored.labels, scored.logits, rows.clusters, settings)
    if band is not None:
        axes.fill_between(GRID, *band, color=colour, alpha=0.18, linewidth=0)
    label = f"{report.detector['name']}: AUC {show(result.metrics['auc'])}"
    axes.plot(fpr, tpr, color=colour, linestyle=style, label=label)
    x, y = result.metrics["fpr"], result.metrics["fnr"]
    if x.value is None or y.value is None:
        return
    threshold = f"its threshold {report.detector['threshold']:.3g}"
    axes.errorbar(
        x.value,
        1 - y.value,
        xerr=_reach(x),
        yerr=None if (reach := _reach(y)) is None else reach[::-1],
        fmt=marker,
        color=colour,
        markeredgecolor="black",
        markersize=5,
        elinewidth=0.8,
        label=threshold,
    )


def _reach(estimate: Estimate) -> np.ndarray | None:
    """Lengths (2, 1) of the arms down and up; None without an interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    arms = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
    return np.maximum(arms, 0)


def _reliability(scored: Scored, name: str) -> Figure:
    figure = Figure(figsize=(COLUMN, COLUMN * 1.25), layout="constrained")
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    edges = np.linspace(0, 1, metrics.ECE_BINS + 1)
    before = uncalibrated(scored)
    looks = ((before, "before", GREY, "s", "--"), (scored, "after calibration", FIRST, "o", "-"))
    for part, label, colour, marker, style in looks:
        bins = reliability(part.labels, part.scores)
        ece = metrics.expected_calibration_error(part.labels, part.scores)
        axes.plot(
            bins.score,
            bins.fakes,
            style,
            marker=marker,
            markersize=4,
            color=colour,
            label=f"{label}: ECE {ece:.3f}",
        )
        counts.stairs(np.histogram(part.scores, edges)[0], edges, color=colour, linestyle=style)
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.6, linestyle=":")
    axes.set(ylabel="share of fakes in the bin", ylim=(-0.02, 1.02), xlim=(0, 1))
    axes.set_title(f"{name}, videos")
    axes.legend(loc="upper left")
    counts.set(xlabel="score", ylabel="videos")
    counts.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return figure


def _scores(scored: Scored, name: str) -> Figure:
    figure = Figure(figsize=(COLUMN, COLUMN * 0.8), layout="constrained")
    axes = figure.add_subplot()
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    for label, word, colour, hatch in ((0, "real", FIRST, ""), (1, "fake", SECOND, "////")):
        values = scored.scores[scored.labels == label]
        if values.size:
            share = np.histogram(values, edges)[0] / values.size
            axes.stairs(
                share,
                edges,
                fill=True,
                facecolor=(*_rgb(colour), 0.3),
                edgecolor=colour,
                hatch=hatch,
                label=f"{word} ({values.size})",
            )
    axes.axvline(
        scored.threshold, color="black", linewidth=0.8, linestyle="--", label="threshold of the card"
    )
    axes.set(xlabel="score", ylabel="share of the class", xlim=(0, 1))
    axes.set_title(f"{name}, videos")
    # Outside: bars may stand anywhere within.
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _robustness(grid: Robustness) -> Figure:
    columns = min(5, len(grid.distortions))
    rows = -(-len(grid.distortions) // columns)
    figure = Figure(figsize=(max(COLUMN, 1.45 * columns), 1.6 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, name in zip(panels.flat, grid.distortions, strict=False):
        _panel(axes, grid, name)
    for axes in panels.flat[len(grid.distortions) :]:
        axes.set_visible(False)
    panels[0, 0].legend(*panels[0, 0].get_legend_handles_labels(), loc="lower left", fontsize=6)
    figure.suptitle(f"{grid.dataset}, videos; distortions {grid.place}", fontsize=8)
    figure.supylabel("AUC, share scored", fontsize=8)
    return figure


def _panel(axes: Axes, grid: Robustness, name: str) -> None:
    cells = [grid.clean, *grid.of(name)]
    levels = [cell.level for cell in cells]
    auc = [_number(cell.auc.value) for cell in cells]
    low = [_number(cell.auc.low) for cell in cells]
    high = [_number(cell.auc.high) for cell in cells]
    axes.fill_between(levels, low, high, color=FIRST, alpha=0.18, linewidth=0)
    axes.plot(levels, auc, color=FIRST, marker="o", markersize=3, label="AUC")
    covered = [cell.covered for cell in cells]
    axes.plot(levels, covered, color=GREY, linestyle="--", marker="x", markersize=3, label="scored")
    axes.axhline(0.5, color="black", linewidth=0.5, linestyle=":")
    axes.set_title(name)
    axes.set(ylim=(0, 1.05), xlabel=DISTORTIONS[name].parameter)
    axes.set_xticks(levels, ["none", *(f"{cell.value:g}" for cell in grid.of(name))], rotation=60, fontsize=6)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
