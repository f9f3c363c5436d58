"""Whether a distance from the training faces tells fakes of a family that was not shown, so that a detector abstains.

    python scripts/study_unseen_distance.py DETECTOR --known SET... --unseen SET... [--cache FILE.npz]

Of the known sets 90 faces of each label are drawn from the split `train` (or all of a set without splits) as reference,
and 80 from `val`; of the unseen ones 80 of each method's fakes from `val`. An unseen set that is also a known one keeps
its real faces among these and leaves its fakes out of the reference. Distances: Mahalanobis in 128 principal components
of a crop's mean token after the earliest and the last block that the head reads, and the mean distance to the ten
nearest reference faces in 64 whitened components of the tokens' standard deviations after the last block. Prints the
AUC of unseen fakes against known real faces, of all sets and of the same, and what share of the unseen fakes is
rejected where 1 and 10 % of the known faces are. 95 % intervals by bootstrap over faces.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unmask.datasets import CropSet
from unmask.detectors import load_card, open_trunk_of
from unmask.detectors.familiarity import fit_reference_faces
from unmask.detectors.registry import detector_folder
from unmask.evaluation.remarks import show
from unmask.gating import hash_of, read_face
from unmask.statistics.auc import auc_estimate
from unmask.statistics.intervals import Settings

Floats = npt.NDArray[np.float32]
REFERENCE, JUDGED = 90, 80
WIDTH = 768
REJECTED = (0.01, 0.1)
"""Shares of the known faces, the first of them that of the gate on pictures that are no photographs."""
NEAREST = 10


class Faces(NamedTuple):
    """Faces by row: set, whether of the split `train`, label, and mean and deviation of their tokens (N, 2 C)."""

    name: npt.NDArray[np.str_]
    train: npt.NDArray[np.bool_]
    label: npt.NDArray[np.int64]
    values: Floats


def drawn(crops: CropSet, split: str, count: int) -> Iterator[int]:
    """Draw faces of each label and method of a split, by a hash of their names."""
    rows = [
        (record.label, record.method if record.label else "", hash_of(record.file), place)
        for place, record in enumerate(crops.records)
        if record.split == split or (split == "train" and not record.split)
    ]
    for kind in sorted({row[:2] for row in rows}):
        yield from (row[3] for row in sorted(row for row in rows if row[:2] == kind)[:count])


def read(detector: str, known: list[Path], unseen: list[Path]) -> Faces:
    """Compute the statistics of the tokens of all drawn faces."""
    card = load_card(detector)
    assert card.trunk is not None
    trunk = open_trunk_of(detector_folder(detector), card.trunk, threads=1)
    rows = []
    for root in dict.fromkeys([*known, *unseen]):
        crops = CropSet.open(root)
        for split, count in (("train", REFERENCE if root in known else 0), ("val", JUDGED)):
            for place in drawn(crops, split, count):
                face = read_face(crops, place)
                tokens = trunk.maps(face.crop_for(card)[None])[0]
                values = np.concatenate([tokens.mean(axis=0), tokens.std(axis=0)])
                rows.append((root.resolve().name, split == "train", face.record.label, values))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Faces(*columns)


def nearest(values: Floats, reference: npt.NDArray[np.bool_]) -> Floats:
    """Return the mean distance to the nearest reference faces (N,), in whitened principal components."""
    fitted = fit_reference_faces(values[reference], np.ones(reference.sum()), 64)
    white = (values - fitted.centre) @ fitted.whitening
    distances = ((white[:, None] - white[reference][None]) ** 2).mean(axis=2)
    return np.sort(distances, axis=1)[:, :NEAREST].mean(axis=1)


def distances(faces: Faces, reference: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """Return each distance (N,)."""
    channels = faces.values.shape[1] // 2
    first, last = faces.values[:, :WIDTH], faces.values[:, channels - WIDTH : channels]
    spread = faces.values[:, -WIDTH:]

    def far(values: Floats) -> Floats:
        return fit_reference_faces(values[reference], np.ones(reference.sum()), 128).distances(values)

    return {"earliest block": far(first), "last block": far(last), "deviations": nearest(spread, reference)}


def main() -> None:
    """Read, fit and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("--known", type=Path, nargs="+", required=True)
    parser.add_argument("--unseen", type=Path, nargs="+", required=True)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    if options.cache and options.cache.is_file():
        with np.load(options.cache, allow_pickle=False) as kept:
            faces = Faces(*(kept[name] for name in Faces._fields))
    else:
        faces = read(options.detector, options.known, options.unseen)
        if options.cache:
            np.savez(options.cache, **faces._asdict())
    known_names = [root.resolve().name for root in options.known]
    shares = " | ".join(f"rejected, as {share:.0%} of the known" for share in REJECTED)
    print(f"| unseen | distance | fakes | AUC, all real | AUC, real of the set | {shares} |")
    print("| --- " * 7 + "|")
    for root in options.unseen:
        name = root.resolve().name
        left_out = (faces.name == name) & (faces.label == 1)
        known = np.isin(faces.name, known_names) & ~left_out
        unseen, judged = left_out & ~faces.train, known & ~faces.train
        for measure, values in distances(faces, known & faces.train).items():
            cells = []
            for real in (judged & (faces.label == 0), judged & (faces.label == 0) & (faces.name == name)):
                both = unseen | real
                clusters = np.arange(both.sum()).astype(str)
                auc = auc_estimate(unseen[both].astype(np.int64), values[both], clusters, Settings())
                cells.append(show(auc, 2) if real.any() else "-")
            limits = np.quantile(values[judged], [1 - share for share in REJECTED])
            cells += [f"{np.mean(values[unseen] > limit):.0%}" for limit in limits]
            print(f"| {name} | {measure} | {unseen.sum()} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
