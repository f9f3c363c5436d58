"""Tables for forensic and biometric readers: cost of likelihood ratios, and error rates as ISO/IEC 30107-3 has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unmask.evaluation.calibration import CalibrationRow
from unmask.evaluation.remarks import show
from unmask.evaluation.report import Report, Result
from unmask.evaluation.scans import ALL, ScanFigures
from unmask.statistics.intervals import Estimate
from unmask.statistics.likelihood_ratios import COSTS

COST_NAMES = {"cllr": "Cllr", "cllr_min": "Cllr min", "cllr_cal": "calibration loss"}
SCANS = "scan"
"""In the column of levels: whole scans."""


@dataclass(frozen=True)
class TextTable:
    """A table in words, the same for the console and the page.

    Parameters
    ----------
    title, about
        A few words, and sentences on what the figures mean.
    headings, rows
        Cells, each row as long as the headings.
    """

    title: str
    about: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def forensic_tables(report: Report) -> list[TextTable]:
    """Return the tables of a report that have a row.

    Parameters
    ----------
    report
        The report.
    """
    name = report.detector["name"]
    tables = [
        TextTable(
            "likelihood ratios",
            "Cost in bits of the likelihood ratios that the calibrated scores stand for: 1 is that of a detector that "
            "says nothing, Cllr min what is left after the best calibration for this very set (PAV), the calibration "
            "loss the difference. Level scan: of the scores of whole scans.",
            ["set", "method", "level", "detector", *COST_NAMES.values()],
            [*_of_detector(report.calibration, name), *_of_scans(report.scans)],
        ),
        TextTable(
            "presentation attacks (ISO/IEC 30107-3)",
            "APCER: share of a method's fakes that are called real; the standard reports the worst method. BPCER: "
            "share of real items called fake. At the card's threshold; level scan: by the verdicts, with the shares "
            "without one (APNRR, BPNRR).",
            ["set", "method", "level", "detector", "real", "fake", "APCER", "BPCER", "APNRR", "BPNRR"],
            [*_errors(report.results, name), *_errors_of_scans(report.scans)],
        ),
    ]
    return [table for table in tables if table.rows]


def _of_detector(rows: Sequence[CalibrationRow], detector: str) -> Iterator[list[str]]:
    for row in rows:
        if row.after["cllr"].value is not None:
            yield [row.dataset, ALL, row.level, detector, *(show(row.after[name]) for name in COSTS)]


def _of_scans(scans: Sequence[ScanFigures]) -> Iterator[list[str]]:
    for row in scans:
        if row.likelihood_ratios["cllr"].value is not None:
            costs = [show(row.likelihood_ratios[name]) for name in COSTS]
            yield [row.set_and_log, row.method, SCANS, row.judged_by, *costs]


def _errors(results: Sequence[Result], detector: str) -> Iterator[list[str]]:
    """Return each method's rates at video level, and the worst method of a set that has several."""
    of_sets: dict[str, list[Result]] = {}
    for result in results:
        if result.level == "video" and (result.real or result.fake):
            of_sets.setdefault(result.dataset, []).append(result)
    for dataset, found in of_sets.items():
        methods = [one for one in found if one.method != ALL]
        for one in methods or found:
            rates = (one.metrics["fnr"], one.metrics["fpr"])
            about = [dataset, one.method, one.level, detector, str(one.real), str(one.fake)]
            yield [*about, *map(show, rates), "-", "-"]
        if methods:
            worst = max(methods, key=lambda one: _value(one.metrics["fnr"]))
            about = [dataset, f"worst: {worst.method}", "video", detector, "", ""]
            yield [*about, show(worst.metrics["fnr"]), "", "", ""]


def _errors_of_scans(scans: Sequence[ScanFigures]) -> Iterator[list[str]]:
    several = {(row.dataset, row.log) for row in scans if row.method != ALL}
    for row in scans:
        if row.method == ALL and (row.dataset, row.log) in several:
            continue
        rates = (row.wrong["fake"], row.wrong["real"], row.inconclusive["fake"], row.inconclusive["real"])
        about = [row.set_and_log, row.method, SCANS, row.judged_by, str(row.real), str(row.fake)]
        yield [*about, *map(show, rates)]


def _value(estimate: Estimate) -> float:
    return -1.0 if estimate.value is None else estimate.value
