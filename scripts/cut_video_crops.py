"""Cut the main face of sampled frames of each video in a manifest into a set of crops.

    python scripts/cut_video_crops.py ../shared/data/ffpp-c23-val crops/ffpp-c23-val --frames 16

The crops are generous (twice the face box) and carry their box, so that any crop profile can be cut from them:
they serve as a validation set while a detector is trained. Their source terms go on to hold.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from PIL import Image

from unmask.datasets import CropRecord, write_manifest
from unmask.evaluation.videos import main_track
from unmask.faces import CenterFace, CropProfile, Face, cut, link, scene_of
from unmask.media import open_media

GENEROUS = CropProfile("generous", scale=2.0)


def cut_video(path: Path, frames: int, size: int, finder: CenterFace) -> list[tuple[int, Image.Image, Face]]:
    """Sample one video: position of the frame, crop, and the face in the crop's pixels."""
    found: list[list[Face]] = []
    scenes = []
    crops: list[list[Image.Image]] = []
    with open_media(path) as media:
        for frame in media.sample(frames):
            faces = finder.find(frame.image)
            found.append(faces)
            scenes.append(scene_of(frame.image))
            crops.append([Image.fromarray(cut(frame.image, face.box, GENEROUS, size)) for face in faces])
    tracks = link(found, scenes)
    if not tracks:
        return []
    result = []
    for position, face in main_track(tracks).faces:
        number = next(number for number, other in enumerate(found[position]) if other is face)
        result.append((position, crops[position][number], face))
    return result


def box_in_crop(face: Face, size: int) -> tuple[float, float, float, float]:
    """Move a face's box into the pixels of its crop."""
    x0, y0, x1, _ = GENEROUS.square(face.box)
    scale = size / (x1 - x0)
    left, top, right, bottom = face.box
    return (left - x0) * scale, (top - y0) * scale, (right - x0) * scale, (bottom - y0) * scale


def main() -> None:
    """Cut all videos of a manifest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "videos", type=Path, help="folder with manifest.csv: path, label, method, source, group"
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=384)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    finder = CenterFace()
    records = []
    with (options.videos / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        for position, crop, face in cut_video(
            options.videos / row["path"], options.frames, options.size, finder
        ):
            name = f"{number:04d}-{position:03d}.png"
            crop.save(options.out / name)
            records.append(
                CropRecord(
                    file=name,
                    label=int(row["label"] == "fake"),
                    source=f"{row['method']}/{Path(row['path']).stem}",
                    split="val",
                    dataset=options.videos.name,
                    method=row.get("method", ""),
                    group=row.get("group", ""),
                    box=box_in_crop(face, options.size),
                )
            )
        print(f"{number + 1} of {len(rows)}: {row['path']}", flush=True)
    write_manifest(options.out, records)


if __name__ == "__main__":
    main()
