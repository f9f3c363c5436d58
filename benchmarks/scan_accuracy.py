"""Measure what a scan's own choice of frames costs in accuracy, on videos with labels.

    unmask scan sets/ffpp-c23-val --frames 32 --output even-32.jsonl
    unmask scan sets/ffpp-c23-val --output own.jsonl
    python benchmarks/scan_accuracy.py sets/ffpp-c23-val even-32.jsonl own.jsonl

The first log is what the others are held against. The set's folder holds manifest.csv with path, label and group. For
each log: video AUC of the file's score, and of the mean logit (trimmed, calibrated) of the face seen most; the paired
difference from the first log with its 95 % interval by bootstrap over groups; frames a video; wrong verdicts, and
inconclusive ones. A video without a score in any of the logs is left out of all, and said.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from unmask.statistics.intervals import Scored, bootstrap, paired_bootstrap
from unmask.verdict import trimmed_mean

Results = dict[str, dict[str, Any]]
WRONG = {("real", "likely_fake"), ("fake", "likely_real")}


def read(log: Path, folder: Path) -> Results:
    """Read a log's results by path within the set."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return {str(Path(one["path"]).resolve().relative_to(folder.resolve())): one for one in lines}


def file_logit(result: dict[str, Any]) -> float:
    """Give the logit of the file's score."""
    return logit(result["score"])


def most_seen(result: dict[str, Any]) -> float:
    """Give the trimmed mean logit of the face on most frames."""
    track = max(result["tracks"], key=lambda one: len(one["frames"]))
    return trimmed_mean(
        [logit(frame["score"]) for frame in track["frames"] if frame["score"] is not None]
    ).mean


def logit(score: float) -> float:
    """Give the log-odds of a score in [0, 1], of which a log keeps six decimals."""
    return float(np.log(max(score, 1e-6) / max(1 - score, 1e-6)))


def scored(results: list[dict[str, Any]], labels: np.ndarray, measure: Any) -> Scored:
    """Put the logits of the videos beside their labels."""
    logits = np.array([measure(result) for result in results])
    return Scored(labels, logits, 1 / (1 + np.exp(-logits)), results[0]["detector"]["threshold"])


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", type=Path)
    parser.add_argument("logs", type=Path, nargs="+")
    options = parser.parse_args()
    with (options.set / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    logs = [read(log, options.set) for log in options.logs]
    usable = [row for row in rows if all(log.get(row["path"], {}).get("score") is not None for log in logs)]
    labels = np.array([int(row["label"] == "fake") for row in usable])
    groups = np.array([row["group"] for row in usable])
    print(f"{len(usable)} of {len(rows)} videos, {len(set(groups))} groups")
    print(
        "| log | AUC, file score | difference | AUC, face seen most | difference | frames | wrong | inconclusive |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    first: list[Scored] = []
    for path, log in zip(options.logs, logs, strict=True):
        results = [log[row["path"]] for row in usable]
        cells = []
        for number, measure in enumerate((file_logit, most_seen)):
            one = scored(results, labels, measure)
            auc = bootstrap(one, groups)["auc"]
            cells.append(f"{auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]")
            if log is logs[0]:
                first.append(one)
                cells.append("")
            else:
                off = paired_bootstrap(one, first[number], groups)["auc"]
                cells.append(f"{off.value:+.4f} [{off.low:+.4f}, {off.high:+.4f}]")
        frames = np.mean([result["coverage"]["frames_sampled"] for result in results])
        verdicts = [(row["label"], result["verdict"]) for row, result in zip(usable, results, strict=True)]
        wrong = sum(verdict in WRONG for verdict in verdicts)
        inconclusive = sum(verdict == "inconclusive" for _, verdict in verdicts)
        print(f"| {path.stem} | {' | '.join(cells)} | {frames:.1f} | {wrong} | {inconclusive} |")


if __name__ == "__main__":
    main()
