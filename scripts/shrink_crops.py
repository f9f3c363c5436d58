"""Write the crops of a set as a detector's crop profile cuts them, small, for quick training from pixels.

    python scripts/shrink_crops.py sets/dfdc-faces --profile tight --side 72 --out sets/dfdc-faces-72

Crops with boxes are cut, those without are scaled as a whole. Splits, labels, sources and videos stay; landmarks move
along, so that the crops can be blended.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from unmask.datasets import CropSet, write_manifest
from unmask.faces import cut, profile


def main() -> None:
    """Read the command line, write the set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", type=Path)
    parser.add_argument("--profile", default="tight")
    parser.add_argument("--side", type=int, default=72)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    crops, cut_by = CropSet.open(options.set), profile(options.profile)
    options.out.mkdir(parents=True)
    records = []
    for number, record in enumerate(crops.records):
        image = crops.image(number)
        left, top, right, bottom = 0.0, 0.0, float(image.shape[1]), float(image.shape[0])
        if record.box is not None:
            left, top, right, bottom = cut_by.square(record.box)
            image = cut(image, record.box, cut_by, options.side)
        landmarks = record.landmarks
        if landmarks is not None:
            scale = options.side / np.array([right - left, bottom - top])
            landmarks = ((landmarks - np.array([left, top])) * scale).astype(np.float32)
        small = Image.fromarray(np.asarray(image)).resize(
            (options.side, options.side), Image.Resampling.LANCZOS
        )
        name = f"{number:05d}.jpg"
        small.save(options.out / name, quality=95, subsampling=0)
        records.append(replace(record, file=name, shard="", box=None, landmarks=landmarks))
    write_manifest(options.out, records)


if __name__ == "__main__":
    main()
