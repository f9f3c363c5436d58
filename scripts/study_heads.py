"""Train variants of a recipe one after the other and write one table of their validation figures.

    python scripts/study_heads.py recipes/jrc.yaml studies/heads.yaml --out docs/results/jrc-heads.md data.root=sets

The study file maps a name to a list of key=value changes. Each variant is an `unmask train` run named
`<recipe>-<variant>`; a finished run is read, not repeated. Frame AUC is given for each validation set, and video AUC
(mean logit of a video's frames) for sets whose crops come from videos. Intervals: 95 %, bootstrap over groups.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from unmask.datasets import CropSet
from unmask.training.calibrate import auc_interval
from unmask.training.recipes import Recipe, SourceOptions, load_recipe

VIDEO_SETS = ("crops",)


def run(recipe: Path, name: str, changes: Sequence[str]) -> Path:
    """Train one variant unless it is finished: its run folder."""
    resolved = load_recipe(recipe, [*changes, f"name={name}"])
    folder = Path(resolved.runs) / name
    if not (folder / "finished").is_file():
        command = [sys.executable, "-m", "unmask", "train", str(recipe), *changes, f"name={name}"]
        if (folder / "last.ckpt").is_file():
            command.append("resume=true")
        subprocess.run(command, check=True)  # noqa: S603
        (folder / "finished").touch()
    return folder


def figures(folder: Path, recipe: Recipe) -> dict[str, tuple[float, float, float]]:
    """AUC with its interval for each validation set, by frame and, where videos were cut, by video."""
    result = {}
    with np.load(folder / "validation.npz", allow_pickle=False) as rows:
        sets, labels, groups, logits = rows["set"], rows["label"], rows["group"], rows["logit"]
    for source in recipe.data.validation:
        name = next(n for n in np.unique(sets) if str(n).startswith(Path(source.set).name))
        here = sets == name
        result[f"{name}, frames"] = auc_interval(logits[here], labels[here].astype(int), groups[here])
        if Path(source.set).name.endswith(VIDEO_SETS):
            result[f"{name}, videos"] = by_video(recipe, source, logits[here])
    return result


def by_video(recipe: Recipe, source: SourceOptions, logits: np.ndarray) -> tuple[float, float, float]:
    """Merge the frames of each video of a set of crops."""
    records = CropSet.open(recipe.data.folder(source)).select(split=source.split).records
    videos: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        videos.setdefault(record.source, []).append(number)
    mean = np.array([logits[rows].mean() for rows in videos.values()])
    first = [records[rows[0]] for rows in videos.values()]
    return auc_interval(
        mean, np.array([record.label for record in first]), np.array([record.group for record in first])
    )


def minutes(folder: Path) -> float:
    """Time between the first and the last line of a run's log."""
    lines = (folder / "log.txt").read_text(encoding="utf-8").splitlines()
    first, last = (np.datetime64(line[:19].replace(" ", "T")) for line in (lines[0], lines[-1]))
    return float((last - first) / np.timedelta64(1, "s")) / 60


def main() -> None:
    """Run the study and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("changes", nargs="*", help="key=value for every variant")
    options = parser.parse_args()
    study: dict[str, list[str]] = yaml.safe_load(options.study.read_text(encoding="utf-8"))
    lines: list[str] = []
    for variant, changes in study.items():
        everything = [*options.changes, *(changes or [])]
        name = f"{load_recipe(options.recipe).name}-{variant}"
        folder = run(options.recipe, name, everything)
        found = figures(folder, load_recipe(folder / "recipe.yaml"))
        if not lines:
            lines += [
                "| variant | changes | " + " | ".join(found) + " | minutes |",
                "| --- " * (len(found) + 3) + "|",
            ]
        cells = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in found.values()]
        shown = " ".join(changes or []) or "none"
        lines.append(f"| {variant} | `{shown}` | " + " | ".join(cells) + f" | {minutes(folder):.0f} |")
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(lines[-1], flush=True)


if __name__ == "__main__":
    main()
