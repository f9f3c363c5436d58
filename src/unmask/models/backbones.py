"""Backbones: a timm network, the CLIP image tower, or the cached maps of a frozen trunk."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import timm
import torch
from torch import Tensor, nn

from unmask.models.options import BackboneOptions
from unmask.models.pretrained import load_pretrained

NORMS = (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


class Backbone(nn.Module):
    """Normalises pixels, runs the network, keeps still what is frozen: (N, 3, S, S) -> (N, C, s, s)."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...], options: BackboneOptions
    ) -> None:
        super().__init__()
        self.network = network
        self.options = options
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        if options.frozen:
            self.network.requires_grad_(False)
            for parameter in trained_parameters(network, options):
                parameter.requires_grad_(True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the feature map (N, C, h, w).

        With two levels the tokens' own map stands before that of the network behind them.

        Parameters
        ----------
        x
            Images (N, 3, S, S) in [0, 1], or a trunk's tokens (N, 1 + places, channels).
        """
        if x.ndim == 4:
            x = (x - self.mean) / self.std
        if any(parameter.requires_grad for parameter in self.network.parameters()):
            features = _map(self.network(x))
        else:
            with torch.no_grad():
                features = _map(self.network(x))
        return features if self.options.levels == 1 else torch.cat([_map(x[:, 1:]), features], dim=1)

    def train(self, mode: bool = True) -> Backbone:
        """Set training mode, but leave BatchNorm statistics alone where the options say so.

        Parameters
        ----------
        mode
            Whether to train.
        """
        super().train(mode)
        if self.options.frozen or self.options.fixed_statistics:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


def build_backbone(options: BackboneOptions) -> tuple[nn.Module, int, int]:
    """Build a backbone.

    Parameters
    ----------
    options
        The section ``model.backbone`` of a recipe.

    Returns
    -------
    The module, the channels of its feature map, and the side of that map.
    """
    if options.kind == "maps":
        return nn.Identity(), options.channels, options.grid
    network, mean, std = _timm_network(options) if options.kind == "timm" else _clip_network(options)
    backbone = Backbone(network, options.mean or mean, options.std or std, options).eval()
    example = (1, 3, options.input_size, options.input_size)
    with torch.no_grad():
        shape = backbone(
            torch.zeros((1, 1 + options.grid**2, options.channels) if options.start else example)
        ).shape
    return backbone.train(), int(shape[1]), int(shape[2])


def _timm_network(options: BackboneOptions) -> tuple[nn.Module, tuple[float, ...], tuple[float, ...]]:
    arguments: dict[str, Any] = {"features_only": True, "out_indices": (options.tap,)}
    if options.pretrained == "timm":
        arguments["pretrained"] = True
    elif options.pretrained == "centerface":
        arguments["act_layer"] = "relu"
    network = timm.create_model(options.name, **arguments)
    _drop_unused_blocks(network)
    mean: tuple[float, ...]
    std: tuple[float, ...]
    if options.pretrained == "centerface":
        # CenterFace reads RGB in 0..255 as it is.
        mean, std = (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)
    else:
        settings = timm.get_pretrained_cfg(options.name)
        mean = settings.mean if settings else (0.5, 0.5, 0.5)
        std = settings.std if settings else (0.5, 0.5, 0.5)
    if options.pretrained not in (None, "timm"):
        load_pretrained(network, str(options.pretrained))
    return network, mean, std


def _clip_network(options: BackboneOptions) -> tuple[nn.Module, tuple[float, ...], tuple[float, ...]]:
    clip_trunk = import_module("unmask.models.clip_trunk")
    network = clip_trunk.load_trunk(options.tap, options.pretrained, options.start)
    return network, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def trained_parameters(network: nn.Module, options: BackboneOptions) -> Iterator[nn.Parameter]:
    """Return the weights that a frozen backbone still trains: its norms, these and all biases, or its last blocks.

    Parameters
    ----------
    network
        The backbone.
    options
        ``tune`` says which.
    """
    if options.tune in ("norms", "biases"):
        for module in network.modules():
            if isinstance(module, NORMS):
                yield from module.parameters()
    if options.tune == "biases":
        yield from (parameter for name, parameter in network.named_parameters() if name.endswith(".bias"))
    elif options.tune == "last_blocks":
        blocks = getattr(network, "blocks", None)
        children = list(blocks.children()) if isinstance(blocks, nn.Module) else list(network.children())
        for child in children[-options.last_blocks :]:
            yield from child.parameters()


def _drop_unused_blocks(network: nn.Module) -> None:
    """Cut an EfficientNet-like network after its tap: timm computes the blocks behind it and drops them."""
    used, blocks = getattr(network, "_stage_out_idx", None), getattr(network, "blocks", None)
    if used and isinstance(blocks, nn.Sequential):
        network.blocks = blocks[: max(used)]


def _map(output: Tensor | list[Tensor]) -> Tensor:
    features: Tensor = output if isinstance(output, Tensor) else output[-1]
    if features.ndim == 3:  # (N, places, channels) tokens of a transformer
        side = round(features.shape[1] ** 0.5)
        features = features.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    return features
