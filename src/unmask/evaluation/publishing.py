"""Writes an evaluation into a folder that can be published: page, figures, predictions and plots."""

from __future__ import annotations

import json
from pathlib import Path

from unmask.evaluation.markdown import to_markdown
from unmask.evaluation.plots import save_plots
from unmask.evaluation.report import Report

REPORT_JSON, REPORT_PAGE = "report.json", "report.md"
PREDICTIONS, PREDICTIONS_AGAINST = "predictions.csv", "predictions-against.csv"
PLOTS = "plots"


def publish(report: Report, folder: Path) -> None:
    """Write `report.md`, `report.json`, `predictions.csv` and `plots/*.png`.

    With a second detector, its rows are in `predictions-against.csv`.

    Parameters
    ----------
    report
        The report.
    folder
        Made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_dict(), indent=1, allow_nan=False)
    (folder / REPORT_JSON).write_text(text + "\n", encoding="utf-8")
    report.predictions.to_csv(folder / PREDICTIONS)
    if report.against:
        report.against.predictions.to_csv(folder / PREDICTIONS_AGAINST)
    names = [f"{PLOTS}/{path.name}" for path in save_plots(report, folder / PLOTS)]
    (folder / REPORT_PAGE).write_text(to_markdown(report, names), encoding="utf-8")
