"""Where a crop's time in the int8 trunk goes, and what rewriting its graph gains.

    python benchmarks/trunk_rewrites.py ../shared/data/dfdc-faces --crops 200 --threads 1

Prints milliseconds by kind of node, each node at its fastest of 60 runs. Then for each rewriting: how many crops keep
their tokens to the bit, and its processor time as a ratio to that of the trunk as it is (median over crops, which all
rewritings read in turns).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import unmask  # noqa: F401 (first: it switches the telemetry of others off)

# isort: split
import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, NodeProto, helper
from PIL import Image

from unmask.datasets import CropSet
from unmask.detectors.processor import may_saturate
from unmask.detectors.trunk import trunk_path

PROFILED_RUNS = 60
BY_TOKEN = frozenset(
    (
        "LayerNormalization", "Abs", "ReduceMax", "Mul", "Div", "QuantizeLinear", "MatMulIntegerToFloat", "Add",
        "QuickGelu",
    )
)  # fmt: skip


def main() -> None:
    """Profile the trunk, then compare the rewritings with it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crops_set", type=Path, help="a crop set")
    parser.add_argument("--crops", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    crops = CropSet.open(options.crops_set)
    places = np.linspace(0, len(crops.records) - 1, options.crops).astype(int)
    images = [np.asarray(Image.fromarray(crops.image(int(at))).resize((224, 224))) for at in places]
    trunk = onnx.load(trunk_path("clip-vit-b16"))
    print(json.dumps(profile(trunk, images[0], options.threads), indent=2))
    print(json.dumps(compare(trunk, images, options.threads), indent=2))


def profile(trunk: ModelProto, image: np.ndarray, threads: int) -> dict[str, float]:
    """Time the kinds of nodes: milliseconds a crop, each node at its fastest, the longest first."""
    with tempfile.TemporaryDirectory() as folder:
        run = opened(trunk, threads, profile=str(Path(folder) / "trunk"))
        for _ in range(PROFILED_RUNS):
            run.run(None, {"crops": image[None]})
        events = json.loads(Path(run.end_profiling()).read_text(encoding="utf-8"))
    least: dict[tuple[str, str], float] = {}
    for event in events:
        if event["name"].endswith("_kernel_time"):
            node = event["args"]["op_name"], event["args"]["node_index"]
            least[node] = min(event["dur"] / 1000, least.get(node, math.inf))
    kinds: Counter[str] = Counter()
    for (kind, _), spent in least.items():
        kinds[kind] += spent
    return {kind: round(spent, 2) for kind, spent in kinds.most_common()}


def compare(trunk: ModelProto, images: Iterable[np.ndarray], threads: int) -> dict[str, dict[str, float]]:
    """Run all rewritings on each crop, each first in its turn: crops of the same tokens, and times."""
    sessions = {"as it is": opened(trunk, threads)}
    sessions |= {name: opened(rewrite(trunk), threads) for name, rewrite in REWRITES.items()}
    sessions["weights not packed"] = opened(trunk, threads, ("session.disable_prepacking", "1"))
    spent: dict[str, list[float]] = {name: [] for name in sessions}
    same = Counter[str]()
    order = list(sessions)
    for image in images:
        tokens = {}
        for name in order:
            start = time.process_time()
            (tokens[name],) = sessions[name].run(["tokens"], {"crops": image[None]})
            spent[name].append(1000 * (time.process_time() - start))
        same.update(name for name in order if np.array_equal(tokens[name], tokens["as it is"]))
        order = [*order[1:], order[0]]
    base = spent["as it is"]
    return {
        name: {
            "same": same[name],
            "processor_ms": round(statistics.median(times), 1),
            "ratio": round(statistics.median(one / other for one, other in zip(times, base, strict=True)), 3),
        }
        for name, times in spent.items()
    }


def opened(
    model: ModelProto, threads: int, *entries: tuple[str, str], profile: str | None = None
) -> onnxruntime.InferenceSession:
    """Open a model as detectors are opened."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    if may_saturate():
        entries += (("session.x64quantprecision", "1"),)
    for name, value in (("session.intra_op.allow_spinning", "0"), *entries):
        options.add_session_config_entry(name, value)
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def quantised_at_once(trunk: ModelProto) -> ModelProto:
    """Divide by the token's step in the node that rounds; for one crop at a time."""

    def rewrite(node: NodeProto, makers: dict[str, NodeProto]) -> list[NodeProto]:
        if node.op_type == "Div":
            return []
        if node.op_type != "QuantizeLinear":
            return [node]
        tokens, step = makers[node.input[0]].input
        (out,) = node.output
        return [
            helper.make_node("Reshape", [step, "last"], [f"{out}.steps"]),
            helper.make_node("Shape", [f"{out}.steps"], [f"{out}.count"]),
            helper.make_node("Expand", ["middle", f"{out}.count"], [f"{out}.middles"]),
            helper.make_node("QuantizeLinear", [tokens, f"{out}.steps", f"{out}.middles"], [out], axis=1),
        ]

    return rewritten(trunk, rewrite)


def largest_by_extremes(trunk: ModelProto) -> ModelProto:
    """Take a token's largest size from its largest and its least value."""

    def rewrite(node: NodeProto, makers: dict[str, NodeProto]) -> list[NodeProto]:
        if node.op_type == "Abs":
            return []
        if node.op_type != "ReduceMax":
            return [node]
        (tokens,) = makers[node.input[0]].input
        (out,) = node.output
        return [
            helper.make_node("ReduceMax", [tokens, "last"], [f"{out}.most"], keepdims=1),
            helper.make_node("ReduceMin", [tokens, "last"], [f"{out}.least"], keepdims=1),
            helper.make_node("Neg", [f"{out}.least"], [f"{out}.negative"]),
            helper.make_node("Max", [f"{out}.most", f"{out}.negative"], [out]),
        ]

    return rewritten(trunk, rewrite)


def bias_in_attention(trunk: ModelProto) -> ModelProto:
    """Let the node of attention add the bias of queries, keys and values."""
    split = {
        name: node.input[0] for node in trunk.graph.node if node.op_type == "Split" for name in node.output
    }
    sums = set(split.values())

    def rewrite(node: NodeProto, makers: dict[str, NodeProto]) -> list[NodeProto]:
        if node.op_type == "Split":
            node.input[0] = makers[node.input[0]].input[0]
        if node.op_type == "MultiHeadAttention":
            node.input.append(makers[split[node.input[0]]].input[1])
        return [] if node.op_type == "Add" and node.output[0] in sums else [node]

    return rewritten(trunk, rewrite)


def halves(trunk: ModelProto) -> ModelProto:
    """Run what concerns each token alone on half of the tokens at a time, which then lie nearer to the processor."""
    chunks: dict[str, list[str]] = {}

    def parted(name: str) -> NodeProto:
        chunks[name] = [f"{name}.0", f"{name}.1"]
        return helper.make_node("Split", [name], chunks[name], axis=1, num_outputs=2)

    def rewrite(node: NodeProto, makers: dict[str, NodeProto]) -> list[NodeProto]:
        del makers
        if node.op_type == "Slice" and node.input[0] in chunks:
            return [helper.make_node("Concat", chunks[node.input[0]], [node.input[0]], axis=1), node]
        first = [parted("embedded")] if node.input[0] == "embedded" else []
        if node.op_type == "MultiHeadAttention":
            joins = [helper.make_node("Concat", chunks[name], [name], axis=1) for name in node.input]
            return [*joins, node, parted(node.output[0])]
        if node.op_type not in BY_TOKEN | {"Split"} or not chunks.keys() & {
            *node.input,
            *(["embedded"] if first else []),
        }:
            return [node]
        copies = []
        for half in (0, 1):
            copy = NodeProto()
            copy.CopyFrom(node)
            copy.input[:] = [chunks[name][half] if name in chunks else name for name in node.input]
            copy.output[:] = [f"{name}.{half}" for name in node.output]
            copies.append(copy)
        chunks.update({name: [f"{name}.0", f"{name}.1"] for name in node.output})
        return [*first, *copies]

    return rewritten(trunk, rewrite)


def rewritten(
    trunk: ModelProto, rewrite: Callable[[NodeProto, dict[str, NodeProto]], list[NodeProto]]
) -> ModelProto:
    """Copy a model with each node replaced by others, given what makes each value."""
    model = ModelProto()
    model.CopyFrom(trunk)
    makers = {name: node for node in trunk.graph.node for name in node.output}
    nodes = [new for node in model.graph.node for new in rewrite(node, makers)]
    copies = []
    for node in nodes:
        copy = NodeProto()
        copy.CopyFrom(node)
        copies.append(copy)
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return model


REWRITES: dict[str, Callable[[ModelProto], ModelProto]] = {
    "divided and rounded at once": quantised_at_once,
    "largest size by extremes": largest_by_extremes,
    "bias added by attention": bias_in_attention,
    "these three": lambda trunk: bias_in_attention(largest_by_extremes(quantised_at_once(trunk))),
    "tokens in two halves": halves,
}


if __name__ == "__main__":
    main()
