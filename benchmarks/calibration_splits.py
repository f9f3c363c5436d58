"""Whether a promised rate of false positives holds: on held files of the same source, and on files of another one.

    unmask scan sets/utk-faces --output utk.jsonl
    python benchmarks/calibration_splits.py utk.jsonl --rate 0.05 --fixed 200 --other stills.jsonl

Logs are those of real files. Many random splits: the threshold is fixed on one part of the first log's files and the
rate counted on the rest, and on each other log.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.stats import betabinom

from unmask.gating.recalibration import ROUNDING
from unmask.statistics.conformal import conformal_threshold
from unmask.statistics.metrics import Floats


def read_scores(log: Path) -> Floats:
    """Return the scores of a log's files that have one."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return np.array([row["score"] for row in rows if row["score"] is not None])


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--fixed", type=int, default=200)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--margin", type=float, default=0.02, help="around the rate, for the share of splits")
    parser.add_argument("--other", type=Path, action="append", default=[])
    options = parser.parse_args()
    scores = read_scores(options.log)
    others = {log.stem: read_scores(log) for log in options.other}
    random = np.random.default_rng(0)
    rates: dict[str, list[float]] = {name: [] for name in ("held", *others)}
    for _ in range(options.splits):
        order = random.permutation(len(scores))
        found = conformal_threshold(scores[order[: options.fixed]] + ROUNDING, options.rate)
        parts = {"held": scores[order[options.fixed :]], **others}
        for name, part in parts.items():
            rates[name].append(float(np.mean(part >= found.threshold)))
    low, high = options.rate - options.margin, options.rate + options.margin
    for name, found_rates in rates.items():
        ends = np.quantile(found_rates, [0.05, 0.95])
        inside = np.mean([low <= rate <= high for rate in found_rates])
        print(
            f"{name}: mean {np.mean(found_rates):.2%}, nine of ten splits {ends[0]:.2%} to {ends[1]:.2%}, "
            f"between {low:.0%} and {high:.0%} in {inside:.1%} of the splits"
        )
    held = len(scores) - options.fixed
    above = round(found.promised * (options.fixed + 1))
    counts = np.arange(held + 1)
    chance = betabinom.pmf(counts, held, above, options.fixed + 1 - above)
    within = chance[(counts / held >= low) & (counts / held <= high)].sum()
    print(f"expected of exchangeable files: mean {found.promised:.2%}, between in {within:.1%} of the splits")


if __name__ == "__main__":
    main()
