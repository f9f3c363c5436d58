"""How sure a scan should be of videos unlike each other: verdicts at several values of the card's `between_sd`.

    python scripts/study_between_sd.py jrc sets/ffpp-c23-val [--frames 12]

Every video of the set is scanned once; its tracks are judged anew at each value, given as a multiple of the card's
`within_sd`, before the quality gates' part. Prints wrong and inconclusive verdicts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unmask.evaluation.videos import list_items
from unmask.report import ScanResult
from unmask.scanning import Scanner, Settings
from unmask.verdict import PlattScaling, Rule, judge_file, judge_track, rule_of

TIMES = (0, 0.15, 0.29, 0.41, 0.6)


def logits(scores: Sequence[float | None], calibration: PlattScaling) -> np.ndarray:
    """Undo the calibration of frame scores, which a result rounds: (n,) raw logits."""
    found = np.clip([score for score in scores if score is not None], 1e-4, 1 - 1e-4)
    raw: np.ndarray = (np.log(found / (1 - found)) - calibration.intercept) / calibration.slope
    return raw


def verdict(result: ScanResult, rule: Rule) -> str:
    """Judge a scanned file by its frames' scores alone; inconclusive where no face was scored."""
    found = [logits([frame.score for frame in track.frames], rule.calibration) for track in result.tracks]
    tracks = [judge_track(raw, rule) for raw in found if len(raw)]
    if not tracks:
        return "inconclusive"
    return judge_file(tracks, result.coverage.frames_sampled, rule).verdict


def main() -> None:
    """Scan, judge at each value, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("set", type=Path, help="videos with a manifest")
    parser.add_argument("--frames", type=int, help="so many a video, evenly; without it the scan chooses")
    options = parser.parse_args()
    scanner = Scanner(Settings(detector=options.detector, frames=options.frames))
    items = [item for item, _ in list_items(options.set)]
    results = [scanner.scan(options.set / item.path) for item in items]
    rule = rule_of(scanner.detector.card)
    within = rule.calibration.within_sd
    print("| times `within_sd` | wrong | inconclusive |\n| --- | --- | --- |")
    for times in TIMES:
        tried = replace(rule, calibration=replace(rule.calibration, between_sd=times * within))
        verdicts = [verdict(result, tried) for result in results]
        undecided = verdicts.count("inconclusive")
        right = sum(
            found == ("likely_fake" if item.label else "likely_real")
            for found, item in zip(verdicts, items, strict=True)
        )
        print(f"| {times} | {len(items) - undecided - right} | {undecided} |")


if __name__ == "__main__":
    main()
