"""Measure what a scan's sampling costs in AUC, whichever frames it happens to take.

    unmask evaluate jrc sets/ffpp-c23-val --frames 32 --out report
    python benchmarks/sampling_draws.py jrc report/predictions.csv

Each draw parts every video into three and takes a random one of the scored frames from each, as a first look does;
where these settle no verdict, twelve parts take one each, the first three kept. Beside it stand fixed numbers of frames
drawn likewise, and all frames. Prints the mean AUC over the draws, its standard deviation from draw to draw, and the
paired difference from all frames with its 95 % interval: groups of the bootstrap and a draw for each resample.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from unmask.detectors import load_detector
from unmask.scanning import FIRST_LOOK, SECOND_LOOK
from unmask.verdict import Rule, decide, judge_track, rule_of, settles, trimmed_mean

FIRST = FIRST_LOOK[0]
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


def adaptive(rule: Rule) -> Draw:
    """Draw as a scan of up to half a minute does: few frames, more where these do not settle the verdict."""

    def draw(logits: np.ndarray, random: np.random.Generator) -> np.ndarray:
        first = one_of_each(len(logits), FIRST, np.array([], int), random)
        track = judge_track(logits[first], rule)
        verdict = decide(track.score, track.interval, rule)
        if verdict != "inconclusive" and settles(logits[first], rule, fake=verdict == "likely_fake"):
            return logits[first]
        return logits[one_of_each(len(logits), SECOND_LOOK * FIRST, first, random)]

    return draw


def measure(videos: list[Video], draw: Draw, draws: int, seed: int) -> tuple[np.ndarray, float]:
    """Each draw's mean logits (draws, videos), and the mean number of frames a video."""
    random = np.random.default_rng(seed)
    taken = [[draw(video.logits, random) for video in videos] for _ in range(draws)]
    means = np.array([[trimmed_mean(logits).mean for logits in one] for one in taken])
    return means, float(np.mean([[len(logits) for logits in one] for one in taken]))


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
        "| frames | frames a video | AUC, mean over draws | standard deviation | difference from all frames |"
    )
    print("| --- | --- | --- | --- | --- |")
    print(f"| all | {frames:.1f} | {roc_auc_score(fake, whole):.3f} | | |")
    ways = {"as a scan takes them": adaptive(rule)} | {
        f"{n} fixed": fixed(n) for n in (1, 2, 3, 4, 6, 8, 12, 16)
    }
    for name, draw in ways.items():
        means, number = measure(videos, draw, options.draws, options.seed)
        values = [roc_auc_score(fake, one) for one in means]
        low, high = difference(videos, means, whole, options.resamples, options.seed)
        change = np.mean(values) - roc_auc_score(fake, whole)
        gain = f"{change:+.3f} [{low:+.3f}, {high:+.3f}]"
        print(f"| {name} | {number:.1f} | {np.mean(values):.3f} | {np.std(values, ddof=1):.3f} | {gain} |")


if __name__ == "__main__":
    main()
