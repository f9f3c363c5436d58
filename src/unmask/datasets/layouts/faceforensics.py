"""FaceForensics++ with FaceShifter and the DeepFakeDetection recordings (Rössler et al., ICCV 2019).

Fakes are named TARGET_SOURCE: the frames are TARGET's, the face or its expression is SOURCE's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow, connected, media_below
from unmask.datasets.manifests import DatasetError

DATASET = "FaceForensics++"
ACTORS_DATASET = "DeepFakeDetection"
COMPRESSIONS = {"c0": "raw", "raw": "raw", "c23": "c23", "c40": "c40"}
ORIGINALS = ("youtube", "actors")
MANIPULATIONS = (
    "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter", "DeepFakeDetection",
)  # fmt: skip
SPLITS = ("train", "val", "test")

_PAIR = re.compile(r"(?P<target>\d+)_(?P<donor>\d+)$")
_ACTORS = re.compile(r"(?P<target>\d+)_(?P<donor>\d+)__(?P<scene>.+)__[A-Z0-9]+$")


def read(root: Path) -> Listing:
    """List every compression present; groups are the recordings linked by fakes, for actors the person.

    Parameters
    ----------
    root
        Of the dataset.

    Raises
    ------
    DatasetError
        When a split list cannot be read.
    """
    pairs = _split_pairs(root)
    split = {name: part for part, linked in pairs.items() for pair in linked for name in pair}
    found = [row for folder in _folders(root) for row in _rows(root, *folder)]
    links = [(row.source, row.donor or row.source) for row in found if row.dataset == DATASET]
    group = connected([*links, *(pair for linked in pairs.values() for pair in linked)])
    rows = tuple(
        row
        if row.dataset == ACTORS_DATASET
        else VideoRow(**{**row.__dict__, "group": group[row.source], "split": split.get(row.source, "")})
        for row in found
    )
    note = (
        "no split lists (splits/train.json, val.json, test.json of the authors' repository): split is empty"
    )
    return Listing(rows, () if split or not links else (note,))


def _split_pairs(root: Path) -> dict[str, list[tuple[str, str]]]:
    """Read the official split lists, pairs of recordings; an absent list is left out. Raises DatasetError."""
    pairs = {}
    for part in SPLITS:
        path = next(
            (p for p in (root / "splits" / f"{part}.json", root / f"{part}.json") if p.is_file()), None
        )
        if path is None:
            continue
        try:
            pairs[part] = [(str(one), str(other)) for one, other in json.loads(path.read_bytes())]
        except (ValueError, TypeError) as error:
            raise DatasetError(f"{path}: not a list of pairs of recordings") from error
    return pairs


def _folders(root: Path) -> Iterator[tuple[str, str, str]]:
    """Find folders of videos: path, kind and compression. Masks and extracted images are left aside."""
    kinds = [f"original_sequences/{name}" for name in ORIGINALS]
    kinds += [f"manipulated_sequences/{name}" for name in MANIPULATIONS]
    for kind in kinds:
        for folder, compression in COMPRESSIONS.items():
            if (root / kind / folder / "videos").is_dir():
                yield f"{kind}/{folder}/videos", kind.rpartition("/")[2], compression


def _rows(root: Path, folder: str, kind: str, compression: str) -> Iterator[VideoRow]:
    actors = kind in ("actors", "DeepFakeDetection")
    for path in media_below(root, folder):
        facts = _of_actors(Path(path).stem) if actors else _of_youtube(Path(path).stem)
        label = int(kind not in ORIGINALS)
        method = kind if label else REAL
        dataset = ACTORS_DATASET if actors else DATASET
        yield VideoRow(path, label, dataset, method, compression=compression, attributes={}, **facts)


def _of_youtube(stem: str) -> Mapping[str, str]:
    named = _PAIR.match(stem)
    return {"source": named["target"], "donor": named["donor"]} if named else {"source": stem}


def _of_actors(stem: str) -> Mapping[str, str]:
    """Actors swap with many others, so nothing but the person on the screen can be kept apart."""
    named = _ACTORS.match(stem)
    person = named["target"] if named else stem.partition("__")[0]
    source = f"{person}__{named['scene']}" if named else stem
    donor = named["donor"] if named else ""
    return {"source": source, "donor": donor, "person": person, "group": person}


LAYOUTS = (
    Layout(
        "faceforensics",
        "FaceForensics++",
        (("manipulated_sequences/*/*/videos", "original_sequences/*/*/videos"),),
        read,
    ),
)
