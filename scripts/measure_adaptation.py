"""Does adapting a detector to videos without labels help? Pseudo labels of tracks and of neighbours, groups left out.

    python scripts/measure_adaptation.py jrc sets/ffpp-c23-val-crops --cache adaptation.npz

After TF-VPR (arXiv 2208.09315), whose neighbours in time and in features are here those of faces: frames of one track
are positives, the nearest frames of other videos are added, and a check takes false ones out. The detector's last layer
is adapted on the videos of all groups but one, whose labels are not read, and judged on that group. Nothing that
is adapted is kept.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.audit.latents import OpenedDetector
from unmask.datasets import CropSet
from unmask.detectors import Card
from unmask.evaluation.remarks import markdown_table, show
from unmask.faces import cut, profile
from unmask.statistics import Scored, bootstrap, paired_bootstrap
from unmask.training.calibrate import mean_by_video

Floats = NDArray[np.float64]
METRICS = ("auc", "brier", "ece")
SUPPORT = 3


@dataclass(frozen=True)
class Frames:
    """Frames of a set: logits (N,), what the last layer reads (N, D), video numbers, groups and labels (N,)."""

    logits: Floats
    hidden: Floats
    video: NDArray[np.int64]
    group: NDArray[np.str_]
    label: NDArray[np.int64]


@dataclass(frozen=True)
class Method:
    """How pseudo labels are made, and how far the last layer may move.

    Parameters
    ----------
    tracks
        Whether a frame's pseudo label is that of all frames of its track.
    neighbours
        Number of nearest frames of other videos that are added; 0: none.
    verified
        Whether an added frame counts only where both are among the other's nearest, and `SUPPORT` frames of its track
        are nearest to frames of this one's.
    sure
        A track is labelled where its score is so far from 0.5.
    penalty
        On the squared change of the last layer, in frames.
    rounds
        Of labelling and fitting.
    """

    tracks: bool = True
    neighbours: int = 0
    verified: bool = False
    sure: float = 0.2
    penalty: float = 5.0
    rounds: int = 3


METHODS = {
    "each frame's own score": Method(tracks=False),
    "tracks": Method(),
    "tracks, neighbours": Method(neighbours=10),
    "tracks, neighbours, verified": Method(neighbours=10, verified=True),
}


def read_frames(detector: str, folder: Path, cache: Path | None) -> tuple[Card, Frames]:
    """Run a set's crops through a detector, or read what an earlier run wrote."""
    opened = OpenedDetector(detector)
    crops, card = CropSet.open(folder), opened.card
    if cache is not None and cache.is_file():
        with np.load(cache, allow_pickle=False) as file:
            logits, hidden = file["logits"], file["hidden"]
    else:
        logits, hidden = _run(opened, crops)
        if cache is not None:
            np.savez(cache, logits=logits, hidden=hidden)
    keys = ["\n".join(record.video) for record in crops.records]
    video = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    group = np.array([record.group for record in crops.records])
    return card, Frames(logits.astype(float), hidden.astype(float), video, group, crops.labels)


def _run(opened: OpenedDetector, crops: CropSet) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    found = []
    for index, record in enumerate(crops.records):
        assert record.box is not None, "the set must hold boxes"
        found.append(
            opened.read(
                cut(
                    crops.image(index), record.box, profile(opened.card.crop_profile), opened.card.input_size
                )[None]
            )
        )
    return np.concatenate([one.logits for one in found]), np.concatenate([one.hidden for one in found])


def adapted_logits(frames: Frames, known: NDArray[np.bool_], method: Method, card: Card) -> Floats:
    """Adapt the last layer on the unlabelled frames `known` and return the logits of all frames."""
    own = frames.hidden[known]
    values = (frames.hidden - own.mean(axis=0)) / (own.std(axis=0) + 1e-6) / np.sqrt(own.shape[1])
    values = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    links = neighbour_links(values[known, :-1], frames.video[known], method)
    change = np.zeros(values.shape[1])
    for _ in range(method.rounds):
        targets, weights = pseudo_labels(frames.logits[known] + values[known] @ change, links, method, card)
        change = fit(values[known], frames.logits[known], targets, weights, method.penalty, card)
    return np.asarray(frames.logits + values @ change)


def neighbour_links(values: Floats, video: NDArray[np.int64], method: Method) -> Floats:
    """Return which frames a frame's pseudo label is averaged over, (N, N) with rows that sum to 1."""
    same = video[:, None] == video
    links = same if method.tracks else np.eye(len(video), dtype=bool)
    if method.neighbours:
        normal = values / np.linalg.norm(values, axis=1, keepdims=True)
        cosines = np.where(same, -np.inf, normal @ normal.T)
        order = np.argsort(-cosines, axis=1)[:, : method.neighbours]
        near = np.zeros_like(same)
        np.put_along_axis(near, order, True, axis=1)
        if method.verified:
            near &= near.T
            member = np.eye(video.max() + 1)[video]
            # How many frames of each other track are nearest to some frame of a track.
            reached = (member.T @ near > 0).astype(float) @ member
            near &= reached[video][:, video] >= SUPPORT
        links = links | near
    return links / links.sum(axis=1, keepdims=True)


def pseudo_labels(logits: Floats, links: Floats, method: Method, card: Card) -> tuple[Floats, Floats]:
    """Return labels of frames, (N,), and their weights: 0 where unsure, and as much for each class."""
    scores = calibrated(links @ logits, card)
    labels = (scores > 0.5).astype(float)
    weights = (np.abs(scores - 0.5) >= method.sure).astype(float)
    for label in (0, 1):
        mine = weights * (labels == label)
        weights = np.where(labels == label, weights / max(mine.sum(), 1), weights)
    return labels, weights * len(labels) / 2


def fit(
    values: Floats, logits: Floats, labels: Floats, weights: Floats, penalty: float, card: Card
) -> Floats:
    """Return the change of the last layer, by Newton's method on the penalised logistic loss."""
    slope, intercept = card.calibration.slope, card.calibration.intercept
    change = np.zeros(values.shape[1])
    for _ in range(20):
        scores = 1 / (1 + np.exp(-(slope * (logits + values @ change) + intercept)))
        gradient = slope * values.T @ (weights * (scores - labels)) + penalty * change
        curvature = (values * (slope**2 * weights * scores * (1 - scores))[:, None]).T @ values
        step = np.linalg.solve(curvature + penalty * np.eye(len(change)), gradient)
        change -= step
        if np.abs(step).max() < 1e-8:
            break
    return change


def calibrated(logits: Floats, card: Card) -> Floats:
    """Return scores in [0, 1] by the card's calibration."""
    return np.asarray(1 / (1 + np.exp(-(card.calibration.slope * logits + card.calibration.intercept))))


def left_out_logits(frames: Frames, method: Method, card: Card) -> Floats:
    """Return each frame's logit from the layer that was adapted without its group."""
    logits = np.empty_like(frames.logits)
    for group in np.unique(frames.group):
        held = frames.group == group
        logits[held] = adapted_logits(frames, ~held, method, card)[held]
    return logits


def by_video(frames: Frames, logits: Floats, card: Card) -> tuple[Scored, NDArray[np.str_]]:
    """Return the videos with their mean logit, and their groups."""
    mean, first = mean_by_video(logits, frames.video)
    scored = Scored(frames.label[first].astype(np.int64), mean, calibrated(mean, card), card.threshold)
    return scored, frames.group[first]


def kept_neighbours(frames: Frames, method: Method) -> str:
    """Describe the neighbours that are added over all videos: how many a frame, and how many have its label."""
    values = (frames.hidden - frames.hidden.mean(axis=0)) / (frames.hidden.std(axis=0) + 1e-6)
    near = (neighbour_links(values, frames.video, method) > 0) & (frames.video[:, None] != frames.video)
    agree = frames.label[:, None] == frames.label
    return (
        f"{near.sum() / len(near):.1f} a frame, {(near & agree).sum() / max(near.sum(), 1):.3f} of its label"
    )


def main() -> None:
    """Read the command line, adapt, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("set", type=Path, help="crops of several frames a video, with groups")
    parser.add_argument("--cache", type=Path, help="file that keeps logits and hidden values")
    options = parser.parse_args()
    card, frames = read_frames(options.detector, options.set, options.cache)
    before, groups = by_video(frames, frames.logits, card)
    print(
        f"{len(frames.label)} frames, {len(groups)} videos ({before.labels.sum()} fake), {len(set(groups))} groups\n"
    )
    figures = bootstrap(before, groups)
    rows = [["before", *(show(figures[name]) for name in METRICS), "", ""]]
    rows += [_row(name, frames, method, card) for name, method in METHODS.items()]
    print(
        "\n".join(markdown_table(["pseudo labels", *METRICS, "AUC less before", "Brier less before"], rows))
    )
    last = METHODS["tracks, neighbours, verified"]
    rows = [
        _row(f"penalty {penalty:g}, sure {sure:g}", frames, replace(last, penalty=penalty, sure=sure), card)
        for penalty in (0.5, 5.0, 50.0)
        for sure in (0.0, 0.2, 0.4)
    ]
    print(
        "\n" + "\n".join(markdown_table(["settings", *METRICS, "AUC less before", "Brier less before"], rows))
    )
    for name in ("tracks, neighbours", "tracks, neighbours, verified"):
        print(f"\n{name}: {kept_neighbours(frames, METHODS[name])}")


def _row(name: str, frames: Frames, method: Method, card: Card) -> list[str]:
    before, groups = by_video(frames, frames.logits, card)
    after, _ = by_video(frames, left_out_logits(frames, method, card), card)
    figures, apart = bootstrap(after, groups), paired_bootstrap(after, before, groups)
    return [name, *(show(figures[metric]) for metric in METRICS), show(apart["auc"]), show(apart["brier"])]


if __name__ == "__main__":
    main()
