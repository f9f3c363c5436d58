"""The card of an exported detector: what it was trained on, how good it is, how it is to be used."""

from __future__ import annotations

import json
from functools import reduce
from operator import getitem
from pathlib import PurePath
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from unmask.datasets.families import family_of
from unmask.detectors import Calibration, Card, DataSource, FaceCrops, TrunkReference, load_card
from unmask.detectors.trunk import INPUT_SIZE
from unmask.models.registry import model_family
from unmask.statistics.auc import auc_estimate
from unmask.statistics.likelihood_ratios import empirical_bounds
from unmask.training.calibrate import choose_band, choose_threshold, mean_by_video, spread_within
from unmask.training.recipes import Recipe
from unmask.training.validation_logits import ValidationLogits


def make_card(
    trunk: TrunkReference | None,
    recipe: Recipe,
    rows: ValidationLogits,
    calibration: Calibration,
    sha256: str,
) -> Card:
    """Return the card: what the detector is, what it was trained on, how good it is and how it is to be used.

    Parameters
    ----------
    trunk
        What the head reads; None when it reads crops.
    recipe
        Of the run.
    rows
        Validation rows with the exported detector's logits.
    calibration
        Fitted on them.
    sha256
        Of the exported model.
    """
    scores = calibration.scores(rows.logit)
    threshold = choose_threshold(scores, rows.label, recipe.export.threshold)
    band = choose_band(scores, rows.label, threshold, recipe.export.band_error)
    return Card(
        name=recipe.name,
        version=recipe.export.version,
        description=recipe.export.description or model_family(recipe.model).description,
        sha256=sha256,
        licence=recipe.export.licence,
        question=recipe.export.question,
        input=FaceCrops(
            crop_profile=recipe.data.crop_profile,
            size=INPUT_SIZE if trunk else recipe.model.input_shape[0],
            smoothing=recipe.export.smoothing,
        ),
        trunk=trunk,
        mirror=recipe.export.mirror,
        threshold=threshold,
        band=band,
        calibration=calibration.model_copy(
            update={
                "within_sd": spread_within(rows.logit, [rows.set, rows.video.astype(str)]),
                "between_sd": recipe.export.between_sd,
                **likelihood_fields(rows, calibration),
            }
        ),
        tasks=recipe.export.tasks,
        families=trained_families(recipe),
        limits=recipe.export.limits,
        data=data_sources(recipe),
        metrics={"validation": figures(rows, scores, threshold)},
        recipe=portable(recipe),
    )


def likelihood_fields(rows: ValidationLogits, calibration: Calibration) -> dict[str, Any]:
    """Return what a card's calibration says of its likelihood ratios: class mix, counts and bounds.

    Each video counts once, by its mean logit: its crops support no more than one item does.

    Parameters
    ----------
    rows
        Validation rows that the calibration was fitted on, as if real and fake were equally frequent.
    calibration
        Slope and intercept.
    """
    names = np.char.add(np.char.add(rows.set.astype(str), "\t"), rows.video.astype(str))
    mean, first = mean_by_video(rows.logit, names)
    labels = rows.label[first]
    ratios = (calibration.slope * mean + calibration.intercept) / np.log(10)
    return {
        "prior": 0.5,
        "reals": int((labels == 0).sum()),
        "fakes": int((labels == 1).sum()),
        "log10_lr_bounds": empirical_bounds(labels, ratios),
    }


def figures(rows: ValidationLogits, scores: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return what a card says of each validation set.

    AUC with its 95 % interval over groups, average precision and both rates at the threshold, of frames; where a
    set has several crops of a video, also the AUC of videos, by their mean logit.

    Parameters
    ----------
    rows
        Validation rows.
    scores
        (N,) calibrated, in [0, 1].
    threshold
        Scores above it count as fake.
    """
    result = {}
    for name in np.unique(rows.set):
        here = rows.set == name
        label, fake = rows.label[here], scores[here] > threshold
        if len(np.unique(label)) < 2:
            continue
        result[str(name)] = {
            **auc_figures("frame", label, rows.logit[here], rows.group[here]),
            "frame_average_precision": round(float(average_precision_score(label, rows.logit[here])), 4),
            "true_positive_rate": round(float(fake[label == 1].mean()), 4),
            "false_positive_rate": round(float(fake[label == 0].mean()), 4),
            "real": int((label == 0).sum()),
            "fake": int((label == 1).sum()),
            "groups": len(np.unique(rows.group[here])),
            **_video_figures(rows.video[here], label, rows.logit[here], rows.group[here]),
        }
    return result


def _video_figures(
    videos: np.ndarray, labels: np.ndarray, logits: np.ndarray, groups: np.ndarray
) -> dict[str, Any]:
    """Return the AUC of videos by their mean logit; nothing where each crop is a video of its own."""
    mean, first = mean_by_video(logits, videos)
    if len(first) == len(videos):
        return {}
    return {
        **auc_figures("video", labels[first], mean, groups[first]),
        "real_videos": int((labels[first] == 0).sum()),
        "fake_videos": int((labels[first] == 1).sum()),
    }


def auc_figures(level: str, labels: np.ndarray, logits: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Return the AUC with its 95 % interval over groups, which needs two of them.

    Parameters
    ----------
    level
        Of what each row is, `frame` or `video`: the start of the figures' names.
    labels
        (N,) 0 real, 1 fake.
    logits
        (N,).
    groups
        (N,) what is drawn together by the bootstrap.
    """
    found = auc_estimate(labels, logits, groups)
    figures: dict[str, Any] = {f"{level}_auc": found.value and round(found.value, 4)}
    if found.low is not None and found.high is not None:
        figures[f"{level}_auc_interval"] = [round(found.low, 4), round(found.high, 4)]
    return figures


def data_sources(recipe: Recipe) -> tuple[DataSource, ...]:
    """Name each data set once for each use, with its terms; what a teacher learned from counts as well.

    Parameters
    ----------
    recipe
        Of the run.
    """
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
    """Return the families of manipulation among a recipe's training sources, sorted.

    Parameters
    ----------
    recipe
        Of the run.
    """
    by_kind = {"self_blended": "blend_self", "face_blended": "blend_face"}
    found = {
        by_kind.get(source.kind) or family_of(source.family, "", PurePath(source.set).name)
        for source in recipe.data.train
        if source.where.get("label") != "real"
    }
    return tuple(sorted(found - {""}))


def portable(recipe: Recipe) -> dict[str, Any]:
    """Return the resolved recipe without the paths of one machine.

    Parameters
    ----------
    recipe
        Of the run.
    """
    values: dict[str, Any] = json.loads(recipe.model_dump_json(exclude={"runs", "resume"}))
    del values["data"]["root"], values["trunk"]["cache"]
    values["model"].pop("cache", None)
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
