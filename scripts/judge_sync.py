"""Judge a run of the model family ``sync`` on people left out: verdicts, by length of the window, and with noise.

    unmask train recipes/sync.yaml
    unmask export runs/sync
    .venv/bin/python scripts/judge_sync.py runs/sync --worse sets/talking-crf35 sets/talking-crf40

Folders after ``--worse`` hold the same people, recoded. Prints the first tables of docs/results/sound.md. What the run
read of the videos is read from its cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unmask.detectors import Card, load_card
from unmask.training.recipes import SourceOptions, load_recipe
from unmask.training.sync import SyncClip
from unmask.training.sync_card import LONG
from unmask.training.sync_clips import list_files, read_clips
from unmask.training.sync_run import judge_recipe, open_clips, read_trials
from unmask.training.sync_validation import (
    OTHER_SPEAKER,
    SAME_SPEAKER,
    TOLD,
    TRUE,
    Floats,
    Trial,
    auc,
    fit_weights,
    offset_share,
)
from unmask.verdict import decide, judge_track, rule_of

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


def verdicts(trials: Sequence[Trial], weights: Floats, card: Card) -> None:
    """Print the shares of verdicts on single windows by kind of sound, each person weighing the same."""
    rule = rule_of(card)
    print("| sound | likely real | inconclusive | likely fake | windows |\n| --- | --- | --- | --- | --- |")
    for kind in (TRUE, *(name for name, _ in KINDS[:4]), SAME_SPEAKER, OTHER_SPEAKER):
        found: dict[str, list[str]] = {}
        for trial in (trial for trial in trials if trial.kind == kind):
            track = judge_track([-(trial.statistics @ weights[:3] + weights[3])], rule)
            found.setdefault(trial.source, []).append(decide(track.score, track.interval, rule))
        shares = [
            np.mean([np.mean([one == verdict for one in person]) for person in found.values()])
            for verdict in ("likely_real", "inconclusive", "likely_fake")
        ]
        cells = " | ".join(f"{share:.1%}" for share in shares)
        print(f"| {kind} | {cells} | {sum(map(len, found.values()))} |", flush=True)
    print()


def judge(run: Path, worse: Sequence[Path]) -> None:
    """Print verdicts and figures by window length and by noise, as Markdown."""
    recipe = load_recipe(run / "recipe.yaml")
    training, judged = open_clips(recipe, lambda stage, done, total: None)
    trials = read_trials(run / "validation.npz")
    weights = fit_weights(trials)
    verdicts(trials, weights, load_card(str(run / "detector")))
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
    cache = Path(recipe.model.cache) / "sync"
    for folder in worse:
        files = list_files(recipe.data, [SourceOptions(set=str(folder.absolute()))])
        found = judge_recipe(recipe, training, read_clips(files, cache))
        print(f"| {folder.name} | {auc(found, weights, TOLD)} | {offset_share(found, 0.12)} |", flush=True)


def main() -> None:
    """Judge the run that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of a run that was exported")
    parser.add_argument("--worse", type=Path, nargs="*", default=[], help="folders of the same people")
    given = parser.parse_args()
    judge(given.run, given.worse)


if __name__ == "__main__":
    main()
