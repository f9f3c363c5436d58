"""Measure how well a detector's maps show where a face was manipulated.

    python scripts/measure_localisation.py DETECTOR --blends wide-faces dfdc-faces --pairs ffpp-c23-val --out FILE.json

Sets are folders below UNMASK_DATA. Of both maps, the map of the blend and the patch logits (raised to its side, with
the mass that the report colours), it measures:

blends: real crops that had no part in training (the held-out people of a set without splits, else its split `val`),
each with a blend of it. Pixel AUC over the cells of all blends of a set, changed against unchanged; mean intersection
over union of the cells at or above the card's threshold with the changed ones; the share of cells of real crops at or
above it.

pairs: videos and the originals that they were made from (column `target` of manifest.csv), the same frame number of
both, cut alike. The changed region is where the mean absolute difference in a square of 9 pixels reaches 5 grey levels,
without specks, joined over gaps of 24 pixels and filled.

Of both: the share of a map's mass inside the changed region, mean over crops, over those with a cell at or above the
threshold (`found`), and of all crops together (`pooled`), beside the share of the crop that the region covers, which is
chance. A map without mass counts as one that is the same everywhere. Beside both maps stands their control: the mean
map of all blends of the part, which knows where faces lie and nothing of the crop.

Intervals: 95 %, bootstrap over sources (persons, files; groups of the pairs' manifest).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from unmask.datasets import CropRecord, CropSet, FaceBlender, SelfBlend, SelfBlender
from unmask.datasets.blending import changed_region
from unmask.detectors import Detector, load_detector
from unmask.faces import CenterFace, cut, profile
from unmask.models.masks import MASK_SIDE
from unmask.report.heatmaps import strength_of_patches
from unmask.statistics.intervals import Settings, cluster_index, estimate, item_counts
from unmask.training.localiser import overlap

HELD_OUT = 0.1
BINS = 1000
LEAST_DIFFERENCE = 5.0
SQUARE, SPECK, GAP = 9, 5, 24
FRAMES = 8
MARGIN = 48

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Region = npt.NDArray[np.bool_]
Kind = Literal["self_blended", "face_blended"]


@dataclass(frozen=True)
class Item:
    """One crop (S, S, 3) with its changed region (S, S), None for a real one, and the source that it comes from."""

    crop: Bytes
    region: Region | None
    source: str
    part: str


def blends(root: Path, kind: Kind, size: int, limit: int, crop_profile: str) -> Iterator[Item]:
    """Cut real crops that had no part in training, and a blend of each."""
    crops = CropSet.open(root)
    if any(record.split for record in crops):
        crops = crops.select(split="val", label="real")
    else:
        crops = crops.hold_out(HELD_OUT)[1]
    order = sorted(range(len(crops)), key=lambda place: zlib.crc32(crops.records[place].file.encode()))
    finder, blender = CenterFace(), FaceBlender(crops) if kind == "face_blended" else SelfBlender()
    taken = 0
    for place in order:
        record, image = crops.records[place], crops.image(place)
        points = record.mask_points if record.mask_points is not None else _landmarks(finder, image)
        if points is None:
            continue
        rng = np.random.default_rng([7, zlib.crc32(record.file.encode())])
        if isinstance(blender, FaceBlender):
            blend = blender(image, points, rng, record.group)
        else:
            blend = blender(image, points, rng)
        yield from _cut_blend(blend, record, size, crop_profile, f"{root.name}, {kind}")
        taken += 1
        if taken == limit:
            return


def _landmarks(finder: CenterFace, image: Bytes) -> npt.NDArray[np.float64] | None:
    """Find five landmarks in a tight crop, which the finder wants with something around the face."""
    around = np.pad(image, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="symmetric")
    faces = finder.find(around)
    if not faces:
        return None
    face = max(faces, key=lambda one: one.box[2] - one.box[0])
    return np.asarray(face.landmarks, float).reshape(5, 2) - MARGIN


def _cut_blend(
    blend: SelfBlend, record: CropRecord, size: int, crop_profile: str, part: str
) -> Iterator[Item]:
    region = np.repeat(np.where(changed_region(blend), np.uint8(255), np.uint8(0))[..., None], 3, axis=2)

    def cut_alike(image: Bytes) -> Bytes:
        if record.box is not None:
            return cut(image, record.box, profile(crop_profile), size)
        return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))

    yield Item(cut_alike(blend.real), None, record.group, part)
    yield Item(cut_alike(blend.fake), cut_alike(region)[..., 0] >= 128, record.group, part)


def pairs(root: Path, size: int, frames: int, crop_profile: str) -> Iterator[Item]:
    """Cut frames of manipulated videos, and find their changed regions by the same frames of their originals."""
    with (root / "manifest.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    originals = {row["target"]: row for row in rows if row["label"] == "real"}
    finder = CenterFace()
    for row in rows:
        original = originals.get(row["target"])
        if row["label"] == "real" or original is None:
            continue
        count = min(int(row["frames"]), int(original["frames"]))
        wanted = [round((number + 0.5) * count / frames) for number in range(frames)]
        ours, theirs = (read_frames(root / one["path"], wanted) for one in (row, original))
        for number in wanted:
            fake, real = ours[number], theirs[number]
            # Face2Face has cut its frames to a width that its network takes, from the middle.
            margin = (real.shape[1] - fake.shape[1]) // 2
            real = real[:, margin : margin + fake.shape[1]]
            faces = finder.find(fake)
            if not faces or fake.shape != real.shape:
                continue
            box = max(faces, key=lambda one: one.box[2] - one.box[0]).box
            crop, before = (cut(image, box, profile(crop_profile), size) for image in (fake, real))
            yield Item(before, None, row["group"], row["method"])
            yield Item(crop, difference_region(crop, before), row["group"], row["method"])


def read_frames(path: Path, numbers: list[int]) -> dict[int, Bytes]:
    """Decode some frames of a video, by their numbers."""
    found: dict[int, Bytes] = {}
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in numbers:
                found[number] = frame.to_ndarray(format="rgb24")
            if number >= max(numbers):
                break
    return found


def difference_region(fake: Bytes, real: Bytes) -> Region:
    """Return where two crops differ by more than their coding: (S, S)."""
    change = np.abs(fake.astype(np.float32) - real).mean(axis=2)
    region = ndimage.uniform_filter(change, SQUARE) >= LEAST_DIFFERENCE
    region = ndimage.binary_opening(region, np.ones((SPECK, SPECK)))
    padded = np.pad(region, GAP)
    joined = ndimage.binary_closing(padded, np.ones((GAP, GAP)))[GAP:-GAP, GAP:-GAP]
    filled: Region = ndimage.binary_fill_holes(joined | region)
    return filled


@dataclass(frozen=True)
class Judged:
    """Of one item: the changed share of its cells (side, side), None of a real crop, and the logits of its maps."""

    cells: Floats | None
    maps: dict[str, Floats]
    source: str
    part: str


def judge(detector: Detector, items: Iterable[Item]) -> list[Judged]:
    """Let the detector explain every item."""
    judged = []
    for item in items:
        explained = detector.explain({"crops": item.crop[None]})[0]
        maps: dict[str, Floats] = {}
        if explained.blend_mask is not None:
            value = np.clip(explained.blend_mask.astype(float), 1e-6, 1 - 1e-6)
            maps["blend_mask"] = np.log(value / (1 - value))
        if explained.patch_logits is not None:
            raised = Image.fromarray(explained.patch_logits).resize(
                (MASK_SIDE, MASK_SIDE), Image.Resampling.BILINEAR
            )
            maps["patch_logits"] = np.asarray(raised, float)
        cells = None
        if item.region is not None:
            whole = Image.fromarray(item.region.astype(np.float32))
            cells = np.asarray(whole.resize((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX), float)
        judged.append(Judged(cells, maps, item.source, item.part))
    return judged


def interval(
    values: npt.NDArray[np.float64],
    sources: list[str],
    statistic: Callable[[Floats], Floats] = lambda sums: sums[:, 0] / sums[:, 1],
) -> dict[str, Any]:
    """Return a figure of sums over items (N, K) with its interval; the default is a ratio of two sums."""
    settings = Settings()
    index = cluster_index(sources, len(sources))
    draws = np.concatenate([statistic(counts @ values) for counts in item_counts(index, settings)])
    value = float(statistic(values.sum(axis=0)[None])[0])
    return estimate(value, draws, settings).to_dict() | {"items": len(values), "sources": len(set(sources))}


def pooled_auc(sums: Floats) -> Floats:
    """Return the AUC (B,) of summed histograms (B, 2 x BINS): those of changed cells, then those of the others."""
    changed, others = sums[:, :BINS], sums[:, BINS:]
    below = np.cumsum(others, axis=1) - others / 2
    auc: Floats = (changed * below).sum(axis=1) / (changed.sum(axis=1) * others.sum(axis=1))
    return auc


def histograms(judged: list[Judged], name: str) -> Floats:
    """Count the cells of each item by their value: (N, 2 x BINS), changed ones, then the others."""
    rows = []
    for one in judged:
        assert one.cells is not None
        place = np.clip((one.maps[name] / 28 + 0.5) * BINS, 0, BINS - 1).astype(int)
        changed = one.cells >= 0.5
        rows.append(
            np.r_[np.bincount(place[changed], minlength=BINS), np.bincount(place[~changed], minlength=BINS)]
        )
    return np.array(rows, float)


def mass_of(name: str, logits: Floats) -> Floats:
    """Return what a map shows of each cell, as the report colours it, in [0, 1]."""
    mass = strength_of_patches(logits) if name == "patch_logits" else 1 / (1 + np.exp(-logits))
    return mass if mass.any() else np.ones_like(mass)


def figures(judged: list[Judged], threshold: float) -> dict[str, Any]:
    """Return all figures of one part: by map, and what the part is."""
    fakes = [one for one in judged if one.cells is not None and (one.cells >= 0.5).any()]
    reals = [one for one in judged if one.cells is None]
    sources = [one.source for one in fakes]
    cells = [one.cells for one in fakes if one.cells is not None]
    limit = np.log(threshold / (1 - threshold))
    found: dict[str, Any] = {"covered": interval(np.array([[one.mean(), 1] for one in cells]), sources)}
    if "blend_mask" in fakes[0].maps:
        mean = np.mean([mass_of("blend_mask", one.maps["blend_mask"]) for one in fakes], axis=0)
        for one in fakes:
            one.maps["mean map"] = np.log(mean / (1 - mean))
    for name in fakes[0].maps:
        maps = [one.maps[name] for one in fakes]
        masses = [mass_of(name, logits) for logits in maps]
        inside = np.array([[(m * c).sum(), m.sum()] for m, c in zip(masses, cells, strict=True)])
        peak = [c.ravel()[m.argmax()] >= 0.5 for m, c in zip(maps, cells, strict=True)]
        share = inside[:, 0] / inside[:, 1]
        row = {
            "auc": interval(histograms(fakes, name), sources, pooled_auc),
            "inside": interval(np.c_[share, np.ones(len(share))], sources),
            "inside, pooled": interval(inside, sources),
            "peak inside": interval(np.c_[peak, np.ones(len(peak))], sources),
        }
        if name == "blend_mask":
            hit = np.array([(logits >= limit).any() for logits in maps])
            row["found"] = interval(np.c_[hit, np.ones(len(hit))], sources)
            row["inside, found"] = interval(np.c_[share * hit, hit], sources)
            both = [overlap(m >= limit, c >= 0.5) for m, c in zip(maps, cells, strict=True)]
            row["iou"] = interval(np.c_[both, np.ones(len(both))], sources)
            if reals:
                names, flagged = [one.source for one in reals], [(one.maps[name] >= limit) for one in reals]
                row["flagged in real"] = interval(np.array([[one.mean(), 1] for one in flagged]), names)
                row["found in real"] = interval(np.array([[one.any(), 1] for one in flagged], float), names)
        found[name] = row
    return found


def _has_points(root: Path) -> bool:
    """Return whether a set has landmarks of the crops that are measured on, as donors need them."""
    return any(record.mask_points is not None for record in CropSet.open(root) if record.split != "train")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("--blends", nargs="*", default=[], help="sets of real crops")
    parser.add_argument("--pairs", nargs="*", default=[], help="sets of videos and their originals")
    parser.add_argument("--limit", type=int, default=300, help="real crops of each set and kind")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each video")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    root = Path(os.environ.get("UNMASK_DATA", "data"))
    detector = load_detector(options.detector, threads=1)
    card = detector.card
    threshold = card.localiser.threshold if card.localiser else 0.5
    size, crop_profile = card.input_size, card.crop_profile
    result: dict[str, Any] = {"detector": card.name, "threshold": threshold}

    def add(name: str, judged: list[Judged]) -> None:
        result[name] = figures(judged, threshold)
        print(json.dumps({name: result[name]}), flush=True)

    kinds: tuple[Kind, ...] = ("self_blended", "face_blended")
    for name in options.blends:
        for kind in kinds if _has_points(root / name) else kinds[:1]:
            judged = judge(detector, blends(root / name, kind, size, options.limit, crop_profile))
            add(f"{name}, {kind}", judged)
    for name in options.pairs:
        judged = judge(detector, pairs(root / name, size, options.frames, crop_profile))
        add(f"{name}, all", judged)
        for part in sorted({one.part for one in judged}):
            add(f"{name}, {part}", [one for one in judged if one.part == part])
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
