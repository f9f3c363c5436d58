"""Measure what a scan's sampling costs in AUC, whichever frames it happens to take.

    unmask evaluate jrc sets/ffpp-c23-val --frames 32 --out report
    python benchmarks/sampling_draws.py jrc report/predictions.csv

Each draw parts every video into as many parts as a first pass does and takes a random one of the scored frames from
each; where these settle no verdict, the finer parts of the next pass that hold none yet take one each, and so on.
Beside it stand other rules, fixed numbers of frames drawn likewise, and all frames. Prints the mean AUC over the draws,
its standard deviation from draw to draw, the paired difference from all frames with its 95 % interval (groups of the
bootstrap and a draw for each resample), and the shares of wrong and of inconclusive verdicts.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from unmask.detectors import load_detector
from unmask.scanning import PASS_SIZES
from unmask.verdict import (
    EARLY_STOP_LEVEL,
    Rule,
    Verdict,
    can_stop_early,
    decide,
    judge_track,
    rule_of,
    trimmed_mean,
)

OTHER_RULES = (((3, 12), 0.97), ((3, 12), 0.98), ((2, 4, 12), 0.98), ((2, 6, 12), 0.98))
Draw = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Video:
    """A video's frame logits in order of time, its label and the group that it is resampled with."""

    logits: np.ndarray
    fake: bool
    group: str


def read(path: Path) -> list[Video]:
    """Read the videos of `unmask evaluate`'s predictions; ValueError without scored frames."""
    rows = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["level"] == "frame" and row["status"] == "ok":
                rows[row["dataset"], row["path"]].append(row)
    if not rows:
        raise ValueError(f"{path} has no scored frames")
    return [
        Video(
            np.array([float(row["logit"]) for row in sorted(video, key=lambda row: int(row["frame"]))]),
            video[0]["label"] in ("1", "fake"),
            video[0]["group"],
        )
        for video in rows.values()
    ]


def one_of_each(count: int, parts: int, taken: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Take a random frame from each equal part that holds none of those taken; all of them, in order."""
    edges = np.linspace(0, count, parts + 1).round().astype(int)
    empty = [
        (low, high)
        for low, high in pairwise(edges)
        if high > low and not ((taken >= low) & (taken < high)).any()
    ]
    new = [int(random.integers(low, high)) for low, high in empty]
    return np.sort(np.concatenate([taken, np.array(new, int)]))


def fixed(parts: int) -> Draw:
    """Draw so many frames, whatever they show."""
    nothing = np.array([], int)
    return lambda logits, random: logits[one_of_each(len(logits), parts, nothing, random)]


def adaptive(rule: Rule, sizes: Sequence[int], level: float = EARLY_STOP_LEVEL) -> Draw:
    """Draw as a scan does: few frames, more where these do not settle the verdict at the level."""

    def draw(logits: np.ndarray, random: np.random.Generator) -> np.ndarray:
        taken = np.array([], int)
        for count in sizes:
            taken = one_of_each(len(logits), count, taken, random)
            verdict = verdict_on(logits[taken], rule)
            if verdict != "inconclusive" and can_stop_early(
                logits[taken], rule, fake=verdict == "likely_fake", level=level
            ):
                break
        return logits[taken]

    return draw


def verdict_on(logits: np.ndarray, rule: Rule) -> Verdict:
    """Judge the frames of one face."""
    track = judge_track(logits, rule)
    return decide(track.score, track.interval, rule)


@dataclass(frozen=True)
class Measured:
    """Of many draws the mean logits (draws, videos), frames a video, shares of wrong and inconclusive verdicts."""

    means: np.ndarray
    frames: float
    wrong: float
    inconclusive: float


def measure(videos: list[Video], draw: Draw, rule: Rule, draws: int, seed: int) -> Measured:
    """Draw again and again, and judge each draw."""
    random = np.random.default_rng(seed)
    taken = [[draw(video.logits, random) for video in videos] for _ in range(draws)]
    verdicts = [
        (video.fake, verdict_on(logits, rule))
        for one in taken
        for video, logits in zip(videos, one, strict=True)
    ]
    return Measured(
        np.array([[trimmed_mean(logits).mean for logits in one] for one in taken]),
        float(np.mean([[len(logits) for logits in one] for one in taken])),
        float(np.mean([verdict == ("likely_real" if fake else "likely_fake") for fake, verdict in verdicts])),
        float(np.mean([verdict == "inconclusive" for _, verdict in verdicts])),
    )


def difference(
    videos: list[Video], means: np.ndarray, whole: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Bootstrap the AUC's paired difference over groups and draws: (2,) 95 % interval."""
    random = np.random.default_rng(seed)
    fake = np.array([video.fake for video in videos])
    names, group = np.unique([video.group for video in videos], return_inverse=True)
    members = [np.flatnonzero(group == number) for number in range(len(names))]
    values = []
    while len(values) < resamples:
        rows = np.concatenate([members[number] for number in random.integers(len(names), size=len(names))])
        if 0 < fake[rows].sum() < len(rows):
            one = means[random.integers(len(means))]
            values.append(roc_auc_score(fake[rows], one[rows]) - roc_auc_score(fake[rows], whole[rows]))
    return np.percentile(values, [2.5, 97.5])


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("predictions", type=Path)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    videos = read(options.predictions)
    rule = rule_of(load_detector(options.detector).card)
    fake = np.array([video.fake for video in videos])
    whole = np.array([trimmed_mean(video.logits).mean for video in videos])
    frames = np.mean([len(video.logits) for video in videos])
    print(
        f"{len(videos)} videos, {len({v.group for v in videos})} groups, {options.draws} draws, seed {options.seed}"
    )
    print(
        "| frames | frames a video | AUC, mean over draws | standard deviation | difference from all frames | wrong | "
        "inconclusive |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(f"| all | {frames:.1f} | {roc_auc_score(fake, whole):.3f} | | | | |")
    ways = {f"as a scan takes them: {rule_name(PASS_SIZES[0])}": adaptive(rule, PASS_SIZES[0])}
    ways |= {
        f"{rule_name(sizes)} at {level:.0%}": adaptive(rule, sizes, level) for sizes, level in OTHER_RULES
    }
    ways |= {f"{n} fixed": fixed(n) for n in (1, 2, 3, 4, 6, 8, 12, 16)}
    for name, draw in ways.items():
        measured = measure(videos, draw, rule, options.draws, options.seed)
        values = [roc_auc_score(fake, one) for one in measured.means]
        low, high = difference(videos, measured.means, whole, options.resamples, options.seed)
        change = np.mean(values) - roc_auc_score(fake, whole)
        gain = f"{change:+.4f} [{low:+.3f}, {high:+.3f}]"
        print(
            f"| {name} | {measured.frames:.2f} | {np.mean(values):.4f} | {np.std(values, ddof=1):.4f} | {gain} | "
            f"{measured.wrong:.2%} | {measured.inconclusive:.1%} |"
        )


def rule_name(sizes: Sequence[int]) -> str:
    """Name a rule by how many frames there are after each of its passes."""
    return ", then ".join(map(str, sizes))


if __name__ == "__main__":
    main()
