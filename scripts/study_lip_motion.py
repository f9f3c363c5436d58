"""Study what the motion of the lips over successive frames tells about `face_manipulated`.

    unmask evaluate jrc sets/ffpp-c23-val --frames 4 --out report/jrc
    .venv/bin/python scripts/study_lip_motion.py sets/talking sets/ffpp-c23-val report/jrc --cache cache/lip-motion

A logistic regression on statistics of the lips' motion learns real talking people against fakes made of them here:
frames that tremble, each by itself, and a mouth of another moment of the same person. It is judged on labelled videos,
which it never learns from, alone and beside the logits of a detector of single frames. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.detectors import load_card
from unmask.detectors.mesh import FaceMesh
from unmask.evaluation.predictions import Predictions
from unmask.faces import CenterFace
from unmask.media import Burst, Sampling, open_media
from unmask.models.lips import LipShape
from unmask.statistics.auc import auc_estimate
from unmask.statistics.metrics import auc
from unmask.training.sync_clips import mesh_points
from unmask.training.sync_validation import TRUE

Floats = NDArray[np.float64]
RATE, SEARCH_EVERY = 25.0, 5
LEARNED_SECONDS, JUDGED_SECONDS = 40.0, 4.0  # From the beginning of a video.
WINDOW, HOP = 50, 25  # Frames.
MOUTH = (0, 13, 14, 17, 37, 61, 78, 82, 84, 87, 267, 291, 308, 312, 314, 152)
"""Points of the mesh that the lips' shape reads of mouth and chin."""
TREMBLE = (0.3, 1.2)  # Pixels of a crop of 192: standard deviation of a frame's own displacement.
_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Video:
    """The points of a face on successive frames of a video, (T, 468, 3)."""

    path: str
    points: NDArray[np.float32]
    group: str
    method: str


def read_videos(folder: Path, cache: Path, seconds: float, without: str = "-") -> list[Video]:
    """Read the main face of each video of a set's manifest."""
    cache.mkdir(parents=True, exist_ok=True)
    finder, mesh = CenterFace(threads=1), FaceMesh(threads=1)
    videos = []
    for row in csv.DictReader((folder / "manifest.csv").open(encoding="utf-8", newline="")):
        if row["group"].startswith(without):
            continue
        kept = cache / f"{hashlib.sha256(str(folder / row['path']).encode()).hexdigest()[:24]}.npy"
        if not kept.exists():
            np.save(kept, read_points(folder / row["path"], seconds, finder, mesh))
        points = np.load(kept)
        if len(points) >= WINDOW:
            method = row["method"] if row.get("label") == "fake" else "real"
            videos.append(Video(row["path"], points, row["group"], method))
    return videos


def read_points(path: Path, seconds: float, finder: CenterFace, mesh: FaceMesh) -> NDArray[np.float32]:
    """Return the mesh of the main face on successive frames, (T, 468, 3)."""
    with open_media(path) as media:
        count = int(min(media.info.duration or seconds, seconds) * RATE + 0.01)
        frames = list(media.sample(Sampling(1, until=seconds, burst=Burst(count, RATE))))
    _, points = mesh_points([frame.image for frame in frames], finder, mesh, SEARCH_EVERY)
    return points


def statistics(points: NDArray[np.float32]) -> Floats:
    """Return how rough the motion of each length of the lips is, over one window.

    Logarithms of the root mean square of the second difference, of its ratio to that of the first difference, and of
    the first one's ratio to the spread.
    """
    with torch.no_grad():
        shape = LipShape()(torch.tensor(points)[None])[0].double().numpy()
    spread = shape.std(axis=1)
    first, second = (np.sqrt((np.diff(shape, order, axis=1) ** 2).mean(axis=1)) for order in (1, 2))
    parts = [np.log(second + 1e-5), np.log((second + 1e-5) / (first + 1e-5))]
    return np.concatenate([*parts, np.log((first + 1e-5) / (spread + 1e-5))])


def windows(points: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Return windows of 2 s, a second apart."""
    for start in range(0, len(points) - WINDOW + 1, HOP):
        yield points[start : start + WINDOW]


def trembling(points: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Move the mouth of each frame by itself, and change its size, as if each had been made by itself."""
    made = points.copy()
    mouth = made[:, list(MOUTH)]
    strength = random.uniform(*TREMBLE)
    centre = mouth.mean(axis=1, keepdims=True)
    size = 1 + random.normal(0, strength / 40, (len(mouth), 1, 1))
    shift = random.normal(0, strength, (len(mouth), 1, 3)) * (1, 1, 0.5)
    made[:, list(MOUTH)] = centre + (mouth - centre) * size + shift
    return made


def other_moment(
    points: NDArray[np.float32], whole: NDArray[np.float32], random: np.random.Generator
) -> NDArray[np.float32]:
    """Put the mouth of another moment into a part of the window, on the place of the window's own."""
    made = points.copy()
    length = int(random.integers(10, 35))
    start = int(random.integers(0, len(points) - length))
    source = int(random.integers(0, len(whole) - length))
    own = made[start : start + length, list(MOUTH)]
    other = whole[source : source + length][:, list(MOUTH)]
    offset = own.mean(axis=1, keepdims=True) - other.mean(axis=1, keepdims=True)
    made[start : start + length, list(MOUTH)] = other + offset
    return made


def learn(people: Sequence[Video], kinds: Sequence[str]) -> object:
    """Fit real windows against fakes made of them; each person weighs the same."""
    random = np.random.default_rng(0)
    rows, fake, weights = [], [], []
    for person in people:
        cut_out = list(windows(person.points))
        for window in cut_out:
            made = {
                "tremble": lambda: trembling(window, random),  # noqa: B023
                "moment": lambda: other_moment(window, person.points, random),  # noqa: B023
            }
            for kind in (TRUE, *kinds):
                rows.append(statistics(window if kind == TRUE else made[kind]()))
                fake.append(kind != TRUE)
                weights.append(1 / len(cut_out) / (len(kinds) if kind != TRUE else 1))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return model.fit(np.array(rows), fake, logisticregression__sample_weight=np.array(weights) * 10)


def score(model: object, video: Video) -> float:
    """Return the mean log-odds of a video's windows."""
    rows = np.array([statistics(window) for window in windows(video.points)])
    return float(np.mean(model.decision_function(rows)))  # type: ignore[attr-defined]


def left_out(people: Sequence[Video], kinds: Sequence[str]) -> float:
    """Return the AUC on people left out, of real windows against those made of them."""
    random, labels, scores = np.random.default_rng(1), [], []
    for person in people:
        model = learn([other for other in people if other is not person], kinds)
        for window in windows(person.points):
            made = [trembling(window, random) if "tremble" in kinds else None]
            made += [other_moment(window, person.points, random) if "moment" in kinds else None]
            for points in (window, *(one for one in made if one is not None)):
                labels.append(int(points is not window))
                scores.append(float(model.decision_function([statistics(points)])[0]))  # type: ignore[attr-defined]
    return float(auc(np.array(labels), np.array(scores)))


def table(people: Sequence[Video], judged: Sequence[Video], frame_odds: dict[str, float]) -> None:
    """Print AUCs of videos with intervals over groups, and what the head adds to a detector of frames."""
    fake = np.array([video.method != "real" for video in judged], int)
    groups = np.array([video.group for video in judged])
    frames = np.array([frame_odds[video.path] for video in judged])
    methods = sorted({video.method for video in judged} - {"real"})
    print(f"{len(people)} people; {len(judged)} videos judged, {fake.sum()} of them fake")
    print("| fakes made of talking people | people left out | " + " | ".join(["all", *methods]), end="")
    print(" | beside the detector | added |\n" + "| --- " * (len(methods) + 5) + "|")
    for name, kinds in (
        ("frames that tremble", ["tremble"]),
        ("mouth of another moment", ["moment"]),
        ("both", ["tremble", "moment"]),
    ):
        odds = np.array([score(learn(people, kinds), video) for video in judged])
        cells = [shown(fake, odds, groups)]
        for method in methods:
            here = np.array([video.method in ("real", method) for video in judged])
            cells.append(shown(fake[here], odds[here], groups[here]))
        both, added = beside(fake, frames, odds, groups)
        print(f"| {name} | {left_out(people, kinds):.3f} | " + " | ".join([*cells, both, added]) + " |")
    print(f"| the detector alone | | {shown(fake, frames, groups)} |")


def shown(labels: NDArray[np.int64], values: Floats, groups: NDArray[np.str_]) -> str:
    """Return an AUC with its interval."""
    found = auc_estimate(labels, values, groups)
    return f"{found.value:.3f} ({found.low:.2f} to {found.high:.2f})"


def beside(
    fake: NDArray[np.int64], frames: Floats, odds: Floats, groups: NDArray[np.str_]
) -> tuple[str, str]:
    """Return the AUC of the sum of both log-odds, and its difference to that of the frames, over the same groups."""
    random, names = np.random.default_rng(0), sorted(set(groups.tolist()))
    members = [np.flatnonzero(groups == name) for name in names]
    draws = []
    for _ in range(_DRAWS):
        rows = np.concatenate([members[one] for one in random.integers(len(names), size=len(names))])
        if 0 < fake[rows].mean() < 1:
            draws.append(auc(fake[rows], (frames + odds)[rows]) - auc(fake[rows], frames[rows]))
    low, high = np.percentile(draws, [2.5, 97.5])
    difference = auc(fake, frames + odds) - auc(fake, frames)
    return shown(fake, frames + odds, groups), f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"


def main() -> None:
    """Read the sets and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("talking", type=Path, help="folder of videos of real talking people")
    parser.add_argument("judged", type=Path, help="folder of labelled videos")
    parser.add_argument("report", type=Path, help="what `unmask evaluate` wrote of a detector on these")
    parser.add_argument("--detector", default="jrc", help="that detector")
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args()
    calibration = load_card(given.detector).calibration
    rows = Predictions.from_csv(given.report / "predictions.csv").at("video")
    odds = {
        row.path: calibration.slope * row.logit + calibration.intercept
        for row in rows
        if row.logit is not None
    }
    people = read_videos(given.talking, given.cache, LEARNED_SECONDS, "GRID")
    table(people, read_videos(given.judged, given.cache, JUDGED_SECONDS), odds)


if __name__ == "__main__":
    main()
