"""How often scans are wrong when only the most confident share of the files is decided, for several logs of one set.

    python scripts/compare_coverage.py SET... --scans LOG --scans LOG [--without-gate NAME]

SET is a folder with a manifest of files (`path`, `label`); each LOG was written by `unmask scan --output` and has a
result of every file. A file's decision is the side of the threshold that its score lies on; its confidence is the
distance from the threshold in interval widths, and files that a gate rejects come last. --without-gate NAME puts the
first log before itself once more, without what this gate rejects. Differences are to the first row, paired; 95 %
intervals by bootstrap over sources or groups. Several sets are judged each and together.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unmask.evaluation import read_scans
from unmask.evaluation.remarks import show
from unmask.evaluation.scans import ScannedFile, margin, side
from unmask.evaluation.sets import Item
from unmask.evaluation.videos import list_items
from unmask.report import ScanResult
from unmask.statistics.intervals import Settings, cluster_index, difference, estimate, item_counts
from unmask.statistics.risk_coverage import figures, resampled_figures, risk_coverage

COVERAGES = (1.0, 0.8, 0.6, 0.4, 0.2)


@dataclass(frozen=True)
class Listed:
    """A set as `read_scans` wants it."""

    name: str
    items: Sequence[Item]


def without_gate(result: ScanResult, gate: str) -> ScanResult:
    """Return a result of one face as if a gate that only rejects were not there.

    Of two gates that reject together the other one alone does not reject.
    """
    others = [reason for reason in result.reasons if reason.gate != gate]
    rejecting = [reason for reason in others if reason.effect == "abstains"]
    if len(rejecting) == 1 and rejecting[0].text.endswith("not all that is wrong with it"):
        others = [replace(reason, effect="widens") for reason in others]
    return replace(result, reasons=tuple(others))


def rows_of(files: Sequence[Sequence[ScannedFile]], names: Sequence[str], settings: Settings) -> list[str]:
    """Return a row of the table for each log, over the files that have a score in all."""
    kept = [
        place for place in range(len(files[0])) if all(log[place].result.score is not None for log in files)
    ]
    index = cluster_index(np.array([files[0][place].cluster for place in kept]), len(kept))
    first, rows = None, []
    for name, log in zip(names, files, strict=True):
        sure = np.array([margin(log[place].result) for place in kept])
        wrong = np.array([side(log[place].result) != log[place].item.label for place in kept], np.float64)
        value = figures(risk_coverage(sure, wrong), COVERAGES)
        drawn = resampled_figures(sure, wrong, item_counts(index, settings), COVERAGES)
        cells = [show(estimate(value[figure], drawn[figure], settings), 3) for figure in value]
        if first is None:
            first = value, drawn
        gap = difference(value["aurc"] - first[0]["aurc"], drawn["aurc"] - first[1]["aurc"], settings)
        cells.append("" if first[0] is value else show(gap, 3))
        rows.append(f"| {name} | {len(kept)} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Read the logs and print a table for each set, and for all of several."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--scans", type=Path, action="append", required=True, metavar="LOG")
    parser.add_argument("--without-gate", metavar="NAME")
    options = parser.parse_args()
    names = [log.name for log in options.scans]
    together: list[list[ScannedFile]] = []
    if options.without_gate:
        names.insert(0, f"{names[0]} without '{options.without_gate}'")
    shares = " | ".join(f"risk at {share:.0%}" for share in COVERAGES)
    print(f"| set, log | files | AURC | {shares} | difference of AURC |\n{'| --- ' * (len(COVERAGES) + 4)}|")
    for root in options.sets:
        part = Listed(root.resolve().name, [item for item, _ in list_items(root)])
        files = [read_scans(log, part, range(len(part.items))) for log in options.scans]
        if options.without_gate:
            stripped = [
                replace(one, result=without_gate(one.result, options.without_gate)) for one in files[0]
            ]
            files.insert(0, stripped)
        print("\n".join(rows_of(files, [f"{part.name}, {name}" for name in names], Settings())))
        together = [[*old, *new] for old, new in zip(together or [[] for _ in files], files, strict=True)]
    if len(options.sets) > 1:
        print("\n".join(rows_of(together, [f"all, {name}" for name in names], Settings())))


if __name__ == "__main__":
    main()
