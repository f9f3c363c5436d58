"""The whole way of the detector ``sync``: a folder of talking people in, a detector's folder with its card out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from unmask.detectors import Card, DataSource, file_sha256
from unmask.detectors.mesh import MESH_FILE, FaceMesh
from unmask.faces import CenterFace, FaceFinder
from unmask.media import VIDEO_ENDINGS
from unmask.models.lips import MESH_SIDE
from unmask.models.options import Options
from unmask.models.sound import RATE
from unmask.models.sync import SyncOptions
from unmask.training.calibrate import fit_platt
from unmask.training.sync import FitOptions, SyncClip, fit
from unmask.training.sync_clips import FRAME_RATE, SEARCH_EVERY, TalkingFace, read_talking_face
from unmask.training.sync_export import write_sync
from unmask.training.sync_validation import (
    OTHER_SPEAKER,
    SAME_SPEAKER,
    TOLD,
    TRUE,
    Trial,
    auc,
    fit_weights,
    leave_one_out,
    offset_share,
)

LONG, SHORT = 125, 75
"""Frames of a window, and of the shortest clip that is judged: 5 and 3 s."""


class SyncData(Options):
    """Where the talking people are."""

    folder: str = Field(description="below the data root, or a path of its own")
    manifest: str | None = Field(
        default=None, description="CSV in the folder with the columns path and group"
    )
    without: tuple[str, ...] = Field(
        default=(), description="beginnings of the names of sources that are left out"
    )
    terms: str = ""


class SyncRecipe(Options):
    """A training run of the detector ``sync``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    data: SyncData
    network: SyncOptions = SyncOptions()
    fit: FitOptions = FitOptions()


@dataclass(frozen=True)
class TalkingFile:
    """A video and who is seen in it."""

    path: Path
    source: str


def list_files(root: Path, data: SyncData) -> list[TalkingFile]:
    """List the videos of a recipe's folder.

    The manifest names the source of each video; without one that is the first folder below, as in LRS3 and VoxCeleb2,
    or the video itself.

    Parameters
    ----------
    root
        Of the data.
    data
        Of the recipe.
    """
    folder = root / data.folder
    if data.manifest is not None:
        with (folder / data.manifest).open(encoding="utf-8", newline="") as file:
            listed = [TalkingFile(folder / row["path"], row["group"]) for row in csv.DictReader(file)]
    else:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_ENDINGS)
        listed = [TalkingFile(path, path.relative_to(folder).with_suffix("").parts[0]) for path in found]
    return [file for file in listed if not file.source.startswith(data.without)]


def read_clips(
    files: Sequence[TalkingFile], cache: Path, finder: FaceFinder | None = None, mesh: FaceMesh | None = None
) -> list[SyncClip]:
    """Read the main face of each video with its sound; videos without either are left out.

    Parameters
    ----------
    files
        As listed.
    cache
        Folder that keeps what was read, a file a video.
    finder, mesh
        Ready objects in place of the built-in ones.
    """
    cache.mkdir(parents=True, exist_ok=True)
    clips = []
    for number, file in enumerate(files):
        kept = cache / f"{number:06d}-{file.path.stem}.npz"
        if not kept.exists():
            finder, mesh = finder or CenterFace(), mesh or FaceMesh()
            face = read_talking_face(file.path, finder, mesh)
            empty = TalkingFace(np.zeros((0, 468, 3), np.float32), np.zeros(0, np.float32))
            np.savez_compressed(kept, points=(face or empty).points, samples=(face or empty).samples)
        with np.load(kept) as stored:
            face = TalkingFace(stored["points"], stored["samples"])
        if len(face.points):
            clips.append(face.clip(file.source))
    return clips


def judge_recipe(
    recipe: SyncRecipe,
    clips: Sequence[SyncClip],
    lengths: Sequence[int],
    change: Callable[[SyncClip], SyncClip] = lambda clip: clip,
) -> list[Trial]:
    """Judge a recipe on each source by a network that was fitted on the others.

    Parameters
    ----------
    recipe
        Of the run.
    clips
        Of all sources.
    lengths
        Of windows, in frames.
    change
        Makes judged clips worse.
    """
    return leave_one_out(clips, lambda part: fit(part, recipe.network, recipe.fit), lengths, change)


def write_detector(recipe: SyncRecipe, clips: Sequence[SyncClip], folder: Path) -> Card:
    """Fit on all clips, calibrate on those left out in turn, and write the detector.

    Parameters
    ----------
    recipe
        Of the run.
    clips
        Of at least three sources.
    folder
        Made if missing.

    Returns
    -------
    Card
        As written.
    """
    trials = judge_recipe(recipe, clips, (LONG,))
    weights = fit_weights(trials)
    network = fit(clips, recipe.network, recipe.fit)
    folder.mkdir(parents=True, exist_ok=True)
    write_sync(network, weights, MESH_FILE, folder / "model.onnx")
    card = Card.model_validate(_card(recipe, clips, trials, weights, folder))
    text = json.dumps(card.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")
    return card


def _card(
    recipe: SyncRecipe, clips: Sequence[SyncClip], trials: Sequence[Trial], weights: Any, folder: Path
) -> dict[str, Any]:
    judged = [trial for trial in trials if trial.kind != "0.2 s"]
    logits = np.array([-(trial.statistics @ weights[:3] + weights[3]) for trial in judged])
    fake = np.array([trial.kind != TRUE for trial in judged], int)
    calibration = fit_platt(logits, fake)
    spread = _spread(judged, logits)
    low, high = _band(calibration.scores(logits), fake)
    return {
        "name": recipe.name,
        "version": "0.1.0",
        "description": "Tells whether the sound of a video goes with the lips of a face (after arXiv 2203.01265: lips "
        "and sound of talking people contrasted without labels).",
        "sha256": file_sha256(folder / "model.onnx"),
        "licence": "Apache-2.0 for this file, which holds MediaPipe's face mesh (Apache-2.0); the data that it was "
        "trained on came for research, see data",
        "question": "sound_belongs_to_face",
        "input": {
            "unit": "face_clip",
            "crop_profile": "mesh",
            "size": MESH_SIDE,
            "frames": LONG,
            "least_frames": SHORT,
            "rate": FRAME_RATE,
            "search_every": SEARCH_EVERY,
            "audio": {"rate": RATE, "seconds": LONG / FRAME_RATE},
        },
        "threshold": (low + high) / 2,
        "band": [low, high],
        "calibration": {
            "slope": calibration.slope,
            "intercept": calibration.intercept,
            "within_sd": spread[0],
            "between_sd": spread[1],
        },
        "gates": GATES,
        "tasks": ["dubbed speech", "shifted sound"],
        "limits": "For one person who speaks and is seen well. Tells neither who speaks nor whether a voice is real; "
        "knows few people, all of them speaking to a camera. Music, laughter, singing, several voices and a mouth that "
        "is small, turned away or covered mislead it. Says nothing about pictures.",
        "data": [
            DataSource(name=Path(recipe.data.folder).name, terms=recipe.data.terms, use=use).model_dump()
            for use in ("training", "validation")
        ],
        "metrics": {"validation": {Path(recipe.data.folder).name: _figures(trials, weights)}},
        "recipe": recipe.model_dump(mode="json"),
    }


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


GATES = [
    {
        "name": "no voice",
        "measure": "loudness",
        "starts_at": -45.0,
        "saturates_at": -55.0,
        "reject_at": -50.0,
        "text": "the sound is almost silent ({value:.0f} dB)",
    },
    {
        "name": "still mouth",
        "measure": "mouth_motion",
        "starts_at": 0.006,
        "saturates_at": 0.003,
        "reject_at": 0.004,
        "text": "the mouth hardly moves ({value:.4f} eye distances a frame)",
    },
]


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
