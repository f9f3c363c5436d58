"""Recipes: everything that decides a training run, in one YAML file with every default visible."""

from __future__ import annotations

import difflib
import os
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)

from unmask.datasets import AugmentOptions, SelfBlendOptions
from unmask.models.options import LossOptions, Options
from unmask.models.registry import FamilyOptions, options_at, read_options


class RecipeError(ValueError):
    """A recipe cannot be used; the message is one line and names the key."""


class SourceOptions(Options):
    """A set of face crops that batches are drawn from.

    ``labelled``: real and fake crops as the set labels them. ``self_blended``: each real crop and its
    self-blended copy. ``face_blended``: each real crop with another person's face blended into it.
    """

    set: str = Field(description="folder with manifest.csv, absolute or below `data.root`")
    split: str | None = Field(
        default=None, description="None: the whole set, which then may hold no split `test`"
    )
    kind: Literal["labelled", "self_blended", "face_blended"] = "labelled"
    weight: float = Field(default=1.0, gt=0, description="share of the pairs, relative to the other sources")
    views: int = Field(
        default=1,
        ge=1,
        description="augmented views of each crop in the cache of maps, or of a teacher's logits",
    )
    crop: tuple[float, float] | None = Field(
        default=None,
        description="range of the cut in training: its side in face boxes (sets with boxes) or its zoom (sets "
        "without); None: as `data.augment` says",
    )
    held_out: float = Field(default=0.0, ge=0.0, lt=1.0, description="share of persons kept for validation")
    take: Literal["rest", "held_out"] = "rest"
    limit: int | None = Field(
        default=None, ge=1, description="so many records, drawn by the seed and evenly over both classes"
    )
    family: str = Field(
        default="",
        description="family of manipulation of a labelled set's fakes, for the card; empty: by the set's name",
    )
    terms: str = Field(default="", description="terms of the data, for the detector's card")

    @field_validator("split")
    @classmethod
    def _is_not_for_testing(cls, split: str | None) -> str | None:
        if split == "test":
            raise ValueError("a test split is for `unmask evaluate` alone: train and choose on others")
        return split


class DataOptions(Options):
    """What is trained and validated on, and how crops are cut, blended and changed."""

    root: str | None = Field(
        default=None, description="None: the environment variable UNMASK_DATA, else `data`"
    )
    train: tuple[SourceOptions, ...] = Field(min_length=1)
    validation: tuple[SourceOptions, ...] = Field(min_length=1)
    crop_profile: str = Field(
        default="wide", description="of the detector, and of validation crops with boxes"
    )
    augment: AugmentOptions = AugmentOptions()
    blend: SelfBlendOptions = SelfBlendOptions()
    seed: int | None = Field(
        default=None,
        description="of cuts, blends and changes; None: the run's. Runs that share it share cached maps",
    )
    workers: int = Field(default=1, ge=0, description="processes that render crops; 0: none besides this one")

    def folder(self, source: SourceOptions) -> Path:
        """Where a source's crops lie."""
        return Path(self.root or os.environ.get("UNMASK_DATA", "data")) / source.set


class TrunkOptions(Options):
    """The frozen trunk whose maps are computed once and cached, for models that read maps or tokens."""

    name: str = "clip-vit-b16"
    file: str | None = Field(default=None, description="another trunk: an ONNX file from crops to tokens")
    output: str | None = Field(default=None, description="which of that file's outputs; None: the first")
    tap: int | None = Field(
        default=None,
        ge=1,
        description="block of a built-in trunk whose tokens are taken, None: the last; before the last one the class "
        "token comes with them",
    )
    earlier: tuple[int, ...] = Field(
        default=(),
        description="further blocks of a built-in trunk whose patch tokens stand before the last one's, channel after "
        "channel; model.backbone.channels and levels count them",
    )
    threads: int = Field(default=1, ge=1)
    target: int = Field(default=56, ge=4, description="side of the stored pictures that the decoder rebuilds")
    cache: str = "cache"
    projection: str | None = Field(
        default=None,
        description="file that `unmask study` fitted: maps are read through it, with fewer channels",
    )


class OptimiserOptions(Options):
    """AdamW with warm-up; the rate then falls to zero along a cosine, or stays."""

    lr: float = Field(default=1e-3, gt=0)
    backbone_lr: float = Field(default=1.0, ge=0, description="factor on `lr` for the backbone's weights")
    weight_decay: float = Field(default=0.05, ge=0)
    warm_up: int = Field(default=100, ge=0, description="steps")
    schedule: Literal["cosine", "constant"] = "cosine"
    steps: int = Field(default=2000, ge=1)
    batch_size: int = Field(default=64, ge=2, description="half of it real, half fake")
    clip: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0: any")
    ema: float = Field(default=0.0, ge=0, lt=1, description="decay of the weights' moving average; 0: off")


class TrainerOptions(Options):
    """Where Lightning runs the training: its own words for devices, machines and how they work together."""

    accelerator: str = Field(default="auto", description="`cpu`, `gpu`, ...; auto: a GPU if there is one")
    devices: int | Literal["auto"] = Field(default="auto", description="on each machine; auto: all GPUs")
    nodes: int = Field(default=1, ge=1, description="machines")
    strategy: str = Field(default="auto", description="`ddp`, `fsdp`, ...; auto: ddp for several devices")
    sync_batchnorm: bool = Field(default=False, description="BatchNorm over all GPUs' batches at once")


class PretrainingOptions(Options):
    """The sequential control: the first ``steps`` only rebuild faces, the rest only classify, without the decoder.

    After ALSO (Boulch et al., arXiv 2212.05867). ``encoder`` says whether the rebuilt encoder, backbone included,
    still learns afterwards. Warm-up and schedule of the optimiser begin anew where classifying begins.
    """

    steps: int = Field(default=0, ge=0, description="of `optimiser.steps`; 0: both branches learn at once")
    encoder: Literal["frozen", "tuned"] = "tuned"


class TeacherOptions(Options):
    """A detector from whose logits a network learns beside the labels (Hinton et al., arXiv 1503.02531).

    It scores every view of the training crops once. These views are kept, and a turn through a source takes the next
    of its ``views`` instead of a new one. A fake's wanted score is then ``weight`` times the teacher's probability and
    1 - ``weight``, a real face's ``weight`` times that probability.
    """

    detector: str = Field(default="jrc", description="name of a detector, or folder of an exported one")
    weight: float = Field(default=0.5, gt=0.0, le=1.0)
    cache: str = "cache"


class EvaluationOptions(Options):
    """How often validation runs, and what the checkpoint is chosen on."""

    every: int = Field(default=200, ge=1, description="steps")
    patience: int = Field(
        default=0, ge=0, description="evaluations without a better AUC before the end; 0: off"
    )
    select: str = Field(default="mean", description="AUC to choose on: `mean` of the sets, or one set's name")
    batch_size: int = Field(default=128, ge=1)


class ExportOptions(Options):
    """What the exported detector's card says."""

    version: str = "0.1.0"
    description: str = ""
    licence: str = "Apache-2.0"
    limits: str = ""
    tasks: tuple[str, ...] = ("face swap", "face re-enactment")
    mirror: bool = False
    threshold: Literal["balanced_accuracy", "eer"] = "balanced_accuracy"
    between_sd: float | None = Field(
        default=None,
        ge=0,
        description="logits: what all frames of a video are off by together, for its interval",
    )
    band_error: float = Field(
        default=0.1, gt=0, lt=0.5, description="share of real and of fake faces on the wrong side of the band"
    )


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
    def _pretraining_leaves_steps(self) -> Recipe:
        if self.pretraining.steps >= self.optimiser.steps:
            raise ValueError("pretraining.steps leaves no step to classify: raise optimiser.steps")
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
        return self

    @property
    def data_seed(self) -> int:
        """Seed of cuts, blends and changes."""
        return self.seed if self.data.seed is None else self.data.seed

    def to_yaml(self) -> str:
        """Write the recipe with every value, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_recipe(path: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe and apply `key=value` overrides: dots between levels, numbers in lists, YAML values.

    Raises
    ------
    RecipeError
        In one line: the file cannot be read, a key is unknown (with the nearest one), a value does not fit.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path} holds no keys")
    for override in overrides:
        apply_override(values, override)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{path}: {describe_error(error, Recipe, values)}") from None


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set one `key=value` in nested dicts and lists, in place."""
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
    """Say in one line what is wrong first; for an unknown key, which known key is nearest.

    values : what was read, which names the model family whose keys are known.
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
