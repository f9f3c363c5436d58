"""A training run from recipe to run folder.

`runs/<name>/` holds recipe.yaml (resolved), metrics.csv (a line for each validation), best.safetensors and
validation.npz (weights with the best validation AUC, and their logits), last.ckpt (to go on from), log.txt, and
trunk.json where the model reads a trunk's maps.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import Callback, LightningDataModule, Trainer, seed_everything
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from torch.utils.data import DataLoader

from unmask.detectors import TrunkReference
from unmask.models.registry import model_family
from unmask.training.batches import Batch, Batches, ImageBatches, MapBatches
from unmask.training.checkpoints import KeepBest
from unmask.training.maps import MapStore, cache_maps
from unmask.training.masks import add_masks
from unmask.training.module import DetectorTraining
from unmask.training.projection import projected
from unmask.training.recipes import Recipe, RecipeError
from unmask.training.teacher import distillation_batches
from unmask.training.trunks import MapFunction, trunk_reference

log = logging.getLogger(__name__)

# These may change when a run goes on.
CHANGEABLE_ON_RESUME: Any = {
    "resume": True,
    "precision": True,
    "evaluation": True,
    "trainer": True,
    "export": True,
    "data": {"workers", "root"},
}
_TIMED_BATCHES = 8


def train(
    recipe: Recipe,
    *,
    trunk: Callable[[], MapFunction] | None = None,
    reference: TrunkReference | None = None,
    progress: bool = True,
    report: Callable[[str, int, int], None] = lambda source, done, total: None,
) -> Path:
    """Run a recipe and return the run folder.

    Parameters
    ----------
    recipe
        Resolved.
    trunk
        Opens another trunk than the recipe's, for models on maps.
    reference
        The name of that trunk.
    progress
        Show Lightning's bar.
    report
        Called with the name of a stage and how much of it is done and to do: rows while maps are cached and, without
        the bar, optimiser steps.

    Raises
    ------
    RecipeError
        When the run folder exists, or there is nothing to resume.
    """
    folder = open_run(recipe)
    torch.set_float32_matmul_precision("high")
    with logged(folder / "log.txt"):
        seed_everything(recipe.seed, verbose=False)
        runner = model_family(recipe.model).runner
        if runner is not None:
            runner.train(recipe, folder, report)
            return folder
        with _removed_on_error(folder, recipe):
            batches = _open_batches(recipe, folder, trunk, reference, report)
            keep = KeepBest(folder, batches.validation_rows(), recipe.evaluation)
            module = DetectorTraining(recipe)
        checkpoint = folder / "last.ckpt" if recipe.resume else None
        log.info("%s: %s", "going on" if checkpoint else "starting", describe(module, batches))
        with quiet():
            trainer = make_trainer(recipe, folder, keep, progress, report)
            trainer.fit(module, RunData(recipe, batches), ckpt_path=checkpoint, weights_only=True)
        log.info("done after %d steps, best validation AUC %.4f", trainer.global_step, keep.best)
    return folder


def open_run(recipe: Recipe) -> Path:
    """Make the run folder, or check that the one to be resumed has the same recipe.

    Parameters
    ----------
    recipe
        Resolved.

    Raises
    ------
    RecipeError
        When the folder exists, has no checkpoint to resume, or another recipe.
    """
    folder = Path(recipe.runs) / recipe.name
    if not is_first_process():
        return folder
    if recipe.resume:
        if not (folder / "last.ckpt").is_file():
            raise RecipeError(f"{folder} has no checkpoint to go on from: leave out resume")
        before = Recipe.model_validate(yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8")))
        if before.model_dump(exclude=CHANGEABLE_ON_RESUME) != recipe.model_dump(exclude=CHANGEABLE_ON_RESUME):
            raise RecipeError(f"the recipe differs from {folder / 'recipe.yaml'}: give the run another name")
    elif (folder / "recipe.yaml").is_file():
        resumable = (folder / "last.ckpt").is_file()
        on = "resume=true goes on with it" if resumable else "delete it"
        raise RecipeError(f"{folder} exists: {on}, or name=... starts another run")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(
        recipe.model_copy(update={"resume": False}).to_yaml(), encoding="utf-8"
    )
    return folder


@contextmanager
def _removed_on_error(folder: Path, recipe: Recipe) -> Iterator[None]:
    """Remove a new run's files where it ends before its first step, so that the same command can start again."""
    try:
        yield
    except BaseException:
        if is_first_process() and not recipe.resume:
            for name in ("recipe.yaml", "trunk.json", "log.txt"):
                (folder / name).unlink(missing_ok=True)
            with suppress(OSError):  # Somebody's other files are in it.
                folder.rmdir()
        raise


def is_first_process() -> bool:
    """Return whether this is the process of a run that writes; Lightning starts the others with a rank of their own."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def _open_batches(
    recipe: Recipe,
    folder: Path,
    trunk: Callable[[], MapFunction] | None,
    reference: TrunkReference | None,
    report: Callable[[str, int, int], None],
) -> Batches:
    """Open crops, or compute what is missing of the cached maps and open those."""
    if recipe.teacher is not None:
        return distillation_batches(recipe, recipe.teacher, report)
    if recipe.model.reads == "crops":
        return ImageBatches(recipe)
    reference = reference or trunk_reference(recipe.trunk)
    if is_first_process():
        (folder / "trunk.json").write_text(reference.model_dump_json(), encoding="utf-8")
    training, validation = (
        cache_maps(recipe, training=part, trunk=trunk, reference=reference, report=report)
        for part in (True, False)
    )
    if recipe.loss.mask:
        training = add_masks(recipe, training, report)
    if recipe.trunk.projection:
        training, validation = (_read_projected(recipe, stores, report) for stores in (training, validation))
    return MapBatches(recipe, training, validation)


def _read_projected(
    recipe: Recipe, stores: list[list[MapStore]], report: Callable[[str, int, int], None]
) -> list[list[MapStore]]:
    """Read cached maps through the recipe's projection."""
    path = Path(recipe.trunk.projection or "")
    if not path.is_file():
        raise RecipeError(f"trunk.projection: {path} does not exist; `unmask study` writes it")
    found = [[projected(store, path, partial(report, "projection")) for store in views] for views in stores]
    channels = found[0][0].maps.shape[2]
    wanted = recipe.model.input_shape[-1]
    if channels != wanted:
        raise RecipeError(f"trunk.projection: {path} gives {channels} channels, the model reads {wanted}")
    return found


def make_trainer(
    recipe: Recipe,
    folder: Path,
    keep: KeepBest,
    progress: bool,
    report: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Trainer:
    """Return Lightning's trainer; an epoch is what lies between two validations.

    Parameters
    ----------
    recipe
        Resolved.
    folder
        Of the run.
    keep
        Keeps the best weights.
    progress
        Show Lightning's bar.
    report
        Called with the stage, steps done and steps in all, when there is no bar.

    Raises
    ------
    RecipeError
        When the batch cannot be divided among the devices.
    """
    last = ModelCheckpoint(
        folder, filename="last", save_top_k=1, save_on_train_epoch_end=True, enable_version_counter=False
    )
    callbacks: list[Callback] = [keep, last]
    if not progress:
        callbacks.append(
            ReportSteps(partial(report, f"training {recipe.name}, steps"), recipe.optimiser.steps)
        )
    if recipe.optimiser.ema:
        callbacks.insert(1, EMAWeightAveraging(decay=recipe.optimiser.ema))
    options = recipe.trainer
    trainer = Trainer(
        accelerator=options.accelerator,
        devices=options.devices,
        num_nodes=options.nodes,
        strategy=strategy_name(recipe),
        sync_batchnorm=options.sync_batchnorm,
        max_steps=recipe.optimiser.steps,
        max_epochs=-1,
        precision=_lightning_precision(recipe.precision),
        gradient_clip_val=recipe.optimiser.clip or None,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
    )
    if recipe.optimiser.batch_size % (2 * trainer.world_size):
        raise RecipeError(
            f"optimiser.batch_size: {recipe.optimiser.batch_size} is no multiple of {2 * trainer.world_size}, a pair "
            f"for each of {trainer.world_size} devices"
        )
    return trainer


class ReportSteps(Callback):
    """Reports how many optimiser steps are done, also while a validation lasts; the first process of a run does."""

    def __init__(self, report: Callable[[int, int], None], steps: int) -> None:
        self.report, self.steps = report, steps

    def on_train_start(self, trainer: Trainer, *_: object) -> None:
        """Report the steps of before."""
        self._report_steps(trainer)

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        """Report a step."""
        self._report_steps(trainer)

    def on_validation_batch_end(self, trainer: Trainer, *_: object, **__: object) -> None:
        """Report that time passes."""
        self._report_steps(trainer)

    def _report_steps(self, trainer: Trainer) -> None:
        if trainer.is_global_zero:
            self.report(trainer.global_step, self.steps)


def strategy_name(recipe: Recipe) -> str:
    """Return Lightning's name of the strategy; ddp must know when a branch goes without gradients.

    Parameters
    ----------
    recipe
        Resolved.
    """
    name = recipe.trainer.strategy
    if recipe.pretraining.steps and name == "ddp":
        return "ddp_find_unused_parameters_true"
    return name


def _lightning_precision(precision: str) -> Any:
    """Name a precision as Lightning does: `auto` is bf16 on a GPU that has it."""
    if precision == "auto":
        precision = "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "32"
    return {"32": "32-true", "bf16": "bf16-mixed"}[precision]


class RunData(LightningDataModule):
    """Hands each stretch between two validations its batches, from the step where the run stands."""

    def __init__(self, recipe: Recipe, batches: Batches) -> None:
        super().__init__()
        self.recipe, self.batches = recipe, batches

    def train_dataloader(self) -> DataLoader[Batch]:
        """Load the batches up to the next validation."""
        assert self.trainer is not None
        start = self.trainer.global_step
        count = min(self.recipe.evaluation.every, self.recipe.optimiser.steps - start)
        return self.batches.training(start, max(count, 1), self.trainer.global_rank, self.trainer.world_size)

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """Load every validation set."""
        return self.batches.validation()


def describe(module: DetectorTraining, batches: Batches) -> str:
    """Return how large the model is and how many images a second the loader alone gives.

    Parameters
    ----------
    module
        Holds the model.
    batches
        The first `_TIMED_BATCHES` are timed.
    """
    start, images = time.perf_counter(), 0
    for batch in islice(batches.training(0, _TIMED_BATCHES), _TIMED_BATCHES):
        images += len(batch.labels)
    rate = images / (time.perf_counter() - start)
    trained = sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
    sets = ", ".join(f"{row.name} ({len(row.labels)})" for row in batches.validation_rows())
    return f"{trained:,} trained weights; the loader alone gives {rate:.0f} images/s; validation on {sets}"


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Write what the package logs into a file as well; the first process of a run does.

    Parameters
    ----------
    path
        Of the log file; it is appended to.
    """
    if not is_first_process():
        yield
        return
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
    logger = logging.getLogger("unmask")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back Lightning's advertisements and its warnings about what is meant here."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning.*")
            yield
    finally:
        logger.setLevel(level)
