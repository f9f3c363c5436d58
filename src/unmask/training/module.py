"""What Lightning trains: a detector of any model family, with its loss, optimiser and validation logits."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from unmask.models.inputs import TrainingBatch, model_input
from unmask.models.registry import model_family
from unmask.training.batches import Batch
from unmask.training.recipes import OptimiserOptions, Recipe, RecipeError


class DetectorTraining(LightningModule):
    """Trains the detector of a recipe and keeps the logits of the last validation."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.family = model_family(recipe.model)
        self.model = self.family.build(recipe.model, recipe)
        if recipe.initial is not None:
            initialise_from(self.model, recipe.initial)
        self.logits: list[list[np.ndarray]] = []
        self.rates = Rates()
        self.losses: dict[str, list[Tensor]] = {}

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of a batch that is minimised."""
        losses = self._losses(batch)
        for name, value in losses.items():
            self.losses.setdefault(name, []).append(value.detach())
        self.log("loss", losses["total"], prog_bar=True, logger=False)
        return losses["total"]

    def _losses(self, batch: Batch) -> Mapping[str, Tensor]:
        formed = TrainingBatch(
            self._input(batch), batch.targets, batch.labels, self._wanted(batch), batch.masks
        )
        return self.family.loss(self.model, formed, self.recipe, self.global_step)

    def _wanted(self, batch: Batch) -> Tensor:
        if self.recipe.teacher is None or batch.teacher_logits is None:
            return batch.labels
        # Cross-entropy is linear in what is wanted: this is the weighted sum of both losses.
        return torch.lerp(batch.labels, torch.sigmoid(batch.teacher_logits), self.recipe.teacher.weight)

    def _input(self, batch: Batch) -> Tensor:
        return model_input(batch.inputs, whole=self.recipe.model.reads == "tokens")

    def on_train_epoch_start(self) -> None:
        """Seed what step and device alone decide, dropout, so that a resumed run draws what it would have drawn."""
        torch.manual_seed(1_000_003 * self.recipe.seed + self.global_step + 7_919 * self.global_rank)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Start the clock of the step; let the model family freeze what it wants still."""
        self.rates.start()
        self.family.before_step(self.model, self.recipe, self.global_step)

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
        logits = self.family.logits(self.model, self._input(batch))
        self.logits[dataloader_idx].append(logits.float().cpu().numpy())

    def validation_logits(self) -> list[np.ndarray]:
        """Return the logits (N,) of each validation set, as the last validation found them."""
        return [np.concatenate(batches) for batches in self.logits]

    def weights(self) -> dict[str, Tensor]:
        """Return the detector's weights, without what served the training alone."""
        discarded = self.recipe.model.discarded(self.recipe)
        return {
            name: value.detach().cpu().contiguous()
            for name, value in self.model.state_dict().items()
            if not name.startswith(discarded)
        }

    def mean_losses(self) -> dict[str, float]:
        """Return the mean of each loss since the last call, over all devices."""
        own = {name: torch.stack(values).mean() for name, values in self.losses.items()}
        reduce = self.trainer.strategy.reduce
        means = {name: float(reduce(value, reduce_op="mean")) for name, value in own.items()}
        self.losses = {}
        return means

    def configure_optimizers(self) -> Any:
        """AdamW over the weights that are trained, with the recipe's schedule."""
        optimiser, schedule = make_optimiser(
            self.model,
            self.recipe.optimiser,
            self.recipe.model.own_rate,
            self.recipe.pretraining.steps,
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def make_optimiser(
    model: nn.Module, options: OptimiserOptions, own_rate: tuple[str, ...] = (), pretraining: int = 0
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """Return AdamW over the weights that are trained, and the schedule of its rate.

    Parameters
    ----------
    model
        Whose weights are trained.
    options
        Of the recipe.
    own_rate
        Beginnings of the names of weights that learn at ``backbone_lr`` times the rate.
    pretraining
        Number of first steps that have a schedule of their own.
    """
    optimiser = torch.optim.AdamW(_parameter_groups(model, options, own_rate), lr=options.lr)
    return optimiser, torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: rate_factor(step, options, pretraining)
    )


def initialise_from(model: nn.Module, initial: str) -> None:
    """Copy weights that were trained before wherever name and shape fit.

    Parameters
    ----------
    model
        Changed in place.
    initial
        Folder of a finished run, or of an exported detector; of one that averages several heads, `#` and the number
        of a head follow.

    Raises
    ------
    RecipeError
        When there are no such weights or none of them fits.
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
        """End a step.

        Parameters
        ----------
        images
            Number of images of the step.
        """
        assert self._started is not None
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._stopped = time.perf_counter()
        self.busy += self._stopped - self._started
        self.whole += self._stopped - self._started
        self.images += images

    def read(self) -> dict[str, float]:
        """Return both rates since the last call."""
        rates = {
            "images_per_second": self.images / self.whole if self.whole else 0.0,
            "images_per_second_without_loading": self.images / self.busy if self.busy else 0.0,
        }
        self.images, self.busy, self.whole = 0, 0.0, 0.0
        self._stopped = None
        return rates


def _parameter_groups(
    model: nn.Module, options: OptimiserOptions, own_rate: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Group trained weights: no decay for biases and norms, and the factor ``backbone_lr`` for names that start so."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith(own_rate), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": options.lr * (options.backbone_lr if own else 1.0),
            "weight_decay": options.weight_decay if decayed else 0.0,
        }
        for (own, decayed), parameters in groups.items()
    ]


def rate_factor(step: int, options: OptimiserOptions, pretraining: int = 0) -> float:
    """Return the factor on the rate at a step: a linear warm-up, then a half cosine down to zero, or 1.

    Parameters
    ----------
    step
        From 0.
    options
        Of the recipe.
    pretraining
        Number of first steps that have such a curve of their own.
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
