"""After each validation: a line in metrics.csv, the best weights, and an end when nothing gets better."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any, cast

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from safetensors.torch import save_file

from unmask.statistics.metrics import auc, single_class_reason
from unmask.training.batches import ValidationRows
from unmask.training.module import DetectorTraining
from unmask.training.recipes import EvaluationOptions, RecipeError

log = logging.getLogger(__name__)


class KeepBest(Callback):
    """Writes best.safetensors and validation.npz whenever the chosen AUC is the best so far.

    It stands before a callback that averages weights, so that it sees the weights that were validated.
    """

    def __init__(self, folder: Path, rows: list[ValidationRows], options: EvaluationOptions) -> None:
        self.folder, self.rows, self.options = folder, rows, options
        self.best, self.waited = -1.0, 0
        self.labels = _joined(rows, [row.labels for row in rows])
        self.judged = [name for name, labels in self.labels.items() if single_class_reason(labels) is None]
        if not self.judged:
            raise RecipeError("data.validation: no set holds both real and fake rows")
        if options.select != "mean" and options.select not in self.judged:
            raise RecipeError(
                f"evaluation.select: no validation set {options.select!r} with both classes; "
                f"there are {', '.join(self.judged)}, mean"
            )

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Judge the weights."""
        if trainer.sanity_checking:
            return
        module = cast(DetectorTraining, pl_module)
        losses, logits = module.mean_losses(), module.validation_logits()
        if not np.isfinite(np.concatenate([list(losses.values()), *logits])).all():
            raise RecipeError(f"the loss is not finite at step {trainer.global_step}: lower optimiser.lr")
        by_set = _joined(self.rows, logits)
        aucs = {name: auc(self.labels[name], by_set[name]) for name in self.judged}
        chosen = (
            float(np.mean(list(aucs.values())))
            if self.options.select == "mean"
            else aucs[self.options.select]
        )
        figures = {
            "step": trainer.global_step,
            **losses,
            **{f"auc_{name}": value for name, value in aucs.items()},
            "auc": chosen,
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            **module.rates.read(),
        }
        judged = trainer.global_step > module.recipe.pretraining.steps
        # Where nothing is classified the last weights are kept.
        better = module.recipe.classifies_nothing or (judged and chosen > self.best)
        self.waited += int(judged)
        if better:
            self.best, self.waited = chosen, 0
        if trainer.is_global_zero:
            _append_row(self.folder / "metrics.csv", figures)
            text = "  ".join(f"{name} {value:.5g}" for name, value in figures.items())
            log.info("%s%s", text, "  (best so far)" if better else "")
            if better:
                self._write(module, logits, trainer.global_step)
        if self.options.patience and self.waited >= self.options.patience:
            trainer.should_stop = True
        module.log("auc", chosen, prog_bar=True, logger=False)

    def _write(self, module: DetectorTraining, logits: list[np.ndarray], step: int) -> None:
        save_file(module.weights(), self.folder / "best.safetensors", metadata={"step": str(step)})
        np.savez(
            self.folder / "validation.npz",
            step=step,
            set=np.concatenate([np.full(len(row.labels), row.name) for row in self.rows]),
            label=np.concatenate([row.labels for row in self.rows]),
            group=np.concatenate([row.groups for row in self.rows]),
            video=np.concatenate([row.videos for row in self.rows]),
            logit=np.concatenate(logits),
        )

    def state_dict(self) -> dict[str, Any]:
        """Keep what a resumed run needs to know."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the run was stopped."""
        self.best, self.waited = state_dict["best"], state_dict["waited"]


def _joined(rows: list[ValidationRows], values: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Join the values of sources that are one validation set."""
    parts: dict[str, list[np.ndarray]] = {}
    for row, part in zip(rows, values, strict=True):
        parts.setdefault(row.name, []).append(part)
    return {name: np.concatenate(found) for name, found in parts.items()}


def _append_row(path: Path, figures: dict[str, float]) -> None:
    """Append a line to a CSV file, with a heading if it is the first."""
    first = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(figures))
        if first:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in figures.items()})
