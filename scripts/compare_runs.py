"""What one training run gains or loses beside another on the same validation rows, with paired intervals.

    python scripts/compare_runs.py runs/jrc58v2+runs/jrc8v2 --against runs/jrc58+runs/jrc --videos ffpp-c23-val-crops

A plus sign averages the logits of runs, as `unmask export RUN --with RUN` does. The runs must have been validated on
the same sources. Each set is compared by its frames; those named by --videos by the mean logit of a video as well.
Intervals: 95 %, paired bootstrap over sources or groups.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from unmask.statistics.auc import auc_difference, auc_estimate
from unmask.statistics.intervals import Settings
from unmask.studies.judging import Rows, read_rows


def read(runs: str, videos: list[str]) -> dict[str, Rows]:
    """Read what one run, or the mean of several, said of its validation rows; ValueError where rows differ."""
    parts = [read_rows(Path(run), videos) for run in runs.split("+")]
    if any(part.keys() != parts[0].keys() for part in parts):
        raise ValueError(f"{runs}: not validated on the same sets")
    return {name: mean([part[name] for part in parts], name) for name in parts[0]}


def mean(rows: list[Rows], name: str) -> Rows:
    """Average the logits of the same rows."""
    check_same(rows, name)
    return Rows(rows[0].labels, np.mean([part.logits for part in rows], axis=0), rows[0].groups)


def check_same(rows: list[Rows], name: str) -> None:
    """Raise ValueError unless labels and groups are equal, row by row."""
    for part in rows[1:]:
        if not (np.array_equal(part.labels, rows[0].labels) and np.array_equal(part.groups, rows[0].groups)):
            raise ValueError(
                f"{name}: the rows differ; validate on the same crops with the same seed of the data"
            )


def main() -> None:
    """Compare, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", help="folder of a run, or several with plus signs between them")
    parser.add_argument("--against", required=True)
    parser.add_argument("--videos", action="append", default=[], help="set whose rows are frames of videos")
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = Settings(resamples=options.resamples, seed=options.seed)
    base = read(options.against, options.videos)
    print(
        f"| set | rows | {options.against} | "
        + " | ".join(f"{run} | difference" for run in options.runs)
        + " |"
    )
    print("| --- " * (3 + 2 * len(options.runs)) + "|")
    others = [read(run, options.videos) for run in options.runs]
    for name in [name for name in base if all(name in other for other in others)]:
        cells = [auc(base[name], settings)]
        for other in others:
            check_same([base[name], other[name]], name)
            rows, groups = base[name], base[name].groups
            gain = auc_difference(rows.labels, other[name].logits, rows.logits, groups, settings)
            cells += [auc(other[name], settings), f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"]
        print(f"| {name} | {len(base[name].labels)} | " + " | ".join(cells) + " |", flush=True)


def auc(rows: Rows, settings: Settings) -> str:
    """Write the AUC with its interval."""
    found = auc_estimate(rows.labels, rows.logits, rows.groups, settings)
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


if __name__ == "__main__":
    main()
