"""Which changes of a picture does `unmask audit` see through? Bits between the hashes of crops and of changed copies.

    python benchmarks/near_duplicates.py ../shared/data/dfdc-faces

With `--verify` a copy is found as `unmask audit --verify` finds it: by a wider search, and by features.
The last line is about pairs of different sources: how near the nearest of them are.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

from unmask.audit import hashes
from unmask.audit.copies import NEAR
from unmask.audit.file_facts import thumbnail
from unmask.audit.verification import CANDIDATE, SIMILAR, describe_pictures
from unmask.datasets import CropSet
from unmask.detectors import Trunk


def main() -> None:
    """Print for each change the median and the 95th percentile of the distance, and the share found again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--crops", type=int, default=150)
    parser.add_argument("--verify", action="store_true")
    options = parser.parse_args()
    crops = CropSet.open(options.folder)
    chosen = np.unique(np.linspace(0, len(crops) - 1, options.crops).astype(int))
    images = [Image.fromarray(crops.image(int(index))) for index in chosen]
    plain = bits(images)
    trunk = Trunk() if options.verify else None
    described = descriptors(images, trunk) if trunk else None
    side = images[0].width
    changes = {
        "JPEG 50": lambda image: coded(image, "JPEG", 50),
        "JPEG 30": lambda image: coded(image, "JPEG", 30),
        "WebP 50": lambda image: coded(image, "WEBP", 50),
        "contrast 0.8, brighter by 20": lambda image: image.point(lambda value: int(0.8 * value + 20)),
        "half the size": lambda image: image.resize((side // 2, side // 2)),
        "a quarter of the size": lambda image: image.resize((side // 4, side // 4)),
        "2 % cut off each side": lambda image: image.resize(image.size, box=inner(side)),
        "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }
    for name, change in changes.items():
        changed = [change(image) for image in images]
        apart = (plain != bits(changed)).sum(axis=1)
        middle, most = np.quantile(apart, [0.5, 0.95])
        found, cosines = apart <= NEAR, ""
        if trunk and described is not None:
            similar = (described * descriptors(changed, trunk)).sum(axis=1)
            found = (apart <= CANDIDATE) & (similar >= SIMILAR)
            cosines = f", cosine {np.median(similar):.3f}, 95 % {np.quantile(similar, 0.05):.3f}"
        print(
            f"{name}: {middle:.0f} bits, 95 % {most:.0f}{cosines}, found {found.mean():.1%} of {len(images)}"
        )
    sources = np.array([crops.records[index].source for index in chosen])
    apart = (plain[:, None] != plain[None]).sum(axis=2)[sources[:, None] != sources[None]]
    print(f"different sources: {np.median(apart):.0f} bits, nearest {apart.min()} of {apart.size // 2} pairs")
    if described is not None:
        similar = (described @ described.T)[sources[:, None] != sources[None]]
        print(f"different sources: cosine {np.median(similar):.3f}, 95 % {np.quantile(similar, 0.95):.3f}")


def bits(images: list[Image.Image]) -> np.ndarray:
    """Hash pictures: (N, 256) of 0 and 1."""
    packed = hashes(np.stack([thumbnail(image) for image in images])[:, None])
    return np.unpackbits(packed.view(np.uint8), axis=1)


def descriptors(images: list[Image.Image], trunk: Trunk) -> np.ndarray:
    """Describe pictures as `unmask audit --verify` does: (N, D)."""
    return np.stack([describe_pictures(trunk, [np.asarray(image.convert("RGB"))]) for image in images])


def coded(image: Image.Image, image_format: str, quality: int) -> Image.Image:
    """Code a picture anew."""
    data = io.BytesIO()
    image.save(data, image_format, quality=quality)
    return Image.open(data)


def inner(side: int) -> tuple[int, int, int, int]:
    """Return the box that leaves 2 % off each side."""
    margin = round(0.02 * side)
    return margin, margin, side - margin, side - margin


if __name__ == "__main__":
    main()
