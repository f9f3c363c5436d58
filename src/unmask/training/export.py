"""From a run folder to a detector that runs without torch: ONNX, safetensors and a card."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from unmask.detectors import Calibration, Card, Quality, Trunk, TrunkReference, file_sha256, open_trunk_of
from unmask.detectors.trunk import INPUT_SIZE, TUNED_NAME
from unmask.models.exported import Exported
from unmask.models.registry import model_family
from unmask.training.calibrate import fit_platt
from unmask.training.cards import make_card, portable
from unmask.training.onnx_export import check_parity, write_onnx
from unmask.training.quality import distribution, real_face_errors
from unmask.training.recipes import Recipe, RecipeError, TrunkOptions, load_recipe
from unmask.training.trunks import trunk_reference
from unmask.training.validation_logits import ValidationLogits, mean_logits
from unmask.training.views import distinct_videos, open_views, set_names

Report = Callable[[str, int, int], None]


def export(
    run: str | Path,
    out: str | Path | None = None,
    others: Sequence[str | Path] = (),
    report: Report = lambda stage, done, total: None,
) -> Path:
    """Export the best weights of a run, or the mean of several runs' heads: model.onnx, model.safetensors, card.json.

    The model reads `map` (N, places, channels) float32 or `crops` (N, S, S, 3) uint8 RGB, and returns `logit` (N,) and
    `score` (N,) calibrated. A family may add `patch_logits` (N, h', w'), the logit of each place alone, and
    `reconstruction` (N, 3, h, w) in [0, 1]. A head that was trained with its trunk's norms or biases keeps these in
    trunk.npz; it is calibrated on the int8 trunk's tokens of the validation crops with them. The card says how well
    real validation faces are rebuilt, where the recipe's data are available.

    Parameters
    ----------
    run
        Folder of the run.
    out
        The detector's folder; None: `detector` in the run folder.
    others
        Runs of heads on the same frozen trunk, and none of its blocks that the first does not read, whose logits are
        averaged with the first's; name, export options and reconstruction are the first's.
    report
        Called with the name of a stage, crops done and crops in all.

    Raises
    ------
    RecipeError
        When a run has no weights yet, runs do not fit together, or the exported model does not give torch's outputs.
    """
    runs = [Path(run), *map(Path, others)]
    recipes = [_finished(one) for one in runs]
    recipe = recipes[0]
    out = Path(out) if out is not None else runs[0] / "detector"
    out.mkdir(parents=True, exist_ok=True)
    for other, own in zip(runs[1:], recipes[1:], strict=True):
        _check_fit(other, own, runs[0], recipe)
    runner = model_family(recipe.model).runner
    if runner is not None:
        runner.export(recipe, runs[0], out, report)
        return out
    heads = [load_best(one, own) for one, own in zip(runs, recipes, strict=True)]
    judged = [ValidationLogits.read(one / "validation.npz", recipe.evaluation.select) for one in runs]
    trunk = _trunk_of(runs[0]) if recipe.model.reads != "crops" else None
    exported = model_family(recipe.model).exported
    if recipe.model.reads == "tokens":
        trunk = tuned_trunk(heads[0], recipe, out / TUNED_NAME)
        uncalibrated = exported(heads, Calibration())
        judged[0] = _through_trunk(recipe, uncalibrated, open_trunk_of(out, trunk), report)
    rows = mean_logits(judged)
    calibration = fit_platt(rows.logit, rows.label)
    model = exported(heads, calibration).eval()
    write_onnx(model, out / "model.onnx")
    check_parity(model, out / "model.onnx")
    _write_weights(runs, out / "model.safetensors")
    card = make_card(trunk, recipe, rows, calibration, file_sha256(out / "model.onnx"))
    if others:
        card = card.model_copy(
            update={"recipe": {**card.recipe, "averaged_with": [portable(own) for own in recipes[1:]]}}
        )
    _write_card(card, out)
    spread = distribution(real_face_errors(out, recipe, report=report))
    if spread is not None:
        _write_card(card.model_copy(update={"quality": Quality(reconstruction_error=spread)}), out)
    return out


def _finished(run: Path) -> Recipe:
    """Read the recipe of a run that has weights to export."""
    if not (run / "best.safetensors").is_file():
        raise RecipeError(f"{run} holds no best.safetensors: is it the folder of a finished training run?")
    recipe = load_recipe(run / "recipe.yaml")
    if recipe.classifies_nothing:
        raise RecipeError(f"{run} was only pre-trained: name it as `initial` of a run that classifies")
    if recipe.trunk.projection:
        raise RecipeError("a head on projected maps (trunk.projection) is for a study and has no detector")
    return recipe


def _trunk_of(run: Path) -> TrunkReference:
    return TrunkReference.model_validate_json((run / "trunk.json").read_text(encoding="utf-8"))


def _check_fit(run: Path, recipe: Recipe, first_run: Path, first: Recipe) -> None:
    """Refuse to average a head that does not read the same frozen trunk as the first, or has other places."""
    if {recipe.model.reads, first.model.reads} != {"maps"}:
        raise RecipeError("only heads on the maps of one frozen trunk can be averaged")
    if recipe.model.family != first.model.family:
        raise RecipeError(f"{run} is of another model family than the first run")
    own, trunk = _trunk_of(run), _trunk_of(first_run)
    begin = len(trunk.earlier) - len(own.earlier)
    if begin < 0 or own != trunk.model_copy(update={"earlier": trunk.earlier[begin:]}):
        raise RecipeError(f"{run} reads another trunk, or blocks of it that the first run does not read")
    shared = recipe.model.shared_by_heads()
    if shared != first.model.shared_by_heads() or recipe.data.crop_profile != first.data.crop_profile:
        raise RecipeError(f"{run} has another {' or '.join(['crop profile', *shared])} than the first run")


def _write_weights(runs: Sequence[Path], path: Path) -> None:
    """Copy a run's weights; of several runs as `heads.0.`, `heads.1.` and so on."""
    if len(runs) == 1:
        shutil.copyfile(runs[0] / "best.safetensors", path)
        return
    weights = [load_file(run / "best.safetensors") for run in runs]
    save_file(
        {
            f"heads.{place}.{name}": value
            for place, head in enumerate(weights)
            for name, value in head.items()
        },
        path,
    )


def _write_card(card: Card, out: Path) -> None:
    (out / "card.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def tuned_trunk(model: nn.Module, recipe: Recipe, path: Path) -> TrunkReference:
    """Write what was tuned of the trunk, under the names of its graph, and return the reference to trunk and file.

    Parameters
    ----------
    model
        The trained detector.
    recipe
        Of the run.
    path
        Of the file, .npz.

    Raises
    ------
    RecipeError
        When more was tuned than can be exported beside a head.
    """
    try:
        tuned = model_family(recipe.model).tuned_trunk(model, recipe)
    except ValueError as error:
        raise RecipeError(str(error)) from None
    whole = trunk_reference(TrunkOptions(name=recipe.trunk.name, earlier=tuned.earlier))
    arrays: dict[str, Any] = dict(tuned.constants)
    np.savez(path, **arrays)
    return whole.model_copy(update={"tuned": file_sha256(path)})


def _through_trunk(
    recipe: Recipe,
    model: Exported,
    trunk: Trunk,
    report: Report = lambda stage, done, total: None,
) -> ValidationLogits:
    """Judge the validation crops as the exported detector will: by the int8 trunk and the head behind it."""
    views = open_views(recipe, size=INPUT_SIZE, training=False)
    model = model.eval()
    place = model.outputs.index("logit")
    arrays: dict[str, list[np.ndarray]] = {}
    names = set_names(recipe.data.validation)
    videos = distinct_videos(names, [source.rows.video for source in views])
    for name, source, video in zip(names, views, videos, strict=True):
        if recipe.evaluation.select not in ("mean", name):
            continue
        logits = []
        for row in range(len(source.rows)):
            report(f"calibrating on {name}", row, len(source.rows))
            with torch.inference_mode():
                tokens = torch.from_numpy(trunk.maps(source.image(row)[None]))
                logits.append(float(model(tokens)[place]))
        found = {
            "set": np.full(len(logits), name),
            "group": source.rows.group,
            "video": video,
            "label": source.rows.label,
            "logit": np.array(logits),
        }
        for key, values in found.items():
            arrays.setdefault(key, []).append(values)
    return ValidationLogits({key: np.concatenate(values) for key, values in arrays.items()})


def load_best(run: Path, recipe: Recipe) -> nn.Module:
    """Return a run's network with its best weights.

    Parameters
    ----------
    run
        Folder of the run.
    recipe
        Of the run.
    """
    model = model_family(recipe.model).build(recipe.model.finished(recipe), recipe)
    model.load_state_dict(load_file(run / "best.safetensors"))
    return model
