"""Writes a trunk as int8 ONNX: weights quantised by output column, activations token by token.

Dynamic quantisation as tools do it takes one scale for a whole activation tensor. A few of CLIP's tokens and
channels are twenty times larger than the rest, so that costs precision, and a crop's result comes to depend on
its neighbours in the batch. Here each token has a scale of its own, which ends both; and outlying channels are
smoothed beforehand by moving their size from the activations into the weights (SmoothQuant, Xiao et al., 2023).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.utils
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from unmask.models.clip_trunk import MEAN, STD, ClipTrunk
from unmask.training.trunks import block_output, count_blocks

Floats = npt.NDArray[np.float32]
STRENGTH = 0.65  # Of smoothing: 0 leaves all in the activations, 1 moves all into the weights.
MIN_EXTERNAL_BYTES = 1024  # Bytes of a weight from which the small model leaves it in the trunk's file.


def channel_scales(trunk: ClipTrunk, images: Tensor) -> dict[str, Floats]:
    """Return how much to shrink each input channel of the linear layers that can be smoothed (SmoothQuant).

    Parameters
    ----------
    trunk
        The network in floating point.
    images
        (N, 3, S, S) float in [0, 1], typical crops.

    Returns
    -------
    dict
        By layer name, a factor for each input channel, its median 1.
    """
    peaks: dict[str, Tensor] = {}

    def watch(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            peak = inputs[0].abs().amax(dim=(0, 1))
            peaks[name] = torch.maximum(peaks.get(name, peak), peak)

        return hook

    layers = {
        name: layer
        for name, layer in trunk.named_modules()
        if isinstance(layer, nn.Linear) and not name.endswith("fc2")
    }
    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers.items()]
    with torch.inference_mode():
        for batch in images.split(8):
            trunk(batch)
    for hook in hooks:
        hook.remove()
    scales = {}
    for name, layer in layers.items():
        weight = layer.weight.detach().abs().amax(dim=0).clamp(min=1e-5)
        scale = peaks[name].clamp(min=1e-5) ** STRENGTH / weight ** (1 - STRENGTH)
        scales[name] = (scale / scale.median()).numpy().astype(np.float32)
    return scales


def build_trunk(trunk: ClipTrunk, scales: dict[str, Floats] | None = None, size: int = 224) -> ModelProto:
    """Build the int8 model: ``crops`` (N, size, size, 3) uint8 RGB -> ``tokens`` (N, places, width) float32.

    Parameters
    ----------
    trunk
        The network in floating point.
    scales
        Of `channel_scales`; None quantises the channels unsmoothed.
    size
        Side of the crops, in pixels.
    """
    graph = _Graph()
    state = {name: value.detach().double().numpy() for name, value in trunk.state_dict().items()}
    tokens = _embed(graph, state, trunk, size)
    for index, block in enumerate(trunk.blocks):
        tokens = _add_block(graph, state, f"blocks.{index}.", tokens, block, scales or {})
    graph.constant("after_class", np.array([1], np.int64))
    graph.constant("end", np.array([2**31 - 1], np.int64))
    graph.constant("token_axis", np.array([1], np.int64))
    graph.node("Slice", [tokens, "after_class", "end", "token_axis"], "tokens")
    width = state["pos_embed"].shape[2]
    places = state["pos_embed"].shape[1] - 1
    inputs = [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", size, size, 3])]
    outputs = [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", places, width])]
    built = helper.make_graph(graph.nodes, "trunk", inputs, outputs, graph.constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model: ModelProto = helper.make_model(built, opset_imports=opsets, producer_name="unmask")
    model.ir_version = 9
    return model


def block_results(path: Path) -> ModelProto:
    """Return a small model of a built trunk's network that reads the weights out of the trunk's file.

    ``crops`` -> ``tokens``, like the trunk, and each block's result but the last, (N, 1 + places, width), by the name
    of `block_output`. Its file must stand beside the trunk's.

    Parameters
    ----------
    path
        Of the built trunk.
    """
    content = path.read_bytes()
    model = onnx.load_from_string(content)
    found = 0
    for constant in model.graph.initializer:
        raw = constant.raw_data
        if len(raw) < MIN_EXTERNAL_BYTES:
            continue
        found = content.index(raw, found)
        constant.ClearField("raw_data")
        constant.data_location = TensorProto.EXTERNAL
        for key, value in (("location", path.name), ("offset", found), ("length", len(raw))):
            constant.external_data.add(key=key, value=str(value))
    blocks = range(1, count_blocks(model))
    model.graph.output.extend(helper.make_empty_tensor_value_info(block_output(block)) for block in blocks)
    return model


def unsigned_results(blocks: ModelProto) -> tuple[ModelProto, dict[str, list[int]]]:
    """Rewrite the small model of `block_results` for weights moved from [-128, 127] to [0, 255].

    Unsigned bytes by unsigned bytes are multiplied exactly on processors whose product of unsigned and signed bytes
    saturates. The session that opens the model supplies the moved weights.

    Parameters
    ----------
    blocks
        Of `block_results`.

    Returns
    -------
    model
        The rewritten copy.
    places
        By name of a weight, its offset in the trunk's file, its rows and its columns.
    """
    model = ModelProto()
    model.CopyFrom(blocks)
    weights = {constant.name: constant for constant in model.graph.initializer}
    places = {}
    for node in model.graph.node:
        if node.op_type == "MatMulIntegerToFloat":
            weight = weights[node.input[1]]
            weight.data_type = TensorProto.UINT8
            node.input[5] = "middle"  # The zero of the weights, which is that of the activations.
            (offset,) = (int(entry.value) for entry in weight.external_data if entry.key == "offset")
            places[weight.name] = [offset, *weight.dims]
    return model, places


class _Graph:
    """Nodes and constants of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        array = np.asarray(values)
        kind = np.float32 if array.dtype.kind == "f" else array.dtype
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array, kind), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output


def _embed(graph: _Graph, state: dict[str, Any], trunk: ClipTrunk, size: int) -> str:
    """Turn pixels into the first block's tokens; the normalisation of pixels is folded into the patch kernel."""
    kernel = state["patch_embed.proj.weight"]
    patch = kernel.shape[-1]
    bias = -(kernel.sum(axis=(2, 3)) * (np.array(MEAN) / np.array(STD))).sum(axis=1)
    if "patch_embed.proj.bias" in state:
        bias = bias + state["patch_embed.proj.bias"]
    graph.node("Cast", ["crops"], "pixels", to=TensorProto.FLOAT)
    graph.node("Transpose", ["pixels"], "planes", perm=[0, 3, 1, 2])
    graph.constant("patch.weight", kernel / (255 * np.array(STD)[None, :, None, None]))
    graph.constant("patch.bias", bias)
    graph.node(
        "Conv",
        ["planes", "patch.weight", "patch.bias"],
        "patches",
        kernel_shape=[patch] * 2,
        strides=[patch] * 2,
    )
    graph.constant("patch.shape", np.array([0, kernel.shape[0], -1], np.int64))
    graph.node("Reshape", ["patches", "patch.shape"], "patch.columns")
    graph.node("Transpose", ["patch.columns"], "patch.rows", perm=[0, 2, 1])
    position = state["pos_embed"]
    graph.constant("position", position)
    graph.constant("position.from", np.array([1], np.int64))
    graph.constant("position.to", np.array([position.shape[1]], np.int64))
    graph.node("Slice", ["position", "position.from", "position.to", "position.from"], "position.patches")
    graph.node("Add", ["patch.rows", "position.patches"], "placed")
    graph.constant("class", state["cls_token"] + position[:, :1])
    graph.node("Shape", ["crops"], "count", start=0, end=1)
    graph.constant("class.shape", np.array([1, kernel.shape[0]], np.int64))
    graph.node("Concat", ["count", "class.shape"], "class.sizes", axis=0)
    graph.node("Expand", ["class", "class.sizes"], "classes")
    graph.node("Concat", ["classes", "placed"], "embedded", axis=1)
    graph.constant("unit", np.float32(1))
    graph.constant("middle", np.uint8(128))
    graph.constant("last", np.array([-1], np.int64))
    graph.constant("per_step", np.float32(1 / 127))
    return _add_norm(graph, state, "norm_pre", "embedded", trunk.norm_pre.eps, None)


def _add_norm(
    graph: _Graph, state: dict[str, Any], name: str, tokens: str, epsilon: float, scale: Floats | None
) -> str:
    divisor = 1.0 if scale is None else scale
    graph.constant(f"{name}.weight", state[f"{name}.weight"] / divisor)
    graph.constant(f"{name}.bias", state[f"{name}.bias"] / divisor)
    inputs = [tokens, f"{name}.weight", f"{name}.bias"]
    return graph.node("LayerNormalization", inputs, f"{name}.out", axis=-1, epsilon=epsilon)


def _add_linear(
    graph: _Graph, name: str, tokens: str, weight: npt.NDArray[Any], bias: npt.NDArray[Any]
) -> str:
    """Multiply tokens, each scaled to its own largest value, with int8 weights (outputs, inputs)."""
    scale = np.abs(weight).max(axis=1) / 127
    graph.constant(f"{name}.weight", np.rint(weight / scale[:, None]).T.astype(np.int8))
    graph.constant(f"{name}.scale", scale)
    graph.constant(f"{name}.bias", bias)
    graph.node("Abs", [tokens], f"{name}.sizes")
    graph.node("ReduceMax", [f"{name}.sizes", "last"], f"{name}.largest", keepdims=1)
    graph.node("Mul", [f"{name}.largest", "per_step"], f"{name}.step")
    graph.node("Div", [tokens, f"{name}.step"], f"{name}.steps")
    graph.node("QuantizeLinear", [f"{name}.steps", "unit", "middle"], f"{name}.quantised")
    inputs = [f"{name}.quantised", f"{name}.weight", "unit", f"{name}.scale", "middle", ""]
    graph.node("MatMulIntegerToFloat", inputs, f"{name}.product", domain="com.microsoft")
    graph.node("Mul", [f"{name}.product", f"{name}.step"], f"{name}.scaled")
    return graph.node("Add", [f"{name}.scaled", f"{name}.bias"], f"{name}.out")


def _add_block(
    graph: _Graph, state: dict[str, Any], name: str, tokens: str, block: Any, scales: dict[str, Floats]
) -> str:
    """Attention and MLP of one transformer block, each with its norm before and its sum after."""

    def linear(layer: str, entry: str, outputs: npt.NDArray[Any] | None = None) -> str:
        weight, bias = state[f"{name}{layer}.weight"], state[f"{name}{layer}.bias"]
        if (inputs := scales.get(name + layer)) is not None:
            weight = weight * inputs[None]
        if outputs is not None:
            weight, bias = weight / outputs[:, None], bias / outputs
        return _add_linear(graph, name + layer, entry, weight, bias)

    width = state[f"{name}norm1.weight"].shape[0]
    value_scale = scales.get(f"{name}attn.proj")
    values = None if value_scale is None else np.concatenate([np.ones(2 * width), value_scale])
    normed = _add_norm(graph, state, f"{name}norm1", tokens, block.norm1.eps, scales.get(f"{name}attn.qkv"))
    joined = linear("attn.qkv", normed, values)
    parts = [f"{name}attn.{part}" for part in ("query", "key", "value")]
    graph.nodes.append(helper.make_node("Split", [joined], parts, axis=-1, num_outputs=3))
    heads = block.attn.num_heads
    graph.node("MultiHeadAttention", parts, f"{name}attn.out", domain="com.microsoft", num_heads=heads)
    tokens = graph.node("Add", [tokens, linear("attn.proj", f"{name}attn.out")], f"{name}attended")
    normed = _add_norm(graph, state, f"{name}norm2", tokens, block.norm2.eps, scales.get(f"{name}mlp.fc1"))
    hidden = linear("mlp.fc1", normed)
    graph.node("QuickGelu", [hidden], f"{name}mlp.act", domain="com.microsoft", alpha=1.702)
    return graph.node("Add", [tokens, linear("mlp.fc2", f"{name}mlp.act")], f"{name}out")
