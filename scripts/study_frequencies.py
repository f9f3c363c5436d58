"""What compression does to the networks of the study on frequencies, and what their cross-stitch units have learned.

    python scripts/study_frequencies.py recipes/studies/systems.yaml studies/systems data.root=sets \
        --against "system pixels alone" --against "system late fusion"
    python scripts/study_frequencies.py recipes/studies/stitched-trunk.yaml studies/stitched-trunk --units

Every fourth validation crop of each class is encoded as JPEG at the network's own size and scored by the finished runs.
Tables: AUC of each cell, its difference from its control and from each --against, and the units; with --units these
alone, also of networks that read a trunk's maps. Intervals: 95 %, paired bootstrap over sources or groups, and over
seeds, as in `unmask study`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from unmask.distortions.levels import encode_jpeg
from unmask.models.inputs import model_input
from unmask.models.layers import CrossStitch
from unmask.models.registry import model_family
from unmask.statistics.intervals import Difference, Estimate
from unmask.studies.cells import Cell, plan
from unmask.studies.judging import Judged, judge
from unmask.studies.runs import Run, finished
from unmask.studies.study import Study, load_study
from unmask.training.export import load_best
from unmask.training.recipes import Recipe, load_recipe
from unmask.training.views import open_views

QUALITIES = (None, 90, 70, 50)
BATCH = 64
SCORED = "compressed"
BRANCHES = ("pixels", "frequencies")


def name(quality: int | None) -> str:
    """Return the heading of a quality; None is the crop as it is."""
    return "as they are" if quality is None else f"JPEG {quality}"


def compress(run: Run, recipe: Recipe, every: int) -> None:
    """Score a run's validation rows under each quality, once; each gets a folder with a validation.npz."""
    if (run.folder / SCORED / str(every) / name(QUALITIES[-1])).is_dir():
        return
    with np.load(run.folder / "validation.npz", allow_pickle=False) as file:
        arrays = {key: file[key] for key in ("set", "label", "group", "video", "logit")}
    stored = dict.fromkeys(arrays["set"].tolist())
    chosen = np.sort(
        np.concatenate(
            [
                np.flatnonzero((arrays["set"] == one) & (arrays["label"] == label))[::every]
                for one in stored
                for label in (0, 1)
            ]
        )
    )
    crops = np.stack(list(_crops(recipe, chosen)))
    network = load_best(run.folder, recipe).eval()
    logits = model_family(recipe.model).logits
    for quality in QUALITIES:
        pictures = crops if quality is None else np.stack([encode_jpeg(crop, quality) for crop in crops])
        with torch.inference_mode():
            found = [
                logits(network, model_input(torch.from_numpy(pictures[start : start + BATCH]))).numpy()
                for start in range(0, len(pictures), BATCH)
            ]
        rows = {key: values[chosen] for key, values in arrays.items()} | {"logit": np.concatenate(found)}
        # The run may have been validated in bf16.
        if quality is None and np.corrcoef(rows["logit"], arrays["logit"][chosen])[0, 1] < 0.99:
            raise ValueError(f"{run.folder}: its rows are not those of the recipe")
        folder = run.folder / SCORED / str(every) / name(quality)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "validation.npz", **rows)  # type: ignore[arg-type]


def _crops(recipe: Recipe, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the crops of rows that are numbered through all validation sources."""
    first = 0
    for source in open_views(recipe, size=recipe.model.input_shape[0], training=False):
        for row in rows[(rows >= first) & (rows < first + len(source.rows))]:
            yield source.image(int(row) - first)
        first += len(source.rows)


def judged(cells: list[Cell], runs: list[Run], study: Study, every: int) -> dict[str, list[Judged]]:
    """Judge the cells on all validation rows, and on every Nth under each quality."""
    found = {"all crops": judge(cells, runs, study.videos)}
    for quality in QUALITIES:
        there = [replace(run, folder=run.folder / SCORED / str(every) / name(quality)) for run in runs]
        found[name(quality)] = judge(cells, there, study.videos)
    return found


def show(figure: Estimate | Difference | None, sign: str = "") -> str:
    """Write a figure with its interval."""
    if figure is None or figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:{sign}.3f}"
    return f"{figure.value:{sign}.3f} [{figure.low:{sign}.3f}, {figure.high:{sign}.3f}]"


def auc_table(found: dict[str, list[Judged]], figure: str) -> Iterator[str]:
    """Write the AUC of each cell by quality."""
    yield f"\n### {figure}: AUC\n\n| cell | seeds | " + " | ".join(found) + " |"
    yield "| --- " * (2 + len(found)) + "|"
    for cells in zip(*found.values(), strict=True):
        figures = [cell.figures[figure] for cell in cells]
        cost = [show(one.auc) for one in figures]
        yield f"| {cells[0].name} | {len(figures[0].seeds)} | " + " | ".join(cost) + " |"


def difference_table(found: dict[str, list[Judged]], figure: str) -> Iterator[str]:
    """Write each cell's difference from its control by quality."""
    yield f"\n### {figure}: difference\n\n| cell | control | seeds | " + " | ".join(found) + " |"
    yield "| --- " * (3 + len(found)) + "|"
    for cells in zip(*found.values(), strict=True):
        figures = [cell.figures[figure] for cell in cells]
        if figures[0].difference is not None:
            cost = [show(one.difference, "+") for one in figures]
            yield (
                f"| {cells[0].name} | {cells[0].control} | {figures[0].paired_seeds} | "
                + " | ".join(cost)
                + " |"
            )


def unit_table(runs: Iterable[Run], recipes: dict[Path, Recipe]) -> Iterator[str]:
    """Write each unit's weights, of a unit for each channel their means."""
    ways = " | ".join(f"{one} to {other}" for other in BRANCHES for one in BRANCHES)
    yield f"\n### Units\n\n| cell | seed | behind | {ways} |\n" + "| --- " * 7 + "|"
    for run in runs:
        network = load_best(run.folder, recipes[run.folder])
        units = [module for module in network.modules() if isinstance(module, CrossStitch)]
        places = getattr(network.options, "stitch_after", [f"convolution {n + 1}" for n in range(len(units))])
        for place, unit in zip(places, units, strict=False):
            weights = [f"{float(value):.3f}" for value in unit.matrix().detach().mean(dim=2).flatten()]
            yield f"| {run.cell} | {run.seed} | {place} | " + " | ".join(weights) + " |"


def main() -> None:
    """Score what was not scored yet, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="study file")
    parser.add_argument("out", type=Path, help="folder of the study")
    parser.add_argument("changes", nargs="*", help="key=value, as they were given to `unmask study`")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        help="name of a cell that the others are compared with besides",
    )
    parser.add_argument("--units", action="store_true", help="print the units alone")
    parser.add_argument("--every", type=int, default=4, help="which crops of a class are scored: every Nth")
    options = parser.parse_args()
    study = load_study(options.file)
    planned = plan(study, options.file, options.changes)
    known = [finished(cell, seed, options.out) for cell in planned for seed in cell.seeds]
    runs = [run for run in known if run is not None]
    cells = [cell for cell in planned if any(run.cell == cell.name for run in runs)]
    recipes = {run.folder: load_recipe(run.folder / "recipe.yaml", options.changes) for run in runs}
    if options.units:
        print("\n".join(unit_table(runs, recipes)))
        return
    for run in runs:
        compress(run, recipes[run.folder], options.every)
    found = judged(cells, runs, study, options.every)
    lines = []
    for figure in found["all crops"][0].figures:
        lines += [*auc_table(found, figure), *difference_table(found, figure)]
    for name_of_base in options.against:
        others = [replace(cell, control=name_of_base) for cell in cells if cell.name != name_of_base]
        base = [replace(cell, control=None) for cell in cells if cell.name == name_of_base]
        found = judged([*base, *others], runs, study, options.every)
        for figure in found["all crops"][0].figures:
            lines += difference_table(found, figure)
    print("\n".join([*lines, *unit_table(runs, recipes)]))


if __name__ == "__main__":
    main()
