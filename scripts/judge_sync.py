"""Judge a run of the model family ``sync`` on people left out: by length of the window, and with noise on the sound.

    unmask train recipes/sync.yaml
    .venv/bin/python scripts/judge_sync.py runs/sync

Prints the first tables of docs/results/sound.md. What the run read of the videos is read from its cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unmask.training.recipes import Recipe, load_recipe
from unmask.training.sync import SyncClip
from unmask.training.sync_card import LONG
from unmask.training.sync_run import judge_recipe, open_clips
from unmask.training.sync_validation import (
    OTHER_SPEAKER,
    SAME_SPEAKER,
    TOLD,
    TRUE,
    auc,
    fit_weights,
    offset_share,
)

LENGTHS = (LONG, 100, 75, 50)
KINDS = (
    ("0.2 s", ["0.2 s"]),
    ("0.4 s", ["0.4 s"]),
    ("0.8 s", ["0.8 s"]),
    ("1.5 s", ["1.5 s"]),
    ("0.4 s and more", list(TOLD)),
    ("same speaker", [SAME_SPEAKER]),
    ("other speaker", [OTHER_SPEAKER]),
)
NOISE = (20.0, 10.0, 5.0)


def noisy(decibels: float) -> Callable[[SyncClip], SyncClip]:
    """Return a change that adds white noise to the log-mel bands, so many dB below the mean power of each band."""

    def change(clip: SyncClip) -> SyncClip:
        random = np.random.default_rng(0)
        level = np.log(np.exp(clip.mel).mean()) - decibels * np.log(10) / 10
        noise = level + np.log(random.chisquare(4, clip.mel.shape) / 4)
        return replace(clip, mel=np.logaddexp(clip.mel, noise).astype(np.float32))

    return change


def judge(recipe: Recipe, training: Sequence[SyncClip], judged: Sequence[SyncClip]) -> None:
    """Print figures by window length and by noise, as Markdown."""
    trials = judge_recipe(recipe, training, judged)
    weights = fit_weights(trials)
    names = " | ".join(name for name, _ in KINDS)
    print(f"| window | {names} | offset within 0.12 s | people, windows |")
    print("| --- " * (len(KINDS) + 3) + "|")
    for frames in LENGTHS:
        found = trials if frames == LONG else judge_recipe(recipe, training, judged, frames)
        row = [
            str(auc(found, weights, kinds)) if any(trial.kind in kinds for trial in found) else "-"
            for _, kinds in KINDS
        ]
        true = [trial.source for trial in found if trial.kind == TRUE]
        row += [str(offset_share(found, 0.12)), f"{len(set(true))}, {len(true)}"]
        print(f"| {frames / 25:.0f} s | " + " | ".join(row) + " |", flush=True)
    print(
        "\n| windows of 5 s | AUC, 0.4 s and more | offset within 0.12 s |\n| --- | --- | --- |\n"
        f"| as it is | {auc(trials, weights, TOLD)} | {offset_share(trials, 0.12)} |"
    )
    for decibels in NOISE:
        found = judge_recipe(recipe, training, judged, change=noisy(decibels))
        print(
            f"| noise, {decibels:.0f} dB | {auc(found, weights, TOLD)} | {offset_share(found, 0.12)} |",
            flush=True,
        )


def main() -> None:
    """Judge the run that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of the run")
    recipe = load_recipe(parser.parse_args().run / "recipe.yaml")
    judge(recipe, *open_clips(recipe, lambda stage, done, total: None))


if __name__ == "__main__":
    main()
