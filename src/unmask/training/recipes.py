"""Recipes: everything that decides a training run, in one YAML file with every default visible."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, Field, SerializeAsAny, ValidationError, model_validator

from unmask.models.options import LossOptions, Options
from unmask.models.registry import FamilyOptions, options_at, read_options
from unmask.training.recipe_sections import (
    DataOptions,
    EvaluationOptions,
    ExportOptions,
    OptimiserOptions,
    PretrainingOptions,
    SourceOptions,
    TeacherOptions,
    TrainerOptions,
    TrunkOptions,
)

__all__ = [
    "DataOptions",
    "EvaluationOptions",
    "ExportOptions",
    "OptimiserOptions",
    "PretrainingOptions",
    "Recipe",
    "RecipeError",
    "SourceOptions",
    "TeacherOptions",
    "TrainerOptions",
    "TrunkOptions",
    "apply_override",
    "describe_error",
    "load_recipe",
]


class RecipeError(ValueError):
    """A recipe cannot be used; the message is one line and names the key."""


class Recipe(Options):
    """A training run from data to card."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    seed: int = 0
    runs: str = Field(default="runs", description="folder of the run folders")
    resume: bool = Field(default=False, description="go on with the last checkpoint of this name")
    initial: str | None = Field(
        default=None,
        description="folder of a run, or of an exported detector (with `#` and the number of a head where it has "
        "several), whose weights this run begins with, where they fit",
    )
    # YAML, and key=value with it, reads 32 as a number.
    precision: Annotated[Literal["auto", "32", "bf16"], BeforeValidator(str)] = Field(
        default="auto", description="auto: bf16 on a GPU with it"
    )
    data: DataOptions
    trunk: TrunkOptions = TrunkOptions()
    model: Annotated[SerializeAsAny[FamilyOptions], BeforeValidator(read_options)] = Field(
        default_factory=lambda: read_options({}),
        description="options of the model family that `family` names; without it, of the joint detector",
    )
    loss: LossOptions = LossOptions()
    optimiser: OptimiserOptions = OptimiserOptions()
    pretraining: PretrainingOptions = PretrainingOptions()
    teacher: TeacherOptions | None = None
    evaluation: EvaluationOptions = EvaluationOptions()
    trainer: TrainerOptions = TrainerOptions()
    export: ExportOptions = ExportOptions()

    @model_validator(mode="after")
    def _labels_are_read_where_something_is_classified(self) -> Recipe:
        if self.pretraining.steps > self.optimiser.steps:
            raise ValueError("pretraining.steps are more than optimiser.steps")
        unlabelled = any(source.kind == "unlabelled" for source in self.data.train)
        if unlabelled and not self.classifies_nothing:
            raise ValueError(
                "data.train: unlabelled crops are for pre-training: pretraining.steps = optimiser.steps"
            )
        return self

    @model_validator(mode="after")
    def _earlier_blocks_are_those_of_a_whole_trunk(self) -> Recipe:
        if self.trunk.earlier and (self.trunk.file or self.trunk.tap):
            raise ValueError("trunk.earlier needs the whole built-in trunk: no trunk.file, no trunk.tap")
        return self

    @model_validator(mode="after")
    def _fits_the_model_family(self) -> Recipe:
        self.model.check(self)
        return self

    @model_validator(mode="after")
    def _taught_networks_read_images(self) -> Recipe:
        if self.teacher is not None and self.model.reads != "crops":
            raise ValueError("teacher: only a network that reads images can be taught")
        if self.teacher is not None and self.loss.mask:
            raise ValueError("teacher: the views that it scored have no masks, which loss.mask needs")
        return self

    @property
    def data_seed(self) -> int:
        """Seed of cuts, blends and changes."""
        return self.seed if self.data.seed is None else self.data.seed

    @property
    def classifies_nothing(self) -> bool:
        """Whether all steps are pre-training: no detector comes of the run, but weights for another's `initial`."""
        return self.pretraining.steps == self.optimiser.steps

    def to_yaml(self) -> str:
        """Write the recipe with every value, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_recipe(path: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe and apply overrides.

    Parameters
    ----------
    path
        Of the YAML file.
    overrides
        `key=value` each: dots between levels, numbers in lists, YAML values.

    Raises
    ------
    RecipeError
        In one line: the file cannot be read, a key is unknown (with the nearest one), a value does not fit.
    """
    values = read_keys(path, RecipeError)
    for override in overrides:
        apply_override(values, override)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{path}: {describe_error(error, Recipe, values)}") from None


def read_keys(path: str | Path, problem: type[Exception]) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Parameters
    ----------
    path
        Of the file.
    problem
        Raised, with one line, when the file cannot be used.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise problem(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise problem(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise problem(f"{path} holds no keys")
    return values


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set one key in nested dicts and lists, in place.

    Parameters
    ----------
    values
        Of the recipe.
    override
        `key=value`.

    Raises
    ------
    RecipeError
        When the override cannot be read or names no place in the recipe.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"{override!r} is not key=value")
    place: Any = values
    *parents, last = key.split(".")
    try:
        for parent in parents:
            place = place[int(parent)] if isinstance(place, list) else place.setdefault(parent, {})
        place[int(last) if isinstance(place, list) else last] = yaml.safe_load(text)
    except (IndexError, ValueError, TypeError, AttributeError):
        raise RecipeError(f"{override!r} names no place in the recipe") from None
    except yaml.YAMLError:
        raise RecipeError(f"{override!r}: the value is no YAML") from None


def describe_error(error: ValidationError, model: type[BaseModel], values: Any = None) -> str:
    """Return one line on what is wrong first; for an unknown key, which known key is nearest.

    Parameters
    ----------
    error
        Of pydantic.
    model
        That was validated.
    values
        What was read, which names the model family whose keys are known.
    """
    # A misspelt key also leaves the right one missing: the misspelling is what to say.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{where}: {first['msg']}" if where else first["msg"]
    known = list(_fields_at(model, first["loc"][:-1], values))
    nearest = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.0)
    return f"unknown key {where!r}; the nearest is {nearest[0]!r}" if nearest else f"unknown key {where!r}"


def _fields_at(model: type[BaseModel], place: tuple[int | str, ...], values: Any) -> Iterable[str]:
    for part in place:
        values = values.get(part) if isinstance(values, Mapping) else None
        if isinstance(part, str) and part in model.model_fields:
            inner = _model_in(model.model_fields[part].annotation)
            if inner is None:
                return []
            model = options_at(inner, values)
    return model.model_fields


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model_in, typing.get_args(annotation)) if m is not None), None)
