"""Model families: what can be trained, by the name that a recipe gives as ``model.family``.

A family is one file, ``unmask/models/families/NAME.py``, which calls `register`. It is imported when a recipe first
names it. A file elsewhere, such as a package of your own, is registered by importing it. No other file knows a family.

Nothing here imports torch: a recipe is read without it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import BaseModel

from unmask.models import families
from unmask.models.options import LossOptions, Options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

    from unmask.detectors import Calibration
    from unmask.models.exported import Exported
    from unmask.models.inputs import TrainingBatch

DEFAULT = "joint"
"""The model family of a recipe that names none: recipes, runs and cards from before there were several."""

Reads = Literal["crops", "maps", "tokens", "clips"]


class RecipeSections(Protocol):
    """The sections of a recipe that a model family may read: see ``unmask.training.recipes.Recipe``."""

    @property
    def model(self) -> Any:
        """Options of the family."""

    @property
    def data(self) -> Any:
        """What is trained and validated on."""

    @property
    def loss(self) -> LossOptions:
        """Options of the loss."""

    @property
    def trunk(self) -> Any:
        """The frozen trunk whose maps are read."""

    @property
    def optimiser(self) -> Any:
        """Steps, rates, size of a batch."""

    @property
    def pretraining(self) -> Any:
        """The first steps, in which nothing is classified."""


class FamilyOptions(Options):
    """The section ``model`` of a recipe: base of every model family's options.

    A subclass narrows ``family`` to its name, adds its own options, and says what is known before a network is built.
    """

    family: str

    own_rate: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the names of weights whose rate is ``optimiser.lr`` times ``optimiser.backbone_lr``."""
    files: ClassVar[tuple[str, ...]] = ()
    """Options (dotted) that name a file of one machine: a card holds the file's name alone."""

    @property
    def reads(self) -> Reads:
        """Return what the network is given.

        ``crops``: (N, 3, S, S) float RGB in [0, 1]. ``maps``: patch tokens of a frozen trunk as (N, channels, side,
        side) float. ``tokens``: those of an inner block as (N, 1 + places, channels) float, the class token first.
        ``clips``: successive frames or sound, which the family's `Runner` reads by itself.
        """
        return "crops"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return the shape of one stored input: crops (S, S, 3), maps and tokens (places, channels)."""
        raise NotImplementedError

    def check(self, recipe: RecipeSections) -> None:
        """Check that a recipe's sections fit together.

        Parameters
        ----------
        recipe
            The resolved recipe.

        Raises
        ------
        ValueError
            When they do not.
        """
        for key, value in (("pretraining.steps", recipe.pretraining.steps), ("loss.mask", recipe.loss.mask)):
            if value:
                raise ValueError(f"{key}: the model family {self.family} has no such part")

    def unread(self, recipe: RecipeSections) -> Iterable[str]:
        """Return the recipe's keys (dotted) that do not change the trained weights.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        loss = ("loss.weight", "loss.reconstruction", "loss.target", "loss.mask")
        return (*loss, "pretraining", *(("trunk",) if self.reads == "crops" else ()))

    def discarded(self, recipe: RecipeSections) -> tuple[str, ...]:
        """Return the beginnings of the names of weights that are trained but not part of the detector.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        return ()

    def finished(self, recipe: RecipeSections) -> FamilyOptions:
        """Return the options by which a finished run's network is built, before its weights are read.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        return self

    def with_channels(self, channels: int) -> FamilyOptions:
        """Return the options for maps of another number of channels.

        Parameters
        ----------
        channels
            That number.
        """
        raise ValueError(f"the model family {self.family} reads maps as they are, not projected ones")

    def shared_by_heads(self) -> Mapping[str, Any]:
        """Return what networks must have in common to be averaged, by names for an error message.

        The family, the trunk and the crop profile are compared anyway.
        """
        return {}


@dataclass(frozen=True)
class TunedTrunk:
    """What a network that reads tokens has changed of the trunk behind which it begins.

    Parameters
    ----------
    earlier
        Numbers of blocks whose patch tokens the exported model reads before the last one's.
    constants
        By their names in the trunk's graph.
    """

    earlier: tuple[int, ...]
    constants: Mapping[str, npt.NDArray[np.floating]]


def model_output(model: Any, inputs: Tensor) -> Tensor:
    """Return a network's output, where that is the logits (N,).

    Parameters
    ----------
    model
        The network.
    inputs
        As it reads them.
    """
    logits: Tensor = model(inputs)
    return logits


def do_nothing(model: Any, recipe: RecipeSections, step: int) -> None:
    """Leave the network as it is.

    Parameters
    ----------
    model, recipe, step
        As `Family.before_step` gets them.
    """


def no_tuned_trunk(model: Any, recipe: RecipeSections) -> TunedTrunk:
    """Refuse to export a network that was trained together with a part of the trunk.

    Parameters
    ----------
    model, recipe
        As `Family.tuned_trunk` gets them.
    """
    raise ValueError(f"the model family {recipe.model.family} cannot export a tuned trunk")


@dataclass(frozen=True)
class Runner:
    """How a model family trains and exports whose network reads neither crops nor what a trunk makes of them.

    Parameters
    ----------
    train : callable
        ``(recipe, run, report)``: writes best.safetensors into the run folder, and beside it what `export` reads.
    export : callable
        ``(recipe, run, out, report)``: writes the detector's folder.
    """

    train: Callable[[Any, Path, Callable[[str, int, int], None]], None]
    export: Callable[[Any, Path, Path, Callable[[str, int, int], None]], None]


@dataclass(frozen=True)
class Family:
    """A model family: a kind of network that is trained, exported and compared like every other.

    Parameters
    ----------
    name : str
        What ``model.family`` names it by; the name of its file.
    description : str
        Of the detectors that come of it, for cards of recipes that have none of their own.
    options : type of FamilyOptions
        The section ``model`` of its recipes.
    build : callable
        ``(options, recipe)`` to the network, an `nn.Module` that keeps ``options`` and may hold pretrained weights.
    loss : callable
        ``(network, batch, recipe, step)`` to scalars by name. It runs the network; ``total`` is minimised, and the mean
        of each is a column of ``metrics.csv``.
    exported : callable
        ``(networks, calibration)`` to the module that is written as ONNX, with named outputs.
    logits : callable
        ``(network, inputs)`` to logits (N,), for validation; a logit above 0 means manipulated.
    before_step : callable
        ``(network, recipe, step)``, called before each training step, to freeze a part for instance.
    tuned_trunk : callable
        ``(network, recipe)`` to what was changed of the trunk, for networks that read ``tokens``.
    runner : Runner or None
        Trains and exports in place of the usual run, for networks that read ``clips``.
    """

    name: str
    description: str
    options: type[FamilyOptions]
    build: Callable[[Any, RecipeSections], nn.Module]
    loss: Callable[[Any, TrainingBatch, RecipeSections, int], Mapping[str, Tensor]]
    exported: Callable[[Sequence[Any], Calibration], Exported]
    logits: Callable[[Any, Tensor], Tensor] = model_output
    before_step: Callable[[Any, RecipeSections, int], None] = do_nothing
    tuned_trunk: Callable[[Any, RecipeSections], TunedTrunk] = no_tuned_trunk
    runner: Runner | None = None


_registered: dict[str, Family] = {}


def register(family: Family) -> Family:
    """Make a model family known by its name.

    Parameters
    ----------
    family
        The family.

    Raises
    ------
    ValueError
        When another family has the name.
    """
    if _registered.setdefault(family.name, family) is not family:
        raise ValueError(f"there is a model family {family.name!r} already")
    return family


def family_names() -> list[str]:
    """Return the names of the registered model families and of those in `unmask.models.families`, sorted."""
    return sorted({*_registered, *(module.name for module in iter_modules(families.__path__))})


def find_family(name: str) -> Family:
    """Return a model family; its file is imported where it has not been yet.

    Parameters
    ----------
    name
        Of the family, and of its file.

    Raises
    ------
    ValueError
        When there is none of this name; the message names those there are. When its file registers another.
    """
    names = family_names()
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise ValueError(f"there is no model family {name!r}, but {', '.join(names)}{hint}")
    if name not in _registered:
        module = import_module(f"{families.__name__}.{name}")
        if name not in _registered:
            raise ValueError(f"{module.__file__} registers no model family {name!r}")
    return _registered[name]


def model_family(values: Any) -> Family:
    """Return the model family that the section ``model`` of a recipe names.

    Parameters
    ----------
    values
        Plain values, or options.
    """
    name = (
        values.get("family", DEFAULT) if isinstance(values, Mapping) else getattr(values, "family", DEFAULT)
    )
    return find_family(str(name))


def read_options(values: Any) -> Any:
    """Read the section ``model`` of a recipe by the options of its family.

    Parameters
    ----------
    values
        Plain values; options are returned as they are.
    """
    if isinstance(values, FamilyOptions) or not isinstance(values, Mapping):
        return values
    return model_family(values).options.model_validate(dict(values))


def options_at(model: type[BaseModel], values: Any) -> type[BaseModel]:
    """Return the options of the family that plain values name, where a recipe says `FamilyOptions`.

    Parameters
    ----------
    model
        The type that the recipe names.
    values
        Plain values.
    """
    return model_family(values).options if model is FamilyOptions else model


def deferred(place: str) -> Callable[..., Any]:
    """Return a function that imports another when it is called, for a family file without torch.

    Parameters
    ----------
    place
        ``module:name`` of that function.
    """
    module, _, name = place.partition(":")

    def call(*arguments: Any) -> Any:
        return getattr(import_module(module), name)(*arguments)

    return call
