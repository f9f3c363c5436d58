"""Fit the statistics by which a detector tells faces that are unlike photographs, and write them beside its weights.

    python scripts/fit_familiarity.py DETECTOR SET [SET...] [--cache DIR] [--write]

DETECTOR is a name or a folder that `unmask export` wrote, whose head reads a trunk; SET a folder of face crops. Of
each set some real and manipulated faces of its split `train` are taken as they are, and every third of them once more,
made worse (`unmask.distortions.faces`), so that a bad photograph stays a photograph. A set without splits lends
seven of ten groups. The distribution of the distance is that of the faces as they are, out of fold, over folds of
groups. --write puts `familiarity.npz` into the detector's folder, where it goes before the trunk's, and its hash and
quantiles into card.json.

Only the trunk counts, not the head: with --cache a retrained head on the same trunk is done in seconds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unmask.datasets import CropRecord, CropSet
from unmask.detectors import Card, Familiarity, Quality, Trunk, file_sha256, load_card, open_trunk_of
from unmask.detectors.familiarity import FAMILIARITY_NAME, Floats, fit_reference_faces
from unmask.detectors.registry import detector_folder
from unmask.gating import hash_of, read_face
from unmask.training.quality import distribution

COMPONENTS = 384
DEGRADED_SHARE = 0.05
"""Weight of the faces made worse. Without them half of such faces are refused; with 25 % drawings pass."""
CHANNELS = 768
"""Channels of a token that count: those of the earliest block that the head reads, which know more of how a picture
was made than later ones."""
FACES = 500
"""Of each set, as they are."""
FOLDS = 10


class SetFaces(NamedTuple):
    """Of a set's faces the mean tokens (N, CHANNELS), the fold of each (N,) and whether it was made worse (N,)."""

    means: Floats
    folds: npt.NDArray[np.int64]
    degraded: npt.NDArray[np.bool_]

    def weights(self) -> npt.NDArray[np.float64]:
        """Return the weight (N,) of each face; those of a set add up to 1."""
        worse, as_it_is = self.degraded.sum(), (~self.degraded).sum()
        return np.where(self.degraded, DEGRADED_SHARE / max(1, worse), (1 - DEGRADED_SHARE) / as_it_is)


def chosen(root: Path, number: int) -> tuple[CropSet, list[int]]:
    """Draw the faces of a set, by a hash of their names."""
    crops = CropSet.open(root)
    splits = {record.split for record in crops.records}

    def may_be_used(record: CropRecord) -> bool:
        if "train" in splits:
            return record.split == "train"
        return hash_of(record.group) % 10 < 7

    places = [place for place, record in enumerate(crops.records) if may_be_used(record)]
    places.sort(key=lambda place: hash_of(crops.records[place].file))
    return crops, places[:number]


def pictures(crops: CropSet, places: list[int], card: Card) -> Iterator[npt.NDArray[np.uint8]]:
    """Cut the faces as they are, and every third of them once more, made worse."""
    for number, place in enumerate(places):
        face = read_face(crops, place)
        yield face.crop_for(card)
        if number % 3 == 0:
            yield read_face(crops, place, (hash_of(face.record.file), 1)).cut_for(card)


def mean_tokens(trunk: Trunk, root: Path, number: int, card: Card, cache: Path | None) -> SetFaces:
    """Return the mean tokens of a set's faces."""
    assert card.trunk is not None
    key = hash_of(f"{card.trunk.identity} {card.crop_profile} {number}")
    file = None if cache is None else cache / f"{root.resolve().name}-{key:08x}.npz"
    crops, places = chosen(root, number)
    turns = [(place, worse) for k, place in enumerate(places) for worse in (False, True)[: 1 + (k % 3 == 0)]]
    folds = np.array([hash_of(crops.records[place].group) % FOLDS for place, _ in turns])
    degraded = np.array([worse for _, worse in turns])
    if file is not None and file.is_file():
        with np.load(file, allow_pickle=False) as kept:
            return SetFaces(kept["means"], folds, degraded)
    means: list[Floats] = []
    for picture in pictures(crops, places, card):
        means.append(trunk.maps(picture[None])[0, :, :CHANNELS].mean(axis=0))
        if len(means) % 100 == 0:
            print(f"{root.name}: {len(means)} of {len(turns)}", flush=True)
    if file is not None:
        np.savez(file, means=np.array(means, np.float32))
    return SetFaces(np.array(means, np.float32), folds, degraded)


def main() -> None:
    """Fit, print the quantiles and, where asked to, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--faces", type=int, default=FACES, help="of each set, as they are")
    parser.add_argument("--components", type=int, default=COMPONENTS)
    parser.add_argument("--cache", type=Path, help="folder that keeps the faces' mean tokens")
    parser.add_argument("--write", action="store_true", help="write familiarity.npz and card.json")
    options = parser.parse_args()
    folder, card = detector_folder(options.detector), load_card(options.detector)
    if card.trunk is None:
        parser.error(f"{card.name} reads no trunk")
    if options.cache:
        options.cache.mkdir(parents=True, exist_ok=True)
    trunk = open_trunk_of(folder, card.trunk, threads=1)
    parts = [mean_tokens(trunk, root, options.faces, card, options.cache) for root in options.sets]
    means, folds, degraded = (np.concatenate(column) for column in zip(*parts, strict=True))
    weights = np.concatenate([part.weights() for part in parts])
    distances = np.zeros(len(means))
    for fold in range(FOLDS):
        rest = fit_reference_faces(means[folds != fold], weights[folds != fold], options.components)
        distances[folds == fold] = rest.distances(means[folds == fold])
    names = np.repeat([root.resolve().name for root in options.sets], [len(part.means) for part in parts])
    spread = distribution({name: distances[(names == name) & ~degraded] for name in dict.fromkeys(names)})
    if spread is None:
        parser.error("these faces do not differ")
    print(spread.model_dump_json())
    for name in dict.fromkeys(names):
        for way, mask in (("as they are", ~degraded), ("made worse", degraded)):
            values = distances[(names == name) & mask]
            refused = np.mean(values >= spread.quantiles["0.99"])
            print(f"{name} {way}: {len(values)} faces, {refused:.1%} refused")
    if not options.write:
        return
    fit_reference_faces(means, weights, options.components).save(folder / FAMILIARITY_NAME)
    familiarity = Familiarity(
        sha256=file_sha256(folder / FAMILIARITY_NAME), trunk=card.trunk.identity, distances=spread
    )
    quality = (card.quality or Quality()).model_copy(update={"familiarity": familiarity})
    written = json.loads(card.model_copy(update={"quality": quality}).model_dump_json())
    (folder / "card.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    print(f"written to {folder}")


if __name__ == "__main__":
    main()
