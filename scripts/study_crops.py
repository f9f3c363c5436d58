"""What a detector gains or loses by the way a face is cut, and by averaging several views of it.

    python scripts/study_crops.py jrc sets/ffpp-c23-val-crops --out crops.md

The set holds generous crops with boxes (`unmask prepare`). Each view is scored; sums of logits stand for averages.
Video AUC: mean logit of a video's frames. Intervals: 95 %, bootstrap over groups.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from unmask.datasets import CropSet
from unmask.detectors import Detector, load_detector
from unmask.evaluation.remarks import show
from unmask.faces import CropProfile, cut, profile
from unmask.statistics.auc import auc_estimate
from unmask.training.calibrate import mean_by_video

AVERAGES = (
    ("wide", "mirrored"),
    ("wide", "tight"),
    ("wide", "1.1 x"),
    ("wide", "mirrored", "tight", "1.1 x"),
)


def views() -> dict[str, Callable[[np.ndarray, tuple[float, float, float, float]], np.ndarray]]:
    """Name the ways of cutting."""
    wide = profile("wide")
    return {
        "wide": lambda image, box: cut(image, box, wide),
        "mirrored": lambda image, box: np.ascontiguousarray(cut(image, box, wide)[:, ::-1]),
        "tight": lambda image, box: cut(image, box, profile("tight")),
        "1.1 x": lambda image, box: cut(image, box, CropProfile("1.1", scale=1.1)),
    }


def score(detector: Detector, crops: CropSet) -> dict[str, np.ndarray]:
    """Return the logits of each view of each crop."""
    found: dict[str, list[float]] = {name: [] for name in views()}
    for index, record in enumerate(crops.records):
        assert record.box is not None, "the set must hold boxes"
        image = crops.image(index)
        batch = np.stack([view(image, record.box) for view in views().values()])
        for name, logit in zip(found, detector.logits(batch), strict=True):
            found[name].append(float(logit))
    return {name: np.array(values) for name, values in found.items()}


def row(name: str, logits: np.ndarray, crops: CropSet) -> str:
    """Write frame and video AUC with their intervals."""
    labels, groups = crops.labels, np.array([record.group for record in crops.records])
    mean, first = mean_by_video(logits, np.array(["\n".join(record.video) for record in crops.records]))
    frames, videos = auc_estimate(labels, logits, groups), auc_estimate(labels[first], mean, groups[first])
    return f"| {name} | {show(frames)} | {show(videos)} |"


def main() -> None:
    """Score the views and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("crops", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    crops = CropSet.open(options.crops)
    logits = score(load_detector(options.detector), crops)
    lines = ["| view | frames | videos |", "| --- | --- | --- |"]
    lines += [row(name, values, crops) for name, values in logits.items()]
    lines += [row(" + ".join(names), sum(logits[name] for name in names), crops) for names in AVERAGES]  # type: ignore[arg-type]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
