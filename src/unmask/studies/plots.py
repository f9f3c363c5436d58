"""The differences from the control, one panel a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from unmask.evaluation.plot_style import DOTS_PER_INCH, FIRST, GREY, STYLE
from unmask.studies.judging import Judged
from unmask.studies.report import StudyReport

PANEL = 2.2  # inches
ROW = 0.17


def save_effects(report: StudyReport, path: Path) -> bool:
    """Draw each cell's difference from its control with its interval; False where nothing is compared.

    Parameters
    ----------
    report
        Of the study.
    path
        Of the picture.
    """
    cells = [cell for cell in report.cells if any(figure.difference for figure in cell.figures.values())]
    names = list(report.sets)
    if not cells:
        return False
    with rc_context(STYLE):
        canvas = Canvas(figsize=(1.8 + PANEL * len(names), 0.7 + ROW * len(cells)), layout="constrained")
        panels = canvas.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for panel, name in zip(panels, names, strict=True):
            _panel(panel, cells, name)
        panels[0].set_yticks(range(len(cells)), [cell.name for cell in cells])
        panels[0].invert_yaxis()
        canvas.supxlabel("AUC minus the control's, 95 % interval", fontsize=8)
        canvas.savefig(path, dpi=DOTS_PER_INCH)
    return True


def _panel(axes: Axes, cells: Sequence[Judged], name: str) -> None:
    axes.axvline(0, color=GREY, linewidth=0.6)
    for place, cell in enumerate(cells):
        figure = cell.figures.get(name)
        difference = figure.difference if figure else None
        if difference is None or difference.value is None:
            continue
        if difference.low is not None and difference.high is not None:
            axes.plot([difference.low, difference.high], [place, place], color=FIRST)
        axes.plot(difference.value, place, "o", color=FIRST, markersize=3)
    axes.set_title(name.replace(", ", "\n"))
    axes.grid(axis="y", linewidth=0.2)
