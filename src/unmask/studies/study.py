"""Study files: a base recipe, what is varied, which seeds, and what everything is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from unmask.models.options import Options
from unmask.training.recipes import describe_error, read_keys

Changes = Mapping[str, Any]


class StudyError(ValueError):
    """A study cannot be run; the message is one line and names the key."""


class Variant(Options):
    """A single cell beside the grid: named changes to the cell `base`."""

    changes: dict[str, Any] = Field(min_length=1, description="dotted key of the recipe -> value")
    seeds: tuple[int, ...] | None = Field(default=None, description="None: the study's")


class Study(Options):
    """What is trained and how it is compared.

    Every combination of the factors' levels is a cell. Combinations that have the same recipe (a reconstruction
    of weight 0 has no target) are one cell.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    recipe: str = Field(description="base recipe, relative to the study file")
    changes: dict[str, Any] = Field(default={}, description="to every run: dotted key of the recipe -> value")
    components: int | None = Field(
        default=None,
        ge=1,
        description="cached maps are projected on so many principal components; None: read whole",
    )
    seeds: tuple[int, ...] = Field(min_length=1)
    shared_data: bool = Field(
        default=True,
        description="all seeds draw the same data; false: each seed its own, such as a source's `share`",
    )
    more_seeds: tuple[int, ...] = Field(
        default=(), description="further seeds of the controls and of the best cell"
    )
    factors: dict[str, dict[str, dict[str, Any]]] = Field(
        default={}, description="factor -> level -> changes to the recipe"
    )
    control: dict[str, str] = Field(
        default={}, description="factor -> level: cells are compared with the one that differs in these alone"
    )
    base: dict[str, str] = Field(
        default={}, description="factor -> level: the cell that variants change; else the first levels"
    )
    variants: dict[str, Variant] = Field(default={})
    videos: tuple[str, ...] = Field(
        default=(), description="validation sets of several frames a video, judged by video as well"
    )
    frozen_on: tuple[str, ...] = Field(
        default=(),
        description="figures, such as `faces, frames`, whose rows freeze each run's threshold; rates at it are shown",
    )
    best: str | None = Field(
        default=None,
        description="figure that the best cell is chosen by, such as `faces, videos`; None: the last",
    )

    @model_validator(mode="after")
    def _levels_exist(self) -> Study:
        for key in ("control", "base"):
            for factor, level in getattr(self, key).items():
                if factor not in self.factors:
                    raise ValueError(f"{key}: there is no factor {factor!r}")
                if level not in self.factors[factor]:
                    raise ValueError(f"{key}: factor {factor!r} has no level {level!r}")
        if set(self.seeds) & set(self.more_seeds):
            raise ValueError("more_seeds names a seed that every cell has")
        return self


def load_study(path: str | Path) -> Study:
    """Read a study file.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    StudyError
        In one line: what is wrong with it.
    """
    values = read_keys(path, StudyError)
    # Keys that begin with a full stop hold what YAML anchors refer to.
    values = {key: value for key, value in values.items() if not str(key).startswith(".")}
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise StudyError(f"{path}: {describe_error(error, Study)}") from None
