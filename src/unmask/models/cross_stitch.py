"""Two networks of one kind, on a face's pixels and on its frequencies, with cross-stitch units between them.

After MD-CSDNetwork (arXiv 2109.07311).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import timm
import torch
from torch import Tensor, nn

from unmask.models.families.cross_stitch import CrossStitchOptions
from unmask.models.frequencies import LogSpectrum, Standardised
from unmask.models.inputs import TrainingBatch
from unmask.models.layers import CrossStitch
from unmask.models.losses import classification_loss
from unmask.models.pretrained import load_pretrained
from unmask.models.registry import RecipeSections

HEADS = ("global_pool", "head", "fc", "classifier")
"""Names of a timm network's first part that is no longer a map."""
EXAMPLE_SIDE = 64


class CrossStitchDetector(nn.Module):
    """Classifies a face by its pixels, its frequencies, or both."""

    mean: Tensor
    std: Tensor

    def __init__(self, options: CrossStitchOptions) -> None:
        super().__init__()
        self.options = options
        names = ("pixels", "frequencies") if options.branches == "both" else (options.branches,)
        ends = options.stitch_after if options.stitch and len(names) == 2 else ()
        branches = {name: nn.ModuleList(branch(options, ends)) for name in names}
        self.branches = nn.ModuleDict(branches)
        widths = _channels(branches[names[0]])
        self.units = nn.ModuleList(
            CrossStitch(width if options.per_channel else 1, options.own_share)
            for width in widths[: len(ends)]
        )
        settings = timm.get_pretrained_cfg(options.name)
        for name in ("mean", "std"):
            values = getattr(settings, name, None) or (0.5, 0.5, 0.5)
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)
        if "frequencies" in names:
            side = options.input_size
            self.spectrum = LogSpectrum(options.transform, side)
            self.standardised = Standardised((3, side, side), options.fitted_on)
        self.hidden = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.AdaptiveAvgPool2d(1),
                    nn.Flatten(),
                    nn.Dropout(options.dropout),
                    nn.Linear(widths[-1], options.hidden),
                    nn.ReLU(),
                )
                for name in names
            }
        )
        self.last = nn.Linear(len(names) * options.hidden, 1)

    def forward(self, faces: Tensor) -> Tensor:
        """Return the logits (N,), above 0: manipulated.

        Parameters
        ----------
        faces
            (N, 3, S, S) float RGB in [0, 1].
        """
        now = self.inputs(faces)
        for number, parts in enumerate(zip(*self.branches.values(), strict=True)):
            now = tuple(part(x) for part, x in zip(parts, now, strict=True))
            if number < len(self.units):
                now = self.units[number](*now)
        hidden = [layers(features) for layers, features in zip(self.hidden.values(), now, strict=True)]
        logit: Tensor = self.last(torch.cat(hidden, dim=1))
        return logit.squeeze(1)

    def inputs(self, faces: Tensor) -> tuple[Tensor, ...]:
        """Return what the branches read: normalised pixels, standardised frequencies, (N, 3, S, S) each.

        Parameters
        ----------
        faces
            (N, 3, S, S) float RGB in [0, 1].
        """
        read = {"pixels": self._pixels, "frequencies": self._frequencies}
        return tuple(read[name](faces) for name in self.branches)

    def _pixels(self, faces: Tensor) -> Tensor:
        return (faces - self.mean) / self.std

    def _frequencies(self, faces: Tensor) -> Tensor:
        # The logarithm's precision is that of small coefficients beside large ones: bf16 has too few digits.
        with torch.autocast(faces.device.type, enabled=False):
            standardised: Tensor = self.standardised(self.spectrum(faces.float()))
            return standardised


def _channels(parts: nn.ModuleList) -> list[int]:
    """Return how many channels each part of a branch gives, without touching its statistics."""
    parts.eval()
    x, found = torch.zeros(1, 3, EXAMPLE_SIDE, EXAMPLE_SIDE), []
    with torch.no_grad():
        for part in parts:
            x = part(x)
            found.append(x.shape[1])
    parts.train()
    return found


def branch(options: CrossStitchOptions, ends: Sequence[str]) -> list[nn.Module]:
    """Return a branch as parts in a row; each but the last ends where a unit stands.

    Parameters
    ----------
    options
        The section ``model`` of a recipe.
    ends
        Names of parts of the timm network, in its order, behind which a unit stands.

    Raises
    ------
    ValueError
        When the network has no such part, or is more than its parts in a row.
    """
    network = timm.create_model(options.name, pretrained=options.pretrained == "timm")
    if options.pretrained not in (None, "timm"):
        load_pretrained(network, str(options.pretrained))
    steps = _steps(network, options.name)
    places = [_last_of(steps, name) for name in (*ends, *([options.until] if options.until else []))]
    bounds = [0, *(place + 1 for place in places), *([] if options.until else [len(steps)])]
    if bounds != sorted(set(bounds)):
        raise ValueError(
            f"model.stitch_after: {', '.join(map(str, ends))} do not stand in this order before the end"
        )
    modules = list(steps.values())
    return [nn.Sequential(*modules[start:end]) for start, end in pairwise(bounds)]


def _steps(network: nn.Module, name: str) -> dict[str, nn.Module]:
    """Return the parts of a network up to its pooling, those of a `Sequential` one by one."""
    steps: dict[str, nn.Module] = {}
    for label, child in network.named_children():
        if label in HEADS:
            break
        if isinstance(child, nn.Sequential):
            steps |= {f"{label}.{inner}": module for inner, module in child.named_children()}
        else:
            steps[label] = child
    example = torch.rand(1, 3, EXAMPLE_SIDE, EXAMPLE_SIDE, generator=torch.Generator().manual_seed(0))
    network.eval()
    with torch.no_grad():
        wanted = network.forward_features(example)  # type: ignore[operator]
        for module in steps.values():
            example = module(example)
    network.train()
    if example.shape != wanted.shape or not torch.allclose(example, wanted, atol=1e-5):
        raise ValueError(f"model.name: {name} is more than its parts one after the other")
    return steps


def _last_of(steps: Mapping[str, nn.Module], name: str) -> int:
    """Return the number of the step that is, or ends, a part of the network."""
    found = [number for number, step in enumerate(steps) if f"{step}.".startswith(f"{name}.")]
    if not found:
        raise ValueError(f"model: the network has no part {name!r}, but {', '.join(steps)}")
    return found[-1]


def build(options: CrossStitchOptions, recipe: RecipeSections) -> CrossStitchDetector:
    """Build the detector; pretrained weights are read where the options name them.

    Parameters
    ----------
    options
        The section ``model`` of the recipe.
    recipe
        The resolved recipe.
    """
    return CrossStitchDetector(options)


def loss(
    model: CrossStitchDetector, batch: TrainingBatch, recipe: RecipeSections, step: int
) -> Mapping[str, Tensor]:
    """Run the detector on a batch and return its binary cross-entropy.

    Parameters
    ----------
    model
        The detector.
    batch
        The training batch.
    recipe
        The resolved recipe.
    step
        Counted from 0.
    """
    return {"total": classification_loss(model(batch.inputs), batch.wanted, recipe.loss.label_smoothing)}
