"""Train the detector of lips and sound, or judge it on people left out, from a folder of videos of talking people.

    .venv/bin/python scripts/train_sync.py recipes/sync.yaml --out runs/sync
    .venv/bin/python scripts/train_sync.py recipes/sync.yaml --out runs/sync --judge

The data root is ``--data`` or the environment variable UNMASK_DATA. What is read of the videos is kept in the folder's
``clips``. With ``--judge`` a table is printed and no detector is written.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from unmask.training.recipes import RecipeError, read_keys
from unmask.training.sync import SyncClip
from unmask.training.sync_run import (
    LONG,
    SyncRecipe,
    judge_recipe,
    list_files,
    read_clips,
    write_detector,
)
from unmask.training.sync_validation import (
    OTHER_SPEAKER,
    SAME_SPEAKER,
    TOLD,
    auc,
    fit_weights,
    offset_share,
)

LENGTHS = (50, 75, 100, LONG)
KINDS = (("0.2 s", ["0.2 s"]), ("0.4 s", ["0.4 s"]), ("0.8 s", ["0.8 s"]), ("1.5 s", ["1.5 s"]))
WORSE = {"as it is": 0.0, "noise, 20 dB": 20.0, "noise, 10 dB": 10.0, "noise, 5 dB": 5.0}


def noisy(decibels: float) -> Callable[[SyncClip], SyncClip]:
    """Return a change that adds white noise to the log-mel bands, so many dB below the mean power of each band."""

    def change(clip: SyncClip) -> SyncClip:
        random = np.random.default_rng(0)
        level = np.log(np.exp(clip.mel).mean()) - decibels * np.log(10) / 10
        noise = level + np.log(random.chisquare(4, clip.mel.shape) / 4)
        return replace(clip, mel=np.logaddexp(clip.mel, noise).astype(np.float32))

    return change


def judge(recipe: SyncRecipe, clips: list[SyncClip]) -> None:
    """Print figures by window length and by noise, as Markdown."""
    trials = judge_recipe(recipe, clips, (LONG,))
    weights = fit_weights(trials)
    others = (
        ("0.4 s and more", list(TOLD)),
        ("same speaker", [SAME_SPEAKER]),
        ("other speaker", [OTHER_SPEAKER]),
    )
    print("| window | " + " | ".join(name for name, _ in (*KINDS, *others)) + " | offset within 0.12 s |")
    print("| --- " * (len(KINDS) + len(others) + 2) + "|")
    for frames in LENGTHS:
        judged = trials if frames == LONG else judge_recipe(recipe, clips, (frames,))
        row = [
            str(auc(judged, weights, kinds)) if any(trial.kind in kinds for trial in judged) else "-"
            for _, kinds in (*KINDS, *others)
        ]
        print(
            f"| {frames / 25:.0f} s | " + " | ".join(row) + f" | {offset_share(judged, 0.12)} |", flush=True
        )
    print("\n| sound | AUC, 0.4 s and more | offset within 0.12 s |\n| --- | --- | --- |")
    for name, decibels in WORSE.items():
        judged = judge_recipe(recipe, clips, (LONG,), noisy(decibels)) if decibels else trials
        print(f"| {name} | {auc(judged, weights, TOLD)} | {offset_share(judged, 0.12)} |", flush=True)


def main() -> None:
    """Train or judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("UNMASK_DATA", ".")))
    parser.add_argument("--judge", action="store_true")
    options = parser.parse_args()
    recipe = SyncRecipe.model_validate(read_keys(options.recipe, RecipeError))
    files = list_files(options.data, recipe.data)
    clips = read_clips(files, options.out / "clips")
    print(f"{len(clips)} of {len(files)} videos, {len({clip.source for clip in clips})} sources", flush=True)
    if options.judge:
        judge(recipe, clips)
    else:
        card = write_detector(recipe, clips, options.out / "detector")
        print(f"wrote {options.out / 'detector'}: {card.metrics}")


if __name__ == "__main__":
    main()
