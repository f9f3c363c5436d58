"""How sure a scan should be of videos unlike each other: verdicts at other values of `between_sd` and of the threshold.

    python scripts/study_between_sd.py jrc sets/ffpp-c23-val [--scans LOG] [--threshold 0.5] [--frames 12]

Every file of the set is scanned once, or its result is read from a log of `unmask scan --output`. Its faces are judged
again at each value, given as a multiple of the card's `within_sd`; what the quality gates add is recovered from the
interval that the scan gave. At the card's own threshold the card's band holds, at others there is none. --stride K
judges by every Kth frame. Prints the inconclusive and the wrong verdicts, with 95 % intervals by bootstrap over groups.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unmask.detectors import load_card
from unmask.evaluation import read_scans
from unmask.evaluation.scans import CALLED, ScannedFile
from unmask.evaluation.sets import Item
from unmask.evaluation.videos import list_items
from unmask.report import ScanResult
from unmask.scanning import Scanner
from unmask.scanning import Settings as ScanSettings
from unmask.statistics.intervals import Settings, cluster_index, item_counts, percentiles
from unmask.verdict import PlattScaling, Reason, Rule, judge_file, rule_of
from unmask.verdict.aggregate import trimmed_mean
from unmask.verdict.interval import logit_interval
from unmask.verdict.judge import TrackJudgement

TIMES = (0, 0.15, 0.29, 0.41, 0.6)
ROUNDED = 0.02
"""Variances below it, in squared log-odds, are traces of the results' rounding."""


@dataclass(frozen=True)
class Listed:
    """A set as `read_scans` wants it."""

    name: str
    items: Sequence[Item]


@dataclass(frozen=True)
class Track:
    """A face: raw logits of its frames, variances that the gates added below and above, and what they said."""

    logits: np.ndarray
    added: tuple[float, float]
    reasons: tuple[Reason, ...]

    def judge(self, rule: Rule, stride: int) -> TrackJudgement:
        """Judge it again, by every so many frames."""
        values = self.logits[stride // 2 :: stride] if len(self.logits) > stride // 2 else self.logits
        mean, score = trimmed_mean(values), rule.calibration.score
        low, high = logit_interval(mean, rule.calibration, added=self.added)
        rejected = any(reason.effect == "abstains" for reason in self.reasons)
        return TrackJudgement(score(mean.mean), (score(low), score(high)), mean.count, self.reasons, rejected)


def raw(score: float, calibration: PlattScaling) -> float:
    """Undo the calibration of a score, which a result rounds to six decimals."""
    inside = min(max(score, 1e-6), 1 - 1e-6)
    return float((np.log(inside / (1 - inside)) - calibration.intercept) / calibration.slope)


def tracks_of(result: ScanResult, calibration: PlattScaling) -> list[Track]:
    """Return the scored faces of a file."""
    intervals = {subject.id: subject.interval for subject in result.opinions[0].subjects}
    found = []
    for track in result.tracks:
        scores = [frame.score for frame in track.frames if frame.score is not None]
        ends = intervals.get(track.id)
        if not scores or ends is None:
            continue
        logits = np.array([raw(score, calibration) for score in scores])
        mean = trimmed_mean(logits)
        plain = logit_interval(mean, calibration)
        unit = logit_interval(mean, calibration, added=(calibration.slope**2,) * 2)
        # (half width)^2 rises linearly with the added variance: by this much for a variance of slope^2.
        step = (unit[1] - mean.mean) ** 2 - (plain[1] - mean.mean) ** 2
        added = [
            calibration.slope**2 * ((raw(end, calibration) - mean.mean) ** 2 - (at - mean.mean) ** 2) / step
            for end, at in zip(ends, plain, strict=True)
        ]
        low, high = (value if value > ROUNDED else 0.0 for value in added)
        found.append(Track(logits, (low, high), track.reasons))
    return found


def share(flags: np.ndarray, mask: np.ndarray, counts: np.ndarray) -> str:
    """Write how many of the masked files are flagged, and the interval of the share; a hyphen where there are none."""
    if not mask.any():
        return "-"
    weights = counts * mask
    kept = weights.sum(axis=1) > 0
    draws = (weights @ flags)[kept] / weights.sum(axis=1)[kept]
    low, high, _ = percentiles(draws, Settings())
    inside = "" if low is None or high is None else f" [{low:.0%}, {high:.0%}]"
    return f"{int((flags * mask).sum())} of {int(mask.sum())}{inside}"


def main() -> None:
    """Scan or read, judge at each value, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("set", type=Path, help="files with a manifest")
    parser.add_argument("--scans", type=Path, metavar="LOG", help="results of the files")
    parser.add_argument("--frames", type=int, help="so many a video, evenly; without it the scan chooses")
    parser.add_argument("--threshold", type=float, action="append", help="besides the card's")
    parser.add_argument("--stride", type=int, default=1)
    options = parser.parse_args()
    items = [item for item, _ in list_items(options.set)]
    if options.scans:
        files = read_scans(options.scans, Listed(options.set.name, items), range(len(items)))
    else:
        scanner = Scanner(ScanSettings(detector=options.detector, frames=options.frames, stills=False))
        files = [ScannedFile(item, scanner.scan(options.set / item.path)) for item in items]
    files = [one for one in files if one.result.score is not None]
    card_rule = rule_of(load_card(options.detector))
    calibration = card_rule.calibration
    tracks = [tracks_of(one.result, calibration) for one in files]
    labels = np.array([one.item.label for one in files])
    counts = np.concatenate(
        list(item_counts(cluster_index([one.cluster for one in files], len(files)), Settings()))
    )
    print("| threshold | times `within_sd` | reals inconclusive | fakes inconclusive | wrong |")
    print("| --- " * 5 + "|")
    for threshold in [card_rule.threshold, *(options.threshold or [])]:
        rule = card_rule
        if threshold != card_rule.threshold:
            rule = replace(card_rule, threshold=threshold, band=(threshold, threshold))
        for times in TIMES:
            tried = replace(rule, calibration=replace(calibration, between_sd=times * calibration.within_sd))
            verdicts = [
                judge_file(
                    [track.judge(tried, options.stride) for track in found],
                    max(1, one.result.coverage.frames_sampled // options.stride),
                    tried,
                ).verdict
                for one, found in zip(files, tracks, strict=True)
            ]
            undecided = np.array([verdict == "inconclusive" for verdict in verdicts], float)
            wrong = np.array(
                [verdict == CALLED[label] for verdict, label in zip(verdicts, labels, strict=True)], float
            )
            cells = [share(undecided, labels == label, counts) for label in (0, 1)]
            cells.append(share(wrong, np.ones(len(files)), counts))
            print(f"| {threshold:.3f} | {times} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
