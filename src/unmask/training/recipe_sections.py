"""The sections of a recipe that are the same for every model family, each option with its default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from unmask.datasets import AugmentOptions, SelfBlendOptions
from unmask.defaults import DETECTOR
from unmask.detectors.card import FACE_MANIPULATED
from unmask.detectors.inputs import Smoothing
from unmask.models.options import Options


class SourceOptions(Options):
    """A set of face crops that batches are drawn from.

    ``labelled``: real and fake crops as the set labels them. ``self_blended``: each real crop and its
    self-blended copy. ``face_blended``: each real crop with another person's face blended into it.
    ``unlabelled``: all crops, each drawn by itself, for a run that only pre-trains.
    Sets of fakes alone are paired with crops of the sets of real faces alone.
    """

    set: str = Field(description="folder with manifest.csv, absolute or below `data.root`")
    split: str | None = Field(
        default=None, description="None: the whole set, which then may hold no split `test`"
    )
    kind: Literal["labelled", "self_blended", "face_blended", "unlabelled"] = "labelled"
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
    share: float = Field(
        default=1.0, gt=0.0, le=1.0, description="of the persons (or sources), drawn by the data's seed"
    )
    limit: int | None = Field(
        default=None, ge=1, description="so many records, drawn by the seed and evenly over both classes"
    )
    family: str = Field(
        default="",
        description="family of manipulation of a labelled set's fakes, for the card; empty: by the set's name",
    )
    where: dict[str, tuple[float, float] | str] = Field(
        default={},
        description="columns of the manifest -> the range of numbers, or the word, of the rows that are taken",
    )
    name: str = Field(
        default="",
        description="of a validation set in figures; sources of one name are one set. Empty: the folder's",
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
        """Return the folder of a source's crops.

        Parameters
        ----------
        source
            One of the recipe's.
        """
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
        "channel; model.backbone.channels and levels count them. 0: the logarithm of each patch's DCT",
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
    still learns afterwards. Warm-up and schedule of the optimiser start again where classifying begins.
    """

    steps: int = Field(
        default=0,
        ge=0,
        description="of `optimiser.steps`; 0: both branches learn at once; all of them: nothing is classified, "
        "and the weights are for the `initial` of other runs",
    )
    encoder: Literal["frozen", "tuned"] = "tuned"


class TeacherOptions(Options):
    """A detector from whose logits a network learns beside the labels (Hinton et al., arXiv 1503.02531).

    It scores every view of the training crops once. These views are kept, and a turn through a source takes the next
    of its ``views`` instead of a new one. A fake's wanted score is then ``weight`` times the teacher's probability and
    1 - ``weight``, a real face's ``weight`` times that probability.
    """

    detector: str = Field(default=DETECTOR, description="name of a detector, or folder of an exported one")
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
    question: str = Field(default=FACE_MANIPULATED, pattern=r"^[a-z][a-z0-9_]*$")
    tasks: tuple[str, ...] = ("face swap", "face re-enactment")
    mirror: bool = False
    threshold: Literal["balanced_accuracy", "eer"] = "balanced_accuracy"
    between_sd: float | None = Field(
        default=None,
        ge=0,
        description="logits: what all frames of a video are off by together, for its interval",
    )
    smoothing: Smoothing | None = Field(
        default=None,
        description="of noisy crops, in the exported detector alone: training reads them as they are",
    )
    band_error: float = Field(
        default=0.1, gt=0, lt=0.5, description="share of real and of fake faces on the wrong side of the band"
    )
