"""Learn filters of parts of the face on a trunk's maps of real faces, name them, and write them beside the trunk.

    python scripts/fit_parts.py DETECTOR SET:FACES [SET:FACES...] --cache DIR [--write]

DETECTOR is a name or a folder of a detector whose head reads a trunk; SET a folder of face crops. So many real faces of
its split `train` are taken; a set without splits keeps a tenth of its persons back. Each is cut as the detector reads
faces, and every second of them once more, moved and scaled at random. No label has a part in the fit. Names come from
the mesh landmarks of the sets that have some: that of the group whose middle lies nearest on average. --write puts
`parts.npz` into the trunk's folder, and its hash into the cards of all built-in detectors that read the same tokens of
faces cut alike.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.datasets import CropSet
from unmask.datasets.regions import landmark_groups
from unmask.detectors import Card, PartsOfFace, Trunk, built_in, file_sha256, load_card, open_trunk_of
from unmask.detectors.parts import PARTS_NAME, PartFilters
from unmask.detectors.registry import detector_folder
from unmask.faces import Box, CropProfile, cut, profile
from unmask.gating import LabelledFace, hash_of, read_face
from unmask.training.part_filters import FaceViews, PartOptions, fit_part_filters

HELD_OUT = 0.1
CHANNELS = 768
"""Channels of a token that are read: those of the last block."""
SCALES, SCALES_OF_TIGHT = (0.95, 1.7), (0.8, 1.3)
"""Side of a second view in sides of the face, and of the crop where a set has no boxes."""
MOVED = 0.16
"""At most, in sides of the face, along each axis."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class View:
    """One view of a face.

    Parameters
    ----------
    crop
        (S, S, 3) uint8 RGB.
    square
        What it shows, (left, top, right, bottom) in pixels of the set's crop.
    frame
        See `FaceViews.frames`.
    """

    crop: npt.NDArray[np.uint8]
    square: Box
    frame: tuple[float, float, float]

    @classmethod
    def of(
        cls, face: LabelledFace, square: Box, size: int, image: npt.NDArray[np.uint8] | None = None
    ) -> View:
        """Cut a view of a face; its pixels come from another image of the same size where one is given."""
        x0, y0, x1, y1 = face.box
        side, middle = max(x1 - x0, y1 - y0), ((x0 + x1) / 2, (y0 + y1) / 2)
        frame = (
            (square[0] - middle[0]) / side,
            (square[1] - middle[1]) / side,
            (square[2] - square[0]) / side,
        )
        shown = face.image if image is None else image
        return cls(cut(shown, square, CropProfile("as it is", 1.0), size), square, frame)

    def places_of(self, points: npt.NDArray[np.floating]) -> Floats:
        """Return points (..., 2) of the set's crop in sides of the view."""
        left, top, right, _ = self.square
        places: Floats = ((points - (left, top)) / (right - left)).astype(np.float32)
        return places


def as_read(face: LabelledFace, card: Card) -> Box:
    """Return the square that a detector reads; all of a crop without a box."""
    if face.record.box is not None:
        return profile(card.crop_profile).square(face.box)
    side = min(face.image.shape[:2])
    return 0.0, 0.0, float(side), float(side)


def moved(face: LabelledFace) -> Box:
    """Return a square that is moved and scaled at random, drawn by the file's name."""
    draws = np.random.default_rng([hash_of(face.record.file), 0])
    scale = draws.uniform(*(SCALES if face.record.box is not None else SCALES_OF_TIGHT))
    x0, y0, x1, y1 = face.box
    side = max(x1 - x0, y1 - y0)
    x, y = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) + draws.uniform(-MOVED, MOVED, 2) * side
    half = scale * side / 2
    return x - half, y - half, x + half, y + half


def real_faces(root: Path, *, training: bool) -> CropSet:
    """Return the real faces of a set that are fitted on, or those that are not."""
    crops = CropSet.open(root).select(label="real")
    splits = {record.split for record in crops.records}
    if "train" in splits:
        return crops.select(split="train" if training else "val")
    rest, held_out = crops.hold_out(HELD_OUT)
    return rest if training else held_out


def drawn(crops: CropSet, number: int) -> list[int]:
    """Draw faces by a hash of their names."""
    return sorted(range(len(crops)), key=lambda place: hash_of(crops.records[place].file))[:number]


def has_second_view(file: str) -> bool:
    """Return whether a face is cut twice: every second one."""
    return hash_of(file) // 7 % 2 == 1


def make_views(trunk: Trunk, card: Card, sets: list[tuple[Path, int]], cache: Path) -> None:
    """Write the maps of all views, their frames, and the landmarks of those that have some."""
    chosen = [
        (crops, place)
        for root, number in sets
        for crops in [real_faces(root, training=True)]
        for place in drawn(crops, number)
    ]
    total = sum(1 + has_second_view(crops.records[place].file) for crops, place in chosen)
    maps = np.lib.format.open_memmap(cache / "maps.npy", "w+", np.float16, (total, 196, CHANNELS))
    frames, paired, plain, named, points = [], [], [], [], []
    for crops, place in chosen:
        face = read_face(crops, place)
        second = has_second_view(face.record.file)
        views = [View.of(face, square, card.input_size) for square in (as_read(face, card), moved(face))]
        plain.append(len(frames))
        if second:
            paired.append(len(frames))
        if face.record.points is not None:
            named.append(len(frames))
            points.append(views[0].places_of(face.record.points))
        for view in views[: 1 + second]:
            maps[len(frames)] = trunk.maps(view.crop[None])[0, :, -CHANNELS:]
            frames.append(view.frame)
        if len(plain) % 200 == 0:
            print(f"{len(plain)} of {len(chosen)} faces", flush=True)
    np.savez(
        cache / "views.npz",
        frames=np.array(frames, np.float32),
        paired=np.array(paired),
        plain=np.array(plain),
        named=np.array(named),
        points=np.array(points, np.float32),
    )


def names_of(filters: PartFilters, maps: npt.NDArray[np.floating], points: Floats) -> tuple[str, ...]:
    """Return each part's name: the landmark group whose middle lies nearest, on average over faces."""
    places = np.concatenate(
        [filters.places(filters.activations(maps[start : start + 64])) for start in range(0, len(maps), 64)]
    )
    groups = landmark_groups(points)
    distances = np.stack(
        [np.hypot(*(places - middle[:, None]).transpose(2, 0, 1)).mean(0) for middle in groups.values()]
    )
    return tuple(list(groups)[number] for number in distances.argmin(0))


def write(filters: PartFilters, card: Card, trunk: Trunk, faces: int, sets: tuple[str, ...]) -> None:
    """Write the file, and its hash into the cards of the detectors that read the same tokens of faces cut alike."""
    assert card.trunk is not None
    path = trunk.path.with_name(PARTS_NAME)
    filters.save(path)
    parts = PartsOfFace(
        sha256=file_sha256(path), trunk=card.trunk.identity, names=filters.names, faces=faces, sets=sets
    )
    for name, folder in built_in().items():
        other = load_card(name)
        if other.trunk == card.trunk and other.input == card.input:
            file = folder / "card.json"
            text = file.read_text(encoding="utf-8")
            line = f'  "parts": {json.dumps(json.loads(parts.model_dump_json()))}'
            # As it stands: a card that is read and written again may look different.
            file.write_text(with_line(text, line), encoding="utf-8")
            print(f"written to {file}")


def with_line(text: str, line: str) -> str:
    """Return a card's text with a line at its end in place of an earlier one of this kind."""
    kept = [
        one
        for one in text.rstrip().removesuffix("}").rstrip().splitlines()
        if not one.startswith('  "parts":')
    ]
    return "\n".join([*kept[:-1], kept[-1].rstrip(",") + ",", line, "}", ""])


def main() -> None:
    """Fit, print what came out and, where asked to, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("sets", nargs="+", metavar="SET:FACES")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the maps")
    parser.add_argument("--parts", type=int, default=PartOptions.parts)
    parser.add_argument("--steps", type=int, default=PartOptions.steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--consistency", type=float, default=PartOptions.consistency)
    parser.add_argument("--spread", type=float, default=PartOptions.spread)
    parser.add_argument("--out", type=Path, help="write the filters here")
    parser.add_argument("--write", action="store_true", help=f"write {PARTS_NAME} and the cards")
    options = parser.parse_args()
    card = load_card(options.detector)
    if card.trunk is None:
        parser.error(f"{card.name} reads no trunk")
    sets = [(Path(root), int(number)) for root, _, number in (each.rpartition(":") for each in options.sets)]
    trunk = open_trunk_of(detector_folder(options.detector), card.trunk, threads=1)
    options.cache.mkdir(parents=True, exist_ok=True)
    if not (options.cache / "views.npz").is_file():
        make_views(trunk, card, sets, options.cache)
    maps = np.load(options.cache / "maps.npy", mmap_mode="r")
    with np.load(options.cache / "views.npz") as kept:
        views = FaceViews(maps, kept["frames"], kept["paired"], kept["plain"])
        named, points = kept["named"], kept["points"]
    chosen = PartOptions(
        options.parts,
        options.steps,
        seed=options.seed,
        consistency=options.consistency,
        spread=options.spread,
    )
    filters = fit_part_filters(views, chosen, lambda step, losses: print(step, losses, flush=True))
    filters = filters.renamed(names_of(filters, maps[named], points))
    print(", ".join(filters.names))
    if options.out:
        filters.save(options.out)
    if options.write:
        write(filters, card, trunk, len(views.plain), tuple(root.resolve().name for root, _ in sets))


if __name__ == "__main__":
    main()
