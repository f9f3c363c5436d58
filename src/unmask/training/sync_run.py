"""The run of the model family ``sync``: videos of talking people in, a detector's folder with its card out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors.torch import load_file, save_file

from unmask.detectors.mesh import MESH_FILE
from unmask.models.families.sync import SyncOptions
from unmask.models.sync import SyncNetwork
from unmask.training.recipes import Recipe, RecipeError
from unmask.training.sync import SyncClip, fit
from unmask.training.sync_card import LONG, make_card
from unmask.training.sync_clips import list_files, read_clips
from unmask.training.sync_export import write_sync
from unmask.training.sync_validation import (
    TOLD,
    TRUE,
    Trial,
    auc,
    fit_weights,
    judge_left_out,
    offset_share,
)

log = logging.getLogger(__name__)
Report = Callable[[str, int, int], None]


def train(recipe: Recipe, run: Path, report: Report) -> None:
    """Fit on all people, judge those left out, and write both into the run folder.

    Parameters
    ----------
    recipe
        Of the run.
    run
        Its folder.
    report
        Called with the name of a stage and how much of it is done and to do.

    Raises
    ------
    RecipeError
        When the videos show fewer than three people, or none for long enough to be judged.
    """
    training, judged = open_clips(recipe, report)
    network = fit_on(recipe, training)
    trials = judge_recipe(recipe, training, judged, network=network)
    if {trial.kind == TRUE for trial in trials} != {True, False}:
        raise RecipeError("data.validation: nobody is seen and heard for two thirds of a window")
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, run / "best.safetensors")
    _write_trials(trials, run / "validation.npz")
    log.info("AUC against shifts of 0.4 s and more: %s", auc(trials, fit_weights(trials), TOLD))
    log.info("offset within 0.12 s: %s", offset_share(trials, 0.12))


def export(recipe: Recipe, run: Path, out: Path, report: Report) -> None:
    """Write the detector of a finished run, calibrated on the people left out.

    Parameters
    ----------
    recipe
        Of the run.
    run
        Its folder.
    out
        Folder of the detector.
    report
        Not called.
    """
    network = SyncNetwork(_options(recipe))
    network.load_state_dict(load_file(run / "best.safetensors"))
    trials = read_trials(run / "validation.npz")
    weights = fit_weights(trials)
    write_sync(network, weights, MESH_FILE, out / "model.onnx")
    card = make_card(recipe, trials, weights, out / "model.onnx")
    text = json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (out / "card.json").write_text(text + "\n", encoding="utf-8")


def open_clips(recipe: Recipe, report: Report) -> tuple[list[SyncClip], list[SyncClip]]:
    """Return the clips to fit on and those to judge.

    Parameters
    ----------
    recipe
        Of the run.
    report
        Called with the name of a stage, videos read and videos in all.

    Raises
    ------
    RecipeError
        When the videos show fewer than three people.
    """
    cache = Path(_options(recipe).cache) / "sync"
    training, judged = (
        read_clips(list_files(recipe.data, sources), cache, report)
        for sources in (recipe.data.train, recipe.data.validation)
    )
    for name, clips in (("train", training), ("validation", judged)):
        people = len({clip.source for clip in clips})
        if people < 3:
            raise RecipeError(f"data.{name}: {people} people are seen and heard for 2 s; three are needed")
        log.info("%s: %d videos of %d people", name, len(clips), people)
    return training, judged


def fit_on(recipe: Recipe, clips: Sequence[SyncClip]) -> SyncNetwork:
    """Return a network that is fitted as a recipe says.

    Parameters
    ----------
    recipe
        Of the run.
    clips
        Of at least two people.
    """
    return fit(clips, _options(recipe), recipe.optimiser, recipe.seed)


def _options(recipe: Recipe) -> SyncOptions:
    return cast(SyncOptions, recipe.model)


def judge_recipe(
    recipe: Recipe,
    training: Sequence[SyncClip],
    judged: Sequence[SyncClip],
    frames: int = LONG,
    change: Callable[[SyncClip], SyncClip] = lambda clip: clip,
    network: SyncNetwork | None = None,
) -> list[Trial]:
    """Judge a recipe on each person by a network that was fitted on others.

    Parameters
    ----------
    recipe
        Of the run.
    training, judged
        Of `open_clips`.
    frames
        Of a window.
    change
        Makes judged clips worse.
    network
        Fitted on all training clips; None: it is fitted here.
    """
    whole = network or fit_on(recipe, training)
    return judge_left_out(training, judged, lambda part: fit_on(recipe, part), whole, frames, change)


def _write_trials(trials: Sequence[Trial], path: Path) -> None:
    columns: dict[str, Any] = {
        name: np.array([getattr(trial, name) for trial in trials]) for name in _COLUMNS
    }
    np.savez(path, **columns)


def read_trials(path: Path) -> list[Trial]:
    """Return the windows of people left out that a run has judged.

    Parameters
    ----------
    path
        ``validation.npz`` of the run's folder.
    """
    with np.load(path) as stored:
        columns = [stored[name] for name in _COLUMNS]
    return [
        Trial(str(source), str(kind), int(frames), statistics, float(offset))
        for source, kind, frames, statistics, offset in zip(*columns, strict=True)
    ]


_COLUMNS = ("source", "kind", "frames", "statistics", "offset")
