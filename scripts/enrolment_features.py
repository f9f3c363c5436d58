"""Cache the features of labelled faces by which attribution and enrolment are fitted and measured.

    python scripts/enrolment_features.py SETS --out CACHE [--only NAME...]

SETS is the folder of dfdc-faces, wide-faces, swapped-stills, generated-faces, utk-crops and ffpp-c23-val-crops. Each
part of `PARTS` becomes CACHE/NAME.npz: of each face the mean and the maximum of its tokens, the pooled latent of each
head and each detector's logit, its label, family, source, group and set. Pictures are not kept.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import unmask  # noqa: F401 (first: it switches the telemetry of others off)

# isort: split
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from PIL import Image

from unmask.datasets import CropRecord, CropSet, FaceBlender, SelfBlender
from unmask.datasets.families import family_of
from unmask.detectors import load_card, open_trunk_of
from unmask.detectors.registry import detector_folder
from unmask.faces import cut, profile

HEADS = {
    "jrc": ("cat", "cat_1", "cat_2", "logit"),
    "jrc-stills": ("cat", "relu", "logit"),
}
"""Results of each head's graph that are kept: pooled latents, hidden layers, logit."""
SIZE = 224
HELD_OUT = 0.1
"""Share of wide-faces that the shipped detectors were not trained on, as their recipes draw it."""

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PartOfSet:
    """Which faces of a set are taken.

    Parameters
    ----------
    folder
        Of the set.
    split
        Of its manifest; ``held_out`` and ``rest`` of a set without one.
    number
        At most so many of each label, drawn by a hash of their names; of videos, so many frames each.
    kinds
        ``labelled``: as they are; ``blend_self``, ``blend_face``: fakes made of the real ones.
    """

    folder: str
    split: str = ""
    number: int = 10_000
    kinds: tuple[str, ...] = ("labelled",)


BLENDS = ("labelled", "blend_self", "blend_face")
PARTS = {
    "dfdc-val": PartOfSet("dfdc-faces", "val", 400),
    "stills-val": PartOfSet("swapped-stills", "val"),
    "generated-val": PartOfSet("generated-faces", "val"),
    "wide-val": PartOfSet("wide-faces", "held_out", kinds=BLENDS),
    "utk-val": PartOfSet("utk-crops", "val"),
    "dfdc-train": PartOfSet("dfdc-faces", "train", 500),
    "wide-train": PartOfSet("wide-faces", "rest", 300, kinds=BLENDS),
    "stills-train": PartOfSet("swapped-stills", "train", 400),
    "generated-train": PartOfSet("generated-faces", "train", 300),
    "ffpp": PartOfSet("ffpp-c23-val-crops", "", 4),
    "utk-train": PartOfSet("utk-crops", "train", 50),
    "stills-blends": PartOfSet("swapped-stills", "val", 150, kinds=("blend_self", "blend_face")),
}


def chosen(root: Path, part: PartOfSet) -> CropSet:
    """Return the faces of a part, drawn by a hash of their names."""
    crops = CropSet.open(root / part.folder)
    if part.split in ("held_out", "rest"):
        rest, held_out = crops.hold_out(HELD_OUT)
        crops = held_out if part.split == "held_out" else rest
    elif part.split:
        crops = crops.select(split=part.split)
    key = "\n".join if part.folder.startswith("ffpp") else None
    taken: list[int] = []
    counts: dict[str, int] = {}
    order = sorted(range(len(crops)), key=lambda place: zlib.crc32(crops.records[place].file.encode()))
    for place in order:
        record = crops.records[place]
        of = key(record.video) if key else f"{record.label} {record.method}"
        counts[of] = counts.get(of, 0) + 1
        if counts[of] <= part.number:
            taken.append(place)
    return crops.subset(taken)


def faces(crops: CropSet, part: PartOfSet) -> Iterator[tuple[Picture, CropRecord, int, str]]:
    """Yield each face as it is cut for a detector, its record, label and family."""
    self_blender = SelfBlender()
    face_blender = FaceBlender(crops) if "blend_face" in part.kinds else None
    for place, record in enumerate(crops.records):
        image = crops.image(place)
        family = family_of(record.extra.get("family", ""), record.method, record.dataset)
        if "labelled" in part.kinds:
            yield view(image, record), record, record.label, family if record.label else ""
        if record.label or record.mask_points is None:
            continue
        rng = np.random.default_rng([0, zlib.crc32(record.file.encode())])
        if "blend_self" in part.kinds:
            blend = self_blender(image, record.mask_points, rng)
            yield view(blend.fake, record), record, 1, "blend_self"
        if face_blender is not None:
            blend = face_blender(image, record.mask_points, rng, record.group)
            yield view(blend.fake, record), record, 1, "blend_face"


def view(image: Picture, record: CropRecord) -> Picture:
    """Cut a face as the detectors read it; a crop without a box only changes its size."""
    if record.box is not None:
        return cut(image, record.box, profile("wide"), SIZE)
    return np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def open_head(name: str) -> onnxruntime.InferenceSession:
    """Open a head that also gives the inner results of `HEADS`."""
    model = onnx.load(detector_folder(name) / "model.onnx")
    known = {output.name for output in model.graph.output}
    for inner in HEADS[name]:
        if inner not in known:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(inner))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def cache(root: Path, part: PartOfSet, target: Path) -> None:
    """Compute and write one part."""
    card = load_card("jrc")
    assert card.trunk is not None
    trunk = open_trunk_of(detector_folder("jrc"), card.trunk, threads=1)
    heads = {name: open_head(name) for name in HEADS}
    columns: dict[str, list[object]] = {}
    for picture, record, label, family in faces(chosen(root, part), part):
        tokens = trunk.maps(picture[None])
        row: dict[str, object] = {
            "mean": tokens[0].mean(axis=0).astype(np.float32),
            "max": tokens[0].max(axis=0).astype(np.float32),
            "label": label,
            "family": family,
            "method": record.method if label else "real",
            "source": record.source or record.file,
            "group": record.group or record.source or record.file,
            "video": "/".join(record.video),
            "name": record.file,
        }
        for name, head in heads.items():
            for inner, value in zip(HEADS[name], head.run(HEADS[name], {"map": tokens}), strict=True):
                row[f"{name}:{inner}"] = value[0]
        for column, value in row.items():
            columns.setdefault(column, []).append(value)
        if len(columns["label"]) % 200 == 0:
            print(f"{target.stem}: {len(columns['label'])}", flush=True)
    np.savez(target, **{name: np.array(values) for name, values in columns.items()})
    print(f"{target}: {len(columns['label'])} faces", flush=True)


def main() -> None:
    """Cache the parts that are not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        target = options.out / f"{name}.npz"
        if not target.is_file():
            cache(options.sets, PARTS[name], target)


if __name__ == "__main__":
    main()
