"""From a study file to its cells: which recipes are trained, under which seeds, against which control."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from pydantic import ValidationError

from unmask.models.registry import DEFAULT, model_family
from unmask.studies.study import Changes, Study, StudyError
from unmask.training.recipes import Recipe, RecipeError, apply_override, describe_error, read_keys

ANY = "any"


@dataclass(frozen=True)
class Cell:
    """One recipe of a study.

    Parameters
    ----------
    name
        As tables show it.
    recipe
        Of its runs.
    levels
        Factor -> level, `any` where every level is the same recipe; empty for a variant.
    control
        Name of the cell that it is compared with; None for a control.
    seeds
        Of its runs.
    """

    name: str
    levels: Mapping[str, str]
    recipe: Recipe
    seeds: tuple[int, ...]
    control: str | None = None

    def run(self, seed: int) -> Recipe:
        """Return the recipe of one run.

        Parameters
        ----------
        seed
            Of the run.
        """
        return self.recipe.model_copy(update={"seed": seed})


def plan(study: Study, path: Path, overrides: Iterable[str] = ()) -> list[Cell]:
    """List the cells of a study file: controls first, then the grid, then variants.

    Parameters
    ----------
    study
        The file's content.
    path
        Of the file.
    overrides
        key=value changes to every recipe, stronger than the file's.

    Raises
    ------
    StudyError
        When a recipe cannot be used, or two cells have one name.
    """
    values = _base_values(study, path)
    overrides = tuple(overrides)
    grid = merged(study, [_grid_cell(study, values, overrides, combo) for combo in combinations(study)])
    cells = [replace(cell, control=_control(study, cell, grid)) for cell in grid]
    cells.sort(key=lambda cell: cell.control is not None)
    base = {factor: study.base.get(factor, next(iter(levels))) for factor, levels in study.factors.items()}
    against = find(grid, base | study.control)
    for name, variant in study.variants.items():
        if name in {cell.name for cell in cells}:
            raise StudyError(f"the variant {name!r} has the name of a cell of the grid")
        changes = [*_level_changes(study, base), variant.changes]
        recipe = build(values, changes, overrides, f"variant {name!r}", study.shared_data)
        cells.append(Cell(name, {}, recipe, variant.seeds or study.seeds, against.name if against else None))
    return cells


def _base_values(study: Study, path: Path) -> dict[str, Any]:
    """Read the base recipe's own keys, with the study's changes."""
    try:
        values = read_keys(path.parent / study.recipe, StudyError)
    except StudyError as error:
        raise StudyError(f"{path}: recipe: {error}") from None
    return changed(values, study.changes)


def changed(values: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """Return a copy of a recipe's values with some of them set.

    Parameters
    ----------
    values
        Of the recipe.
    changes
        By dotted key.
    """
    result = copy.deepcopy(values)
    for key, value in changes.items():
        # JSON is YAML: the value comes back as it was, through the rules of `key=value`.
        apply_override(result, f"{key}={json.dumps(value)}")
    return result


def build(
    values: dict[str, Any],
    changes: Iterable[Changes],
    overrides: Iterable[str],
    what: str,
    shared_data: bool = True,
) -> Recipe:
    """Return a recipe that is judged at its last step, so that no checkpoint is chosen on what judges it.

    Parameters
    ----------
    values
        Of the base recipe.
    changes
        In their order.
    overrides
        key=value changes, stronger than these.
    what
        Name of the cell, for errors.
    shared_data
        Whether all seeds draw the same data.

    Raises
    ------
    StudyError
        When the recipe cannot be used.
    """
    for change in changes:
        values = changed(values, change)
    values = copy.deepcopy(values)
    for override in overrides:
        apply_override(values, override)
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        raise StudyError(f"{what}: {describe_error(error, Recipe, values)}") from None
    except RecipeError as error:
        raise StudyError(f"{what}: {error}") from None
    if model_family(recipe.model).runner is not None:
        raise StudyError(f"{what}: studies are for models of face crops; {recipe.model.family} reads videos")
    last = recipe.evaluation.model_copy(
        update={"every": recipe.optimiser.steps, "patience": 0, "select": "mean"}
    )
    data = recipe.data
    if data.seed is None and shared_data:
        data = data.model_copy(update={"seed": recipe.seed})
    # Lightning starts further processes by repeating the command, which here is the whole study.
    device = recipe.trainer.model_copy(update={"devices": 1, "nodes": 1, "strategy": "auto"})
    return recipe.model_copy(update={"evaluation": last, "data": data, "trainer": device, "resume": False})


def combinations(study: Study) -> list[dict[str, str]]:
    """Return every combination of the factors' levels; none where there are no factors.

    Parameters
    ----------
    study
        The file's content.
    """
    names = list(study.factors)
    found = itertools.product(*(study.factors[name] for name in names))
    return [dict(zip(names, levels, strict=True)) for levels in found] if names else []


def _level_changes(study: Study, combination: Mapping[str, str]) -> list[Changes]:
    return [study.factors[factor][level] for factor, level in combination.items()]


def _grid_cell(
    study: Study, values: dict[str, Any], overrides: tuple[str, ...], combination: dict[str, str]
) -> Cell:
    name = title(combination)
    recipe = build(values, _level_changes(study, combination), overrides, name, study.shared_data)
    return Cell(name, combination, recipe, study.seeds)


def title(levels: Mapping[str, str]) -> str:
    """Return the name of a cell.

    Parameters
    ----------
    levels
        Factor -> level.
    """
    return ", ".join(f"{factor} {level}" for factor, level in levels.items() if level != ANY)


def merged(study: Study, cells: Iterable[Cell]) -> list[Cell]:
    """Join combinations that have the same recipe into one cell.

    Parameters
    ----------
    study
        The file's content.
    cells
        One a combination.
    """
    by_key: dict[str, list[Cell]] = {}
    for cell in cells:
        by_key.setdefault(recipe_key(cell.recipe), []).append(cell)
    result = []
    for same in by_key.values():
        found = {factor: {cell.levels[factor] for cell in same} for factor in study.factors}
        levels = {factor: next(iter(there)) if len(there) == 1 else ANY for factor, there in found.items()}
        result.append(replace(same[0], name=title(levels), levels=levels))
    return result


def _control(study: Study, cell: Cell, cells: list[Cell]) -> str | None:
    if not study.control:
        return None
    found = find(cells, {**cell.levels, **study.control})
    return None if found is None or found.name == cell.name else found.name


def find(cells: Iterable[Cell], levels: Mapping[str, str]) -> Cell | None:
    """Find the cell of some levels.

    Parameters
    ----------
    cells
        Of the study.
    levels
        Factor -> level; `any` fits every level.
    """
    for cell in cells:
        if cell.levels and all(
            cell.levels[factor] == level or ANY in (level, cell.levels[factor])
            for factor, level in levels.items()
        ):
            return cell
    return None


def recipe_key(recipe: Recipe) -> str:
    """Return a hash of what decides a run: not its name, where its files are, or options that nothing reads.

    Parameters
    ----------
    recipe
        Of the run.
    """
    values = recipe.model_dump(
        mode="json",
        exclude={
            "name": True,
            "runs": True,
            "resume": True,
            "export": True,
            "trainer": True,
            "data": {"root", "workers"},
        },
    )
    trunk = values["trunk"]
    del trunk["cache"], trunk["threads"]
    for key in ("file", "projection"):
        trunk[key] = trunk[key] and PurePath(trunk[key]).name
    for source in values["data"]["train"] + values["data"]["validation"]:
        del source["terms"]
        if source["share"] == 1:  # As in runs from before there was such a key.
            del source["share"]
    if values["model"]["family"] == DEFAULT:
        # Runs from before there were several model families have no such key.
        del values["model"]["family"]
    unread = set(recipe.model.unread(recipe))
    if not recipe.pretraining.steps:
        unread.add("pretraining")
    for key in unread:
        _leave_out(values, key)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _leave_out(values: dict[str, Any], key: str) -> None:
    """Take a dotted key out of nested values: a section becomes None, a single value goes."""
    *parents, last = key.split(".")
    for parent in parents:
        values = values[parent]
    if isinstance(values[last], dict):
        values[last] = None
    else:
        del values[last]
