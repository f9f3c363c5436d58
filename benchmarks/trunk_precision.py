"""How precise and how fast is the int8 trunk? Tokens and milliseconds against the float network.

    python benchmarks/trunk_precision.py ../shared/data/dfdc-faces --source clip_encoder.int8.onnx

Compares, on crops that took no part in the calibration: one activation scale for the whole tensor (ONNX Runtime's
dynamic quantisation, the usual way), one scale a token, and one scale a token with outlying channels evened out
(the trunk that ships). The error is the median over tokens of |difference| / |float token|.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import unmask  # noqa: F401 (first: it switches the telemetry of others off)

# isort: split
import numpy as np
import onnx
import onnxruntime
import timm
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

from unmask.datasets import CropSet
from unmask.detectors.processor import may_saturate
from unmask.models.clip_trunk import ARCHITECTURE, ClipTrunk, read_export
from unmask.training.int8_conversion import build_trunk, channel_scales


def read_crops(folder: Path, count: int, offset: int) -> np.ndarray:
    """Take evenly spaced crops: (N, 224, 224, 3) uint8."""
    crops = CropSet.open(folder)
    indexes = (np.linspace(0, len(crops.records) - 1, count).astype(int) + offset) % len(crops.records)
    images = [Image.fromarray(crops.image(int(index))).resize((224, 224)) for index in indexes]
    return np.stack([np.asarray(image) for image in images])


def tensor(crops: np.ndarray) -> torch.Tensor:
    """Turn crops into images (N, 3, 224, 224) float in [0, 1]."""
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255


def session(model: bytes | str, threads: int) -> onnxruntime.InferenceSession:
    """Open a session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    if may_saturate():  # As detectors are opened.
        options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def milliseconds(run: Callable[[], object], times: int = 15) -> float:
    """Median time of a call."""
    run()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def per_tensor(trunk: ClipTrunk, folder: Path) -> Path:
    """Quantise the float network as tools do it."""
    plain, prepared, done = (folder / name for name in ("float.onnx", "prepared.onnx", "tensor.onnx"))
    torch.onnx.export(trunk, (torch.zeros(1, 3, 224, 224),), str(plain), dynamo=False, opset_version=18,
                      input_names=["images"], dynamic_axes={"images": {0: "n"}})  # fmt: skip
    quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        prepared, done, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"]
    )
    return done


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crops", type=Path)
    parser.add_argument("--source", type=Path, required=True, help="of scripts/build_trunk.py")
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--work", type=Path, default=Path("build"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    state = read_export(options.source)
    trunk = ClipTrunk(timm.create_model(ARCHITECTURE, num_classes=0), options.blocks).eval()
    trunk.load_state_dict({name: state[name] for name in trunk.state_dict()})
    crops = read_crops(options.crops, options.count, offset=7)
    with torch.inference_mode():
        wanted = torch.cat([trunk(batch) for batch in tensor(crops).split(4)]).numpy()
    scales = channel_scales(trunk, tensor(read_crops(options.crops, 33, offset=0)))
    normalised = tensor(crops).numpy()
    variants = {
        "one scale a tensor": (str(per_tensor(trunk, options.work)), "images", normalised),
        "one scale a token": (onnx_bytes(build_trunk(trunk)), "crops", crops),
        "one scale a token, channels evened out": (onnx_bytes(build_trunk(trunk, scales)), "crops", crops),
    }
    result = {}
    for name, (model, entry, inputs) in variants.items():
        running = session(model, 1)
        alone = np.concatenate([running.run(None, {entry: one[None]})[0] for one in inputs])
        together = running.run(None, {entry: inputs[:4]})[0]
        two = session(model, 2)
        result[name] = {
            "median_error": round(float(np.median(size(alone - wanted) / size(wanted))), 4),
            "largest_change_in_a_batch": round(float(np.abs(together - alone[:4]).max()), 5),
            "ms_one_thread": round(
                milliseconds(lambda r=running, e=entry, i=inputs: r.run(None, {e: i[:1]})), 1
            ),
            "ms_two_threads": round(
                milliseconds(lambda r=two, e=entry, i=inputs: r.run(None, {e: i[:1]})), 1
            ),
        }
    print(json.dumps({"crops": options.count, "blocks": options.blocks, "variants": result}, indent=2))


def onnx_bytes(model: onnx.ModelProto) -> bytes:
    """Serialise a model."""
    return bytes(model.SerializeToString())


def size(tokens: np.ndarray) -> np.ndarray:
    """Length of each token."""
    return np.asarray(np.linalg.norm(tokens, axis=-1))


if __name__ == "__main__":
    main()
