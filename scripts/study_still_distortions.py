"""What distortions cost the detectors of images: AUC on crops of validation sets, undistorted and distorted.

    python scripts/study_still_distortions.py SET... --detector jrc-stills --detector jrc [--faces 60] [--cache DIR]

So many real and so many fake crops of each set's split `val` are drawn by a hash of their names. Each goes through the
seven distortions of DeeperForensics-1.0 at levels 3 and 5 (`unmask.distortions.levels`), WebP, GIF and what a
screenshot does, before the detector's profile is cut from it; a crop without a box is distorted and scaled. The seed of
noise and blocks is the crop's own, so all detectors see the same. 95 % intervals by bootstrap over groups; differences
to the undistorted crops are paired. With --cache an interrupted run goes on, and prints what it has.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from unmask.datasets import CropSet
from unmask.detectors import Card, load_detector
from unmask.distortions.codecs import compress_jpeg
from unmask.distortions.levels import DISTORTIONS, Change
from unmask.evaluation.remarks import show
from unmask.gating import LabelledFace, hash_of, read_face
from unmask.statistics.auc import auc_difference, auc_estimate
from unmask.statistics.intervals import Settings

Picture = npt.NDArray[np.uint8]
SEVEN = ("saturation", "contrast", "blocks", "noise", "blur", "pixelation", "h264")
LEVELS = (3, 5)
SHOWN_AT = 0.8
"""Scale at which a screenshot shows the picture."""


def as_gif(image: Picture) -> Picture:
    """Reduce to an adaptive palette of 256 colours with Floyd-Steinberg dithering."""
    return np.asarray(Image.fromarray(image).quantize(256, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB"))


def as_screenshot(image: Picture) -> Picture:
    """Scale bilinearly to `SHOWN_AT`, as a viewer does, and encode as JPEG of quality 85."""
    height, width = image.shape[:2]
    size = round(width * SHOWN_AT), round(height * SHOWN_AT)
    return np.asarray(compress_jpeg(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR), 85))


def distortions(number: int) -> dict[str, Callable[[Picture], Picture]]:
    """Return every distortion of one crop, by name; the first changes nothing."""

    def change(name: str, level: int) -> Callable[[Picture], Picture]:
        return lambda image: Change(DISTORTIONS[name], level)(image, number)

    found: dict[str, Callable[[Picture], Picture]] = {"none": lambda image: image}
    found |= {f"{name} {level}": change(name, level) for name in SEVEN for level in LEVELS}
    return found | {"webp 3": change("webp", 3), "gif": as_gif, "screenshot": as_screenshot}


def crop_for(face: LabelledFace, card: Card, apply: Callable[[Picture], Picture]) -> Picture:
    """Distort a face's picture and cut it for a detector."""
    image = apply(face.image)
    scale = image.shape[1] / face.image.shape[1]
    x0, y0, x1, y1 = face.box
    return replace(face, image=image, box=(x0 * scale, y0 * scale, x1 * scale, y1 * scale)).crop_for(card)


def drawn(crops: CropSet, faces: int) -> list[int]:
    """Draw as many real as fake crops, in turn."""
    places = [place for place, record in enumerate(crops.records) if record.split in (None, "", "val")]
    places.sort(key=lambda place: hash_of(crops.records[place].file))
    real, fake = ([p for p in places if crops.records[p].label == label][:faces] for label in (0, 1))
    return [place for pair in zip(real, fake, strict=False) for place in pair]


def score(root: Path, name: str, faces: int, cache: Path | None) -> dict[str, npt.NDArray[np.float64]]:
    """Return (N,) labels, and logits by distortion; sources under ``source``."""
    crops, detector = CropSet.open(root), load_detector(name, threads=1)
    file = None if cache is None else cache / f"{root.resolve().name}-{name}.npz"
    rows: list[list[float]] = []
    places = drawn(crops, faces)
    if file is not None and file.is_file():
        rows = np.load(file, allow_pickle=False)["logits"].tolist()[: len(places)]
    for place in places[len(rows) :]:
        face = read_face(crops, place)
        ways = distortions(hash_of(face.record.file))
        pictures = [crop_for(face, detector.card, apply) for apply in ways.values()]
        rows.append(detector.logits(np.stack(pictures)).tolist())
        if file is not None and len(rows) % 10 == 0:
            np.savez(file, logits=np.array(rows))
            print(f"{root.resolve().name}, {name}: {len(rows)} of {len(places)}", flush=True)
    records = [crops.records[place] for place in places[: len(rows)]]
    columns = dict(zip(distortions(0), np.array(rows, np.float64).T, strict=True))
    return columns | {
        "label": np.array([record.label for record in records]),
        "source": np.array([hash_of(record.group) for record in records]),
    }


def table(columns: Sequence[tuple[str, dict[str, npt.NDArray[np.float64]]]]) -> str:
    """Write a row a distortion, and two cells a set and detector: AUC and difference."""
    lines = ["| distortion | " + " | ".join(f"{name} | difference" for name, _ in columns) + " |"]
    lines.append("| --- " * (1 + 2 * len(columns)) + "|")
    for way in distortions(0):
        cells = [way]
        for _, found in columns:
            labels, groups = found["label"].astype(np.int64), found["source"].astype(str)
            auc = auc_estimate(labels, found[way], groups, Settings())
            gap = auc_difference(labels, found[way], found["none"], groups, Settings())
            cells.append(show(auc, 3))
            cells.append("" if way == "none" else show(gap, 3))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Score and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--detector", action="append", required=True)
    parser.add_argument("--faces", type=int, default=60, help="real ones of each set, and as many fake ones")
    parser.add_argument("--cache", type=Path, help="folder that keeps the logits")
    options = parser.parse_args()
    if options.cache:
        options.cache.mkdir(parents=True, exist_ok=True)
    print(
        table(
            [
                (f"{root.resolve().name}, `{name}`", score(root, name, options.faces, options.cache))
                for root in options.sets
                for name in options.detector
            ]
        )
    )


if __name__ == "__main__":
    main()
