"""What Lightning trains: the two-branch detector with its loss, optimiser and validation logits."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from unmask.models import Losses, build_model, joint_loss
from unmask.training.batches import Batch
from unmask.training.recipes import OptimiserOptions, Recipe, RecipeError


class JointTraining(LightningModule):
    """Trains the detector of a recipe and keeps the logits of the last validation."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.model = build_model(recipe.model, recipe.loss)
        if recipe.initial is not None:
            begin_with(self.model, recipe.initial)
        self.logits: list[list[np.ndarray]] = []
        self.rates = Rates()
        self.losses: dict[str, list[Tensor]] = {}

    @property
    def pretraining(self) -> bool:
        """Whether the run still is where faces are rebuilt and nothing is classified."""
        return self.global_step < self.recipe.pretraining.steps

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Give the joint loss of a batch."""
        losses = self._losses(batch)
        for name, value in losses._asdict().items():
            self.losses.setdefault(name, []).append(value.detach())
        self.log("loss", losses.total, prog_bar=True, logger=False)
        return losses.total

    def _losses(self, batch: Batch) -> Losses:
        sequential = self.recipe.pretraining.steps > 0
        reconstruct = self.pretraining if sequential else self.recipe.loss.weight > 0
        output = self.model(self._input(batch), reconstruct)
        targets = to_planes(batch.targets) if reconstruct else None
        losses = joint_loss(output, targets, batch.labels, self.recipe.loss, self._wanted(batch))
        if not sequential:
            return losses
        return losses._replace(total=losses.reconstruction if self.pretraining else losses.classification)

    def _wanted(self, batch: Batch) -> Tensor | None:
        if self.recipe.teacher is None or batch.lessons is None:
            return None
        # Cross-entropy is linear in what is wanted: this is the weighted sum of both losses.
        return torch.lerp(batch.labels, torch.sigmoid(batch.lessons), self.recipe.teacher.weight)

    def _input(self, batch: Batch) -> Tensor:
        return model_input(batch.inputs, whole=self.recipe.model.backbone.start > 0)

    def on_train_epoch_start(self) -> None:
        """Seed what step and device alone decide, dropout, so that a resumed run draws what it would have drawn."""
        torch.manual_seed(1_000_003 * self.recipe.seed + self.global_step + 7_919 * self.global_rank)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Start the clock of the step; keep the rebuilt encoder still where it is only to be read."""
        self.rates.start()
        options = self.recipe.pretraining
        if options.steps and options.encoder == "frozen" and not self.pretraining:
            for part in (self.model.backbone, self.model.encoder):
                part.requires_grad_(False).eval()

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Stop the clock of the step."""
        self.rates.stop(len(batch.labels) * self.trainer.world_size)

    def on_validation_epoch_start(self) -> None:
        """Forget the logits of the validation before."""
        self.logits = []

    def validation_step(self, batch: Batch, index: int, dataloader_idx: int = 0) -> None:
        """Keep a batch's logits."""
        while len(self.logits) <= dataloader_idx:
            self.logits.append([])
        output = self.model(self._input(batch), reconstruct=False)
        self.logits[dataloader_idx].append(output.logit.float().cpu().numpy())

    def validation_logits(self) -> list[np.ndarray]:
        """Give the logits (N,) of each validation set, as the last validation found them."""
        return [np.concatenate(batches) for batches in self.logits]

    def weights(self) -> dict[str, Tensor]:
        """Give the detector's weights; after pretraining it has no decoder."""
        return {
            name: value.detach().cpu().contiguous()
            for name, value in self.model.state_dict().items()
            if not (self.recipe.pretraining.steps and name.startswith("decoder."))
        }

    def mean_losses(self) -> dict[str, float]:
        """Give the mean of each loss since the last call, over all devices."""
        own = {name: torch.stack(values).mean() for name, values in self.losses.items()}
        reduce = self.trainer.strategy.reduce
        means = {name: float(reduce(value, reduce_op="mean")) for name, value in own.items()}
        self.losses = {}
        return means

    def configure_optimizers(self) -> Any:
        """AdamW over the weights that are trained, with the recipe's schedule."""
        options = self.recipe.optimiser
        optimiser = torch.optim.AdamW(parameter_groups(self.model, options), lr=options.lr)
        first = self.recipe.pretraining.steps
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: rate_factor(step, options, first)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def begin_with(model: nn.Module, initial: str) -> None:
    """Copy weights that were trained before wherever name and shape fit.

    initial : folder of a finished run, or of an exported detector; of one that averages several heads, `#` and the
    number of a head follow. Raises RecipeError when there are no such weights or none of them fits.
    """
    folder, _, head = initial.partition("#")
    path = Path(folder) / "best.safetensors"
    if not path.is_file():
        path = path.with_name("model.safetensors")
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RecipeError(
            f"initial: {folder} holds no usable best.safetensors or model.safetensors ({error})"
        ) from None
    start = f"heads.{head}." if head else ""
    own = model.state_dict()
    fitting = {
        name.removeprefix(start): value
        for name, value in weights.items()
        if name.startswith(start)
        and (inner := name.removeprefix(start)) in own
        and own[inner].shape == value.shape
    }
    if not fitting:
        raise RecipeError(f"initial: no weights of {initial} fit this model")
    model.load_state_dict(fitting, strict=False)


class Rates:
    """Images a second, with and without waiting for the loader."""

    def __init__(self) -> None:
        self.images, self.busy, self.whole = 0, 0.0, 0.0
        self._started: float | None = None
        self._stopped: float | None = None

    def start(self) -> None:
        """Begin a step; the time since the last one was spent waiting."""
        self._started = time.perf_counter()
        if self._stopped is not None:
            self.whole += self._started - self._stopped

    def stop(self, images: int) -> None:
        """End a step over so many images."""
        assert self._started is not None
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._stopped = time.perf_counter()
        self.busy += self._stopped - self._started
        self.whole += self._stopped - self._started
        self.images += images

    def read(self) -> dict[str, float]:
        """Give both rates since the last call."""
        rates = {
            "images_per_second": self.images / self.whole if self.whole else 0.0,
            "images_per_second_without_loading": self.images / self.busy if self.busy else 0.0,
        }
        self.images, self.busy, self.whole = 0, 0.0, 0.0
        self._stopped = None
        return rates


def model_input(inputs: Tensor, whole: bool = False) -> Tensor:
    """Turn a batch into what the model reads.

    Crops (N, S, S, 3) uint8 -> (N, 3, S, S) float in [0, 1]; patch tokens (N, places, channels) float16 ->
    (N, channels, side, side) float. Both keep their layout in memory, which is torch's channels-last. A class token
    before the patch tokens is left out. whole: tokens stay as they are, for a network that reads all of them.
    """
    if inputs.dtype == torch.uint8:
        return to_planes(inputs)
    if whole:
        return inputs.float()
    side = math.isqrt(inputs.shape[1])
    inputs = inputs[:, inputs.shape[1] - side * side :]
    return inputs.float().unflatten(1, (side, side)).permute(0, 3, 1, 2)


def to_planes(pictures: Tensor) -> Tensor:
    """(N, h, w, 3) uint8 -> (N, 3, h, w) float in [0, 1]."""
    return pictures.permute(0, 3, 1, 2).float() / 255


def parameter_groups(model: nn.Module, options: OptimiserOptions) -> list[dict[str, Any]]:
    """Group trained weights: no decay for biases and norms, a rate of its own for the backbone."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith("backbone."), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": options.lr * (options.backbone_lr if backbone else 1.0),
            "weight_decay": options.weight_decay if decayed else 0.0,
        }
        for (backbone, decayed), parameters in groups.items()
    ]


def rate_factor(step: int, options: OptimiserOptions, pretraining: int = 0) -> float:
    """Give the factor on the rate at a step: a linear warm-up, then a half cosine down to zero, or 1.

    pretraining: the first so many steps have such a curve of their own.
    """
    last = options.steps
    if step < pretraining:
        last = pretraining
    else:
        step, last = step - pretraining, last - pretraining
    if step < options.warm_up:
        return (step + 1) / options.warm_up
    if options.schedule == "constant":
        return 1.0
    done = (step - options.warm_up) / max(1, last - options.warm_up)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
