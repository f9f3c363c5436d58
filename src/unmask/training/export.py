"""From a run folder to a detector that runs without torch: ONNX, safetensors and a card."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Callable, Sequence
from functools import reduce
from operator import getitem
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import average_precision_score
from torch import nn

from unmask.datasets.families import family_of
from unmask.detectors import (
    Calibration,
    Card,
    DataSource,
    Quality,
    Trunk,
    TrunkReference,
    file_sha256,
    load_card,
    open_trunk_of,
)
from unmask.detectors.sessions import open_session
from unmask.detectors.trunk import INPUT_SIZE, TUNED_NAME
from unmask.models.exported import Exported
from unmask.models.registry import model_family
from unmask.training.batches import set_names
from unmask.training.calibrate import (
    Platt,
    auc_interval,
    choose_band,
    choose_threshold,
    fit_platt,
    mean_by_video,
    spread_within,
)
from unmask.training.maps import trunk_reference
from unmask.training.quality import distribution, real_face_errors
from unmask.training.recipes import Recipe, RecipeError, TrunkOptions, load_recipe
from unmask.training.views import open_views

OPSET = 18
TOLERANCE = 1e-4


Report = Callable[[str, int, int], None]


def export(
    run: str | Path,
    out: str | Path | None = None,
    others: Sequence[str | Path] = (),
    report: Report = lambda stage, done, total: None,
) -> Path:
    """Export the best weights of a run, or the mean of several runs' heads: model.onnx, model.safetensors, card.json.

    The card holds how well real validation faces are rebuilt, where the recipe's data are at hand.

    out: the detector's folder; None: `detector` in the run folder. others: runs of heads on the same frozen trunk, and
    none of its blocks that the first does not read, whose logits are averaged with the first's; name, export options
    and reconstruction are the first's. The model reads `map` (N, places, channels) float32 or `crops` (N, S, S, 3)
    uint8 RGB, and gives `logit` (N,) and `score` (N,) calibrated. A family may add `patch_logits` (N, h', w'), the
    logit of each place alone, and `reconstruction` (N, 3, h, w) in [0, 1]. A head that was trained with its trunk's
    norms or biases brings these along as trunk.npz; it is calibrated on what the int8 trunk makes of the validation
    crops with them. report: called with the name of a stage, crops done and crops in all.

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
    heads = [load_best(one, own) for one, own in zip(runs, recipes, strict=True)]
    judged = [ValidationLogits.read(one / "validation.npz", recipe.evaluation.select) for one in runs]
    trunk = _trunk_of(runs[0]) if recipe.model.reads != "crops" else None
    exported = model_family(recipe.model).exported
    if recipe.model.reads == "tokens":
        trunk = tuned_trunk(heads[0], recipe, out / TUNED_NAME)
        uncalibrated = exported(heads, Platt(1.0, 0.0))
        judged[0] = through_trunk(recipe, uncalibrated, open_trunk_of(out, trunk), report)
    rows = mean_logits(judged)
    platt = fit_platt(rows.logit, rows.label)
    model = exported(heads, platt).eval()
    write_onnx(model, out / "model.onnx")
    check_parity(model, out / "model.onnx")
    write_weights(runs, out / "model.safetensors")
    card = make_card(trunk, recipe, rows, platt, file_sha256(out / "model.onnx"))
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


def write_weights(runs: Sequence[Path], path: Path) -> None:
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
    """Write what was tuned of the trunk under the names of its graph: the reference to trunk and file."""
    try:
        tuned = model_family(recipe.model).tuned_trunk(model, recipe)
    except ValueError as error:
        raise RecipeError(str(error)) from None
    whole = trunk_reference(TrunkOptions(name=recipe.trunk.name, earlier=tuned.earlier))
    arrays: dict[str, Any] = dict(tuned.constants)
    np.savez(path, **arrays)
    return whole.model_copy(update={"tuned": file_sha256(path)})


def through_trunk(
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
    for name, source in zip(set_names(recipe.data.validation), views, strict=True):
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
            "video": source.rows.video,
            "label": source.rows.label,
            "logit": np.array(logits),
        }
        for key, values in found.items():
            arrays.setdefault(key, []).append(values)
    return ValidationLogits({key: np.concatenate(values) for key, values in arrays.items()})


def load_best(run: Path, recipe: Recipe) -> nn.Module:
    """Build a run's network with its best weights."""
    model = model_family(recipe.model).build(recipe.model.finished(recipe), recipe)
    model.load_state_dict(load_file(run / "best.safetensors"))
    return model


class ValidationLogits:
    """Validation rows that calibration, threshold and figures are fitted on."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.set, self.group, self.video = arrays["set"], arrays["group"], arrays["video"]
        self.label, self.logit = arrays["label"].astype(np.int64), arrays["logit"].astype(np.float64)

    @classmethod
    def read(cls, path: Path, select: str = "mean") -> ValidationLogits:
        """Read a run's validation logits; of one set alone where the checkpoint was chosen on one."""
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("set", "group", "video", "label", "logit")}
        wanted = np.ones(len(arrays["set"]), bool) if select == "mean" else arrays["set"] == select
        return cls({name: values[wanted] for name, values in arrays.items()})


def mean_logits(heads: Sequence[ValidationLogits]) -> ValidationLogits:
    """Average several heads' logits of the same crops."""
    described = ("set", "group", "video", "label")
    for head in heads[1:]:
        if not all(np.array_equal(getattr(head, name), getattr(heads[0], name)) for name in described):
            raise RecipeError("the runs were validated on different crops")
    mean = np.mean([head.logit for head in heads], axis=0)
    return ValidationLogits({name: getattr(heads[0], name) for name in described} | {"logit": mean})


def write_onnx(model: Exported, path: Path) -> None:
    """Write the model with a free batch size and all weights in one file."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (model.example(2),),
            str(path),
            input_names=[model.entry],
            output_names=model.outputs,
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    strip_notes(path)


def strip_notes(path: Path) -> None:
    """Take out what the exporter notes beside the network: its stack traces name places of the exporting machine."""
    import onnx

    model = onnx.load(path)
    for part in (
        *model.graph.node,
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
        model.graph,
    ):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for constant in model.graph.initializer:
        constant.ClearField("metadata_props")
        constant.ClearField("doc_string")
    model.ClearField("metadata_props")
    model.ClearField("doc_string")
    onnx.save(model, path)


def check_parity(model: Exported, path: Path) -> None:
    """Compare ONNX Runtime with torch, and a crop alone with the same crop in a batch."""
    session = open_session(path, 1)
    entry = model.example(5)
    with torch.inference_mode():
        wanted = [value.numpy() for value in model(entry)]
    name = session.get_inputs()[0].name
    together = session.run(None, {name: entry.numpy()})
    alone = session.run(None, {name: entry[:1].numpy()})
    for output, ours, theirs, single in zip(session.get_outputs(), together, wanted, alone, strict=True):
        difference = max(np.abs(ours - theirs).max(), np.abs(ours[:1] - single).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(theirs).max())):
            raise RecipeError(
                f"the exported {output.name} is off by {difference:.2g}, more than {TOLERANCE:g}"
            )


def make_card(
    trunk: TrunkReference | None, recipe: Recipe, rows: ValidationLogits, platt: Platt, sha256: str
) -> Card:
    """Write down what the detector is, what it was trained on, how good it is and how it is to be used."""
    scores = platt(rows.logit)
    threshold = choose_threshold(scores, rows.label, recipe.export.threshold)
    band = choose_band(scores, rows.label, threshold, recipe.export.band_error)
    return Card(
        name=recipe.name,
        version=recipe.export.version,
        description=recipe.export.description or model_family(recipe.model).description,
        sha256=sha256,
        licence=recipe.export.licence,
        crop_profile=recipe.data.crop_profile,
        input_size=INPUT_SIZE if trunk else recipe.model.input_shape[0],
        trunk=trunk,
        mirror=recipe.export.mirror,
        threshold=threshold,
        band=band,
        calibration=Calibration(
            slope=platt.slope,
            intercept=platt.intercept,
            within_sd=spread_within(rows.logit, [rows.set, rows.video.astype(str)]),
            between_sd=recipe.export.between_sd,
        ),
        tasks=recipe.export.tasks,
        families=trained_families(recipe),
        limits=recipe.export.limits,
        data=data_sources(recipe),
        metrics={"validation": figures(rows, scores, threshold)},
        recipe=portable(recipe),
    )


def figures(rows: ValidationLogits, scores: np.ndarray, threshold: float) -> dict[str, Any]:
    """Give what a card says of each validation set.

    AUC with its 95 % interval over groups, average precision and both rates at the threshold, of frames; where a
    set has several crops of a video, also the AUC of videos, by their mean logit.
    """
    result = {}
    for name in np.unique(rows.set):
        here = rows.set == name
        label, fake = rows.label[here], scores[here] > threshold
        if len(np.unique(label)) < 2:
            continue
        auc, low, high = auc_interval(rows.logit[here], label, rows.group[here])
        result[str(name)] = {
            "frame_auc": round(auc, 4),
            "frame_auc_interval": [round(low, 4), round(high, 4)],
            "frame_average_precision": round(float(average_precision_score(label, rows.logit[here])), 4),
            "true_positive_rate": round(float(fake[label == 1].mean()), 4),
            "false_positive_rate": round(float(fake[label == 0].mean()), 4),
            "real": int((label == 0).sum()),
            "fake": int((label == 1).sum()),
            "groups": len(np.unique(rows.group[here])),
            **video_figures(rows.video[here], label, rows.logit[here], rows.group[here]),
        }
    return result


def video_figures(
    videos: np.ndarray, labels: np.ndarray, logits: np.ndarray, groups: np.ndarray
) -> dict[str, Any]:
    """Give the AUC of videos by their mean logit; nothing where each crop is a video of its own."""
    mean, first = mean_by_video(logits, videos)
    if len(first) == len(videos):
        return {}
    auc, low, high = auc_interval(mean, labels[first], groups[first])
    return {
        "video_auc": round(auc, 4),
        "video_auc_interval": [round(low, 4), round(high, 4)],
        "real_videos": int((labels[first] == 0).sum()),
        "fake_videos": int((labels[first] == 1).sum()),
    }


def data_sources(recipe: Recipe) -> tuple[DataSource, ...]:
    """Name each data set once for each use, with its terms; what a teacher learned from counts as well."""
    named: dict[tuple[str, str], DataSource] = {}
    for use, sources in (("training", recipe.data.train), ("validation", recipe.data.validation)):
        for source in sources:
            name = PurePath(source.set).name
            terms = source.terms or "not stated in the recipe"
            named.setdefault((use, name), DataSource(name=name, terms=terms, use=use))
    if recipe.teacher is not None:
        for of_teacher in load_card(recipe.teacher.detector).data:
            named.setdefault((of_teacher.use, of_teacher.name), of_teacher)
    return tuple(named.values())


def trained_families(recipe: Recipe) -> tuple[str, ...]:
    """Return the families of manipulation among a recipe's training sources, sorted."""
    by_kind = {"self_blended": "blend_self", "face_blended": "blend_face"}
    found = {
        by_kind.get(source.kind) or family_of(source.family, "", PurePath(source.set).name)
        for source in recipe.data.train
    }
    return tuple(sorted(found - {""}))


def portable(recipe: Recipe) -> dict[str, Any]:
    """Give the resolved recipe without the places where one machine keeps its files."""
    values: dict[str, Any] = json.loads(recipe.model_dump_json(exclude={"runs", "resume"}))
    del values["data"]["root"], values["trunk"]["cache"]
    places = [(values["trunk"], "file"), (values, "initial")]
    for *sections, key in (name.split(".") for name in recipe.model.files):
        places.append((reduce(getitem, sections, values["model"]), key))
    if values["teacher"] is not None:
        del values["teacher"]["cache"]
        places.append((values["teacher"], "detector"))
    for holder, key in places:
        if holder[key] is not None:
            holder[key] = PurePath(holder[key]).name
    for source in values["data"]["train"] + values["data"]["validation"]:
        source["set"] = PurePath(source["set"]).name
    return values
