"""What a smaller input of the trunk would cost a detector in AUC, and what it would save.

    python scripts/study_input_size.py jrc sets/ffpp-c23-val-crops --out input-size.md

The trunk's positions are interpolated to the smaller grid, and its tokens back to the grid that the heads were trained
on; nothing is trained anew, so a head fitted to a size of its own may do better. Crops are cut with boxes (`unmask
prepare`) or taken as they are. Milliseconds: medians of the trunk on one thread, all sizes taking turns. Intervals:
95 %, bootstrap over groups.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, helper, numpy_helper
from PIL import Image
from study_crops import row

from unmask.datasets import CropRecord, CropSet
from unmask.detectors import built_in, load_detector, trunk_path
from unmask.detectors.sessions import open_session
from unmask.faces import cut, profile

SIZES = (224, 192, 160, 128)
PATCH = 16


def resized(grid: np.ndarray, side: int) -> np.ndarray:
    """Interpolate (places, channels) on a square grid to another side."""
    old = int(np.sqrt(len(grid)))
    if old == side:
        return grid
    planes = grid.reshape(old, old, -1).transpose(2, 0, 1)
    pictures = [Image.fromarray(plane).resize((side, side), Image.Resampling.BICUBIC) for plane in planes]
    return np.stack([np.asarray(picture) for picture in pictures], axis=-1).reshape(side * side, -1)


def trunk_of(name: str, size: int, earlier: tuple[str, ...]) -> ModelProto:
    """Build the trunk for an input of so many pixels, with the results of earlier blocks."""
    model = onnx.load(trunk_path(name))
    for dimension in model.graph.input[0].type.tensor_type.shape.dim[1:3]:
        dimension.dim_value = size
    for constant in model.graph.initializer:
        if constant.name == "position":
            position = numpy_helper.to_array(constant)[0]
            grid = resized(position[1:], size // PATCH)
            constant.CopyFrom(
                numpy_helper.from_array(np.concatenate([position[:1], grid])[None], constant.name)
            )
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = (size // PATCH) ** 2
    model.graph.output.extend(helper.make_empty_tensor_value_info(block) for block in earlier)
    return model


def crop_of(crops: CropSet, index: int, record: CropRecord, size: int, name: str) -> np.ndarray:
    """Cut a crop for the detector, at so many pixels."""
    image = crops.image(index)
    if record.box is not None:
        return cut(image, record.box, profile(name), size)
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def main() -> None:
    """Score the crops at each size and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector", help="name of a built-in detector on the trunk")
    parser.add_argument("crops", type=Path)
    parser.add_argument("--split")
    parser.add_argument("--limit", type=int, help="so many crops, evenly spaced")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    detector = load_detector(options.detector, threads=1)
    reference = detector.card.trunk
    assert reference is not None, "the detector stands on no trunk"
    crops = CropSet.open(options.crops)
    if options.split:
        crops = crops.select(split=options.split)
    if options.limit:
        crops = crops.subset(np.linspace(0, len(crops) - 1, options.limit).astype(int))
    trunks = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = Path(folder) / f"{size}.onnx"
            onnx.save(trunk_of(reference.name, size, reference.earlier), path)
            trunks[size] = open_session(path, threads=1)
    head = open_session(built_in()[options.detector] / "model.onnx", threads=1)
    logits: dict[int, list[float]] = {size: [] for size in SIZES}
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    for index, record in enumerate(crops.records):
        for size, trunk in trunks.items():
            crop = crop_of(crops, index, record, size, detector.card.crop_profile)
            start = time.perf_counter()
            levels = trunk.run([*reference.earlier, "tokens"], {"crops": crop[None]})
            seconds[size].append(time.perf_counter() - start)
            places = (size // PATCH) ** 2
            grids = [resized(level[0, -places:], detector.card.input_size // PATCH) for level in levels]
            tokens = np.concatenate(grids, axis=1)[None]
            logits[size].append(float(head.run(["logit"], {"map": tokens})[0].item()))
    lines = [f"{len(crops)} crops", "| input | milliseconds | frames | videos |", "| --- | --- | --- | --- |"]
    for size in SIZES:
        name = f"{size} px | {1000 * statistics.median(seconds[size]):.0f}"
        lines.append(row(name, np.array(logits[size]), crops))
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
