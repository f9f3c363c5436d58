"""The card of a detector of the model family ``sync``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unmask.detectors import Calibration, Card, ClipSound, FaceClips, QualityGate, file_sha256
from unmask.models import lips
from unmask.models.registry import model_family
from unmask.models.sound import RATE
from unmask.training.calibrate import fit_platt
from unmask.training.cards import data_sources, portable
from unmask.training.recipes import Recipe
from unmask.training.sync_clips import SEARCH_EVERY
from unmask.training.sync_validation import (
    OTHER_SPEAKER,
    SAME_SPEAKER,
    TOLD,
    TRUE,
    Floats,
    Trial,
    auc,
    offset_share,
)

LONG, SHORT = 124, 76
"""Places at 25 a second of a window, and of the shortest clip that is judged: 5 and 3 s, two a frame."""

LICENCE = (
    "{} for this file, which holds MediaPipe's face mesh (Apache-2.0); the data that it was trained on came for "
    "research, see data"
)
LIMITS = (
    "For one person who speaks and is seen well. Tells neither who speaks nor whether a voice is real; knows few "
    "people, all of them speaking to a camera. Music, laughter, singing, several voices and a mouth that is small, "
    "turned away or covered mislead it. Says nothing about pictures."
)
GATES = (
    QualityGate(
        name="no voice",
        measure="loudness",
        starts_at=-45.0,
        saturates_at=-55.0,
        reject_at=-50.0,
        text="the sound is almost silent ({value:.0f} dB)",
    ),
    QualityGate(
        name="still mouth",
        measure="mouth_motion",
        starts_at=0.0048,
        saturates_at=0.0024,
        reject_at=0.0032,
        text="the mouth hardly moves ({value:.4f} eye distances a frame)",
    ),
)


def make_card(recipe: Recipe, trials: Sequence[Trial], weights: Floats, model: Path) -> Card:
    """Return the card: what the detector reads, what it was fitted on, how good it is and how it is to be used.

    Parameters
    ----------
    recipe
        Of the run. Question, tasks and gates are the family's own.
    trials
        Windows of 5 s of people left out.
    weights
        (4,) of `fit_weights`.
    model
        The exported file.
    """
    judged = [trial for trial in trials if trial.kind != "0.2 s"]
    logits = np.array([-(trial.statistics @ weights[:3] + weights[3]) for trial in judged])
    fake = np.array([trial.kind != TRUE for trial in judged], int)
    calibration = fit_platt(logits, fake)
    within, between = _spread(judged, logits)
    low, high = _band(calibration.scores(logits), fake)
    data = data_sources(recipe)
    name = " and ".join(source.name for source in data if source.use == "validation")
    return Card(
        name=recipe.name,
        version=recipe.export.version,
        description=recipe.export.description or model_family(recipe.model).description,
        sha256=file_sha256(model),
        licence=LICENCE.format(recipe.export.licence),
        question="sound_belongs_to_face",
        input=FaceClips(
            crop_profile="mesh",
            size=lips.MESH_SIDE,
            frames=LONG // 2,
            least_frames=SHORT // 2,
            rate=lips.RATE,
            least_rate=lips.RATE,
            search_every=SEARCH_EVERY,
            audio=ClipSound(rate=RATE, seconds=LONG / 2 / lips.RATE),
        ),
        threshold=(low + high) / 2,
        band=(low, high),
        calibration=Calibration(
            slope=calibration.slope, intercept=calibration.intercept, within_sd=within, between_sd=between
        ),
        gates=GATES,
        tasks=("dubbed speech", "shifted sound"),
        limits=recipe.export.limits or LIMITS,
        data=data,
        metrics={"validation": {name: _figures(trials, weights)}},
        recipe=portable(recipe),
    )


def _figures(trials: Sequence[Trial], weights: Any) -> dict[str, Any]:
    """Return the figures of windows of people left out in turn; the AUC is of shifts of 0.4 s and more."""
    shifted = auc(trials, weights, TOLD)
    others = {
        "auc_same_speaker": auc(trials, weights, [SAME_SPEAKER]),
        "auc_other_speaker": auc(trials, weights, [OTHER_SPEAKER]),
        "offset_within_0.12_s": offset_share(trials, 0.12),
    }
    return {
        "frame_auc": round(shifted.value, 4),
        "frame_auc_interval": [round(shifted.low, 4), round(shifted.high, 4)],
        "real": sum(trial.kind == TRUE for trial in trials),
        "fake": sum(trial.kind in TOLD for trial in trials),
        "sources": len({trial.source for trial in trials}),
    } | {
        name: {"value": round(one.value, 4), "interval": [round(one.low, 4), round(one.high, 4)]}
        for name, one in others.items()
    }


def _spread(trials: Sequence[Trial], logits: Any) -> tuple[float, float]:
    """Return the spread of logits within the windows of a source and between the means of sources, over kinds."""
    within, means = [], []
    groups: dict[tuple[str, str], list[float]] = {}
    for trial, logit in zip(trials, logits, strict=True):
        groups.setdefault((trial.source, TRUE if trial.kind == TRUE else "wrong"), []).append(float(logit))
    for values in groups.values():
        if len(values) > 1:
            within.append(np.var(values, ddof=1))
    for kind in (TRUE, "wrong"):
        centres = [np.mean(values) for (_, each), values in groups.items() if each == kind]
        means.append(np.var(centres, ddof=1) if len(centres) > 1 else 0.0)
    inner = float(np.mean(within)) if within else 1.0
    typical = float(np.mean([len(values) for values in groups.values()]))
    between = max(0.0, float(np.mean(means)) - inner / typical)
    return max(inner, 1e-6) ** 0.5, between**0.5


def _band(scores: Any, fake: Any) -> tuple[float, float]:
    """Return scores between which there is no verdict: at most a tenth of either kind lies beyond its side."""
    high = float(np.quantile(scores[fake == 0], 0.95))
    low = float(np.quantile(scores[fake == 1], 0.10))
    return (low, high) if low <= high else ((low + high) / 2, (low + high) / 2)
