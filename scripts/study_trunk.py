"""Where to tap the trunk, and what precision and input size cost: linear probes on small samples.

    python scripts/study_trunk.py --source clip_encoder.int8.onnx --root sets --out trunk-table.md

A probe is a logistic regression on mean and deviation of the patch tokens, fitted on labelled dfdc-faces and
self-blended wide-faces in equal parts, and judged on dfdc-faces' validation crops and on the videos of
ffpp-c23-val-crops (mean logit of a video's crops; made by `unmask prepare`). Intervals: 95 %, bootstrap over groups.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import unmask  # noqa: F401 (first: it switches the telemetry of others off)

# isort: split
import numpy as np
import onnx
import timm
import torch
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.datasets import Augment, AugmentOptions, CropSet, SelfBlender
from unmask.detectors.sessions import open_session
from unmask.evaluation.remarks import show
from unmask.faces import cut, profile
from unmask.models.clip_trunk import ARCHITECTURE, ClipTrunk, read_export
from unmask.statistics.auc import auc_estimate
from unmask.training.calibrate import mean_by_video
from unmask.training.int8_conversion import build_trunk, channel_scales

TAPS = (6, 7, 8, 9, 10)
Features = dict[str, np.ndarray]


@dataclass(frozen=True)
class Item:
    """A crop with what it is for: part `dfdc`, `blend`, `validation` or `video`, its label, group and video."""

    part: str
    image: np.ndarray
    label: int
    group: str
    video: str


def items(root: Path, scale: float) -> Iterator[Item]:
    """Sample all crops of the study; the same at each call."""
    rng = np.random.default_rng(0)
    augment = Augment(AugmentOptions(box_scale=(0.95, 1.5)))
    faces = CropSet.open(root / "dfdc-faces")
    train, held = faces.select(split="train"), faces.select(split="val")
    for index in rng.permutation(len(train.records))[: int(1500 * scale)]:
        record = train.records[index]
        yield Item("dfdc", augment([train.image(int(index))], rng)[0], record.label, record.group, "")
    wide = CropSet.open(root / "wide-faces").select(where=lambda record: record.mask_points is not None)
    blend = SelfBlender()
    for index in rng.permutation(len(wide.records))[: int(500 * scale)]:
        record = wide.records[index]
        made = blend(wide.image(int(index)), record.mask_points, rng)
        for label, image in enumerate(augment([made.real, made.fake], rng, record.box)):
            yield Item("blend", image, label, record.group, "")
    for index in rng.permutation(len(held.records))[: int(600 * scale)]:
        record = held.records[index]
        yield Item("validation", held.image(int(index)), record.label, record.group, "")
    videos = CropSet.open(root / "ffpp-c23-val-crops")
    seen: dict[str, int] = {}
    for index, record in enumerate(videos.records):
        video = "\n".join(record.video)
        number = seen[video] = seen.get(video, -1) + 1
        if number % 3 == 0 and record.box is not None:
            crop = cut(videos.image(index), record.box, profile("wide"))
            yield Item("video", crop, record.label, record.group, video)


def pooled(tokens: np.ndarray) -> np.ndarray:
    """Mean and deviation over the patch tokens (places, width)."""
    return np.concatenate([tokens.mean(axis=0), tokens.std(axis=0)])


def trunk_at(state: dict[str, torch.Tensor], blocks: int, size: int = 224) -> ClipTrunk:
    """Build the float trunk; at another input size its positions are interpolated."""
    network = timm.create_model(ARCHITECTURE, num_classes=0)
    own = network.state_dict()
    network.load_state_dict({name: state.get(name, value) for name, value in own.items()})
    if size != 224:
        network.set_input_size(size)
    return ClipTrunk(network, blocks).eval()


def tapped(trunk: ClipTrunk, crops: torch.Tensor, taps: tuple[int, ...], size: int) -> onnx.ModelProto:
    """Build the int8 trunk with an output behind each tapped block."""
    model = build_trunk(trunk, channel_scales(trunk, crops), size)
    del model.graph.output[:]
    for tap in taps:
        value = helper.make_tensor_value_info(f"blocks.{tap - 1}.out", TensorProto.FLOAT, None)
        model.graph.output.append(value)
    return model


def run_model(model: onnx.ModelProto, size: int) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Open a model; the function gives all tokens (places + class, width) of each output for a crop."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        session = open_session(path, 1)
    names = [output.name for output in session.get_outputs()]

    def run(crop: np.ndarray) -> list[np.ndarray]:
        return [tokens[0] for tokens in session.run(names, {"crops": resized(crop, size)[None]})]

    return run


def per_tensor(trunk: ClipTrunk) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Open the same network quantised as tools do it, with one activation scale a tensor."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
    from trunk_precision import per_tensor as quantised
    from trunk_precision import tensor

    with tempfile.TemporaryDirectory() as folder:
        session = open_session(quantised(trunk, Path(folder)), 1)
    return lambda crop: [session.run(None, {"images": tensor(crop[None]).numpy()})[0][0]]


def resized(crop: np.ndarray, size: int) -> np.ndarray:
    """Bring a crop to another side."""
    from PIL import Image

    return np.asarray(Image.fromarray(crop).resize((size, size), Image.Resampling.BICUBIC))


def judge(name: str, features: np.ndarray, sample: list[Item]) -> str:
    """Fit the probe and write a row."""
    part = np.array([item.part for item in sample])
    label = np.array([item.label for item in sample])
    group = np.array([item.group for item in sample])
    cells = [name]
    for fitted in (("dfdc", "blend"), ("blend",), ("dfdc",)):
        use = np.isin(part, fitted)
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=500))
        probe.fit(features[use], label[use])
        logits = probe.decision_function(features)
        here = part == "validation"
        cells.append(cell(logits[here], label[here], group[here]))
        cells.append(cell(*by_video(logits, sample)))
    return "| " + " | ".join(cells) + " |"


def by_video(logits: np.ndarray, sample: list[Item]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean logit, label and group of each video."""
    rows = [number for number, item in enumerate(sample) if item.part == "video"]
    mean, first = mean_by_video(logits[rows], np.array([sample[number].video for number in rows]))
    items = [sample[rows[number]] for number in first]
    return mean, np.array([item.label for item in items]), np.array([item.group for item in items])


def cell(logits: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> str:
    """Write an AUC with its interval."""
    return show(auc_estimate(labels, logits, groups))


def main() -> None:
    """Compute features, fit probes, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True, help="of scripts/build_trunk.py")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the sample")
    options = parser.parse_args()
    state = read_export(options.source)
    sample = list(items(options.root, options.scale))
    crops = (
        torch.from_numpy(np.stack([item.image for item in sample[::60]])).permute(0, 3, 1, 2).float() / 255
    )
    lines = [
        "| trunk | both: DFDC frames | both: FF++ videos | blended: DFDC | blended: FF++ | DFDC: DFDC | DFDC: FF++ |",
        "| --- " * 7 + "|",
    ]

    def add(name: str, features: list[np.ndarray]) -> None:
        lines.append(judge(name, np.stack(features), sample))
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(lines[-1], flush=True)

    run = run_model(tapped(trunk_at(state, max(TAPS)), crops, TAPS, 224), 224)
    found = [run(item.image) for item in sample]
    for number, tap in enumerate(TAPS):
        add(f"block {tap}, patch tokens", [pooled(tokens[number][1:]) for tokens in found])
    eight = TAPS.index(8)
    joined = [np.concatenate([pooled(tokens[eight][1:]), tokens[eight][0]]) for tokens in found]
    add("block 8, patch tokens and class token", joined)
    run = per_tensor(trunk_at(state, 8))
    add("block 8, one scale a tensor", [pooled(run(item.image)[0]) for item in sample])
    small = torch.nn.functional.interpolate(crops, 160, mode="bilinear", antialias=True)
    run = run_model(tapped(trunk_at(state, 8, 160), small, (8,), 160), 160)
    add("block 8, input 160 px", [pooled(run(item.image)[0][1:]) for item in sample])
    print(f"{len(sample)} crops; parts: { ({item.part for item in sample}) }")


if __name__ == "__main__":
    main()
