"""The runs of a study: trained once, found again by the hash of their recipe, with what they cost."""

from __future__ import annotations

import json
import re
import resource
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from unmask.detectors import TrunkReference
from unmask.models.registry import model_family
from unmask.studies.cells import Cell, recipe_key
from unmask.studies.study import StudyError
from unmask.training.loop import train
from unmask.training.maps import cache_maps
from unmask.training.projection import fit_projection, projected
from unmask.training.recipes import Recipe, TrunkOptions
from unmask.training.trunks import MapFunction

COST = "cost.json"
Trunk = Callable[[], MapFunction]
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Cost:
    """What a run took: optimiser steps, seconds of all cores together, seconds by the clock, trained weights.

    Projected maps are written before the first run, and cached ones with them; neither is in it.
    """

    steps: int
    cpu_seconds: float
    seconds: float
    weights: int


@dataclass(frozen=True)
class Run:
    """A finished run of a cell."""

    cell: str
    seed: int
    folder: Path
    cost: Cost


@dataclass(frozen=True)
class Failure:
    """A run that ended without weights, and why."""

    cell: str
    seed: int
    error: str


def order(cells: Iterable[Cell]) -> Iterator[tuple[Cell, int]]:
    """Yield the runs, every cell's first seed before any cell's second: a stopped study is a balanced one.

    Parameters
    ----------
    cells
        Of the study.
    """
    cells = list(cells)
    for turn in range(max((len(cell.seeds) for cell in cells), default=0)):
        for cell in cells:
            if turn < len(cell.seeds):
                yield cell, cell.seeds[turn]


def _run_recipe(cell: Cell, seed: int, out: Path) -> Recipe:
    """Name a run after its cell, its seed and the hash of its recipe."""
    recipe = cell.run(seed)
    plain = re.sub(r"[^a-z0-9.]+", "-", cell.name.lower()).strip("-.") or "cell"
    name = f"{plain}-seed{seed}-{recipe_key(recipe)}"
    return recipe.model_copy(update={"name": name, "runs": str(out / "runs")})


def finished(cell: Cell, seed: int, out: Path) -> Run | None:
    """Return a finished run; runs are known by their recipe's hash, whatever the name of their cell is now.

    Parameters
    ----------
    cell
        Of the study.
    seed
        Of the run.
    out
        Folder of the study.
    """
    key = recipe_key(cell.run(seed))
    for path in sorted((out / "runs").glob(f"*-{key}/{COST}")):
        return Run(cell.name, seed, path.parent, Cost(**json.loads(path.read_text(encoding="utf-8"))))
    return None


def train_run(
    cell: Cell,
    seed: int,
    out: Path,
    trunk: Trunk | None = None,
    reference: TrunkReference | None = None,
    report: Report = lambda source, done, total: None,
) -> Run:
    """Train a run from its beginning; the files of an interrupted one are deleted.

    Parameters
    ----------
    cell
        Of the study.
    seed
        Of the run.
    out
        Folder of the study.
    trunk, reference, report
        As in `train`.
    """
    recipe = _run_recipe(cell, seed, out)
    folder = Path(recipe.runs) / recipe.name
    if folder.is_dir():
        shutil.rmtree(folder)
    started, clock = cpu_seconds(), time.perf_counter()
    train(recipe, trunk=trunk, reference=reference, progress=False, report=report)
    cost = Cost(
        steps=recipe.optimiser.steps,
        cpu_seconds=round(cpu_seconds() - started, 2),
        seconds=round(time.perf_counter() - clock, 2),
        weights=trained_weights(recipe),
    )
    (folder / COST).write_text(json.dumps(asdict(cost)) + "\n", encoding="utf-8")
    return Run(cell.name, seed, folder, cost)


def cpu_seconds() -> float:
    """Time of all cores that this process and its finished children have used."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def trained_weights(recipe: Recipe) -> int:
    """Return the number of weights that a recipe trains, its decoder's included.

    Parameters
    ----------
    recipe
        Of the run.
    """
    model = model_family(recipe.model).build(recipe.model, recipe)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def with_projection(
    cells: Iterable[Cell],
    components: int,
    out: Path,
    trunk: Trunk | None = None,
    reference: TrunkReference | None = None,
    report: Report = lambda source, done, total: None,
) -> list[Cell]:
    """Return cells that read cached maps through a projection, fitted once for each trunk that they name.

    It is fitted on every training source of these cells together, so that it is the same for all of them.

    Parameters
    ----------
    cells
        Of the study.
    components
        Channels to keep.
    out
        Folder of the study.
    trunk, reference, report
        As in `train`.
    """
    cells = list(cells)
    on_maps = [cell for cell in cells if cell.recipe.model.reads == "maps"]
    by_trunk: dict[TrunkOptions, list[Cell]] = {}
    for cell in on_maps:
        by_trunk.setdefault(cell.recipe.trunk, []).append(cell)
    fitted = {key: _fit(there, components, out, trunk, reference, report) for key, there in by_trunk.items()}
    return [
        _through(cell, *fitted[cell.recipe.trunk]) if cell.recipe.model.reads == "maps" else cell
        for cell in cells
    ]


def _fit(
    cells: list[Cell],
    components: int,
    out: Path,
    trunk: Trunk | None,
    reference: TrunkReference | None,
    report: Report,
) -> tuple[Path, int]:
    stores = [
        store
        for training in (True, False)
        for views in cache_maps(
            _every_source(cells), training=training, trunk=trunk, reference=reference, report=report
        )
        for store in views
    ]
    learned = stores[: sum(source.views for source in _every_source(cells).data.train)]
    names = "-".join(sorted({store.folder.parent.name[-6:] for store in learned}))
    path = out / "maps" / f"components-{components}-{names}.npz"
    if not path.is_file():
        if components > stores[0].maps.shape[2]:
            raise StudyError(f"components: the maps have {stores[0].maps.shape[2]} channels only")
        fit_projection(learned, components, path)
    for store in stores:
        # Beforehand, so that no run's cost holds it.
        found = projected(store, path, partial(report, "projected maps"))
    return path, found.maps.shape[2]


def _every_source(cells: list[Cell]) -> Recipe:
    """Return a recipe with the training and validation sources of all cells."""
    first = cells[0].recipe
    union = {
        key: tuple(
            dict.fromkeys(
                source.model_copy(update={"weight": 1.0, "terms": ""})
                for cell in cells
                for source in getattr(cell.recipe.data, key)
            )
        )
        for key in ("train", "validation")
    }
    return first.model_copy(update={"data": first.data.model_copy(update=union)})


def _through(cell: Cell, path: Path, channels: int) -> Cell:
    recipe = cell.recipe
    try:
        model = recipe.model.with_channels(channels)
    except ValueError as error:
        raise StudyError(f"components: {error}") from None
    trunk = recipe.trunk.model_copy(update={"projection": str(path)})
    return Cell(
        cell.name,
        cell.levels,
        recipe.model_copy(update={"model": model, "trunk": trunk}),
        cell.seeds,
        cell.control,
    )
