"""The model family ``sync``: whether the sound of a video goes with the lips of a face.

It reads videos of people who speak, not crops, and so brings its own run: `unmask.training.sync_run`. Its network is
`unmask.models.sync`; nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, model_validator

from unmask.models.registry import (
    Family,
    FamilyOptions,
    Reads,
    RecipeSections,
    Runner,
    deferred,
    register,
)

_READ_OF_SOURCES = {"set", "where", "held_out", "take", "name", "terms"}


class SyncOptions(FamilyOptions):
    """Two towers that turn lips and sound into channels, and how they are fitted.

    Linear towers are fitted in closed form. Those with a ``hidden`` layer are trained by contrast, as the recipe's
    section ``optimiser`` says; ``batch_size`` is then the largest number of people in a batch.
    """

    family: Literal["sync"] = "sync"
    width: int = Field(default=4, ge=1, description="channels in which lips and sound are compared")
    hidden: int = Field(default=0, ge=0, description="channels of a hidden layer; 0 for linear towers")
    layers: int = Field(
        default=0,
        ge=0,
        description="transformer layers over time behind the hidden layer; 0 for a convolution",
    )
    heads: int = Field(default=4, ge=1, description="attention heads of each layer, a divisor of hidden")
    lip_context: int = Field(
        default=2, ge=0, description="frames before and after that the tower of the lips reads"
    )
    sound_context: int = Field(
        default=2, ge=1, description="frames before and after that the tower of the sound reads"
    )
    lip_trend: int = Field(
        default=15, ge=3, description="frames of the moving average that is subtracted of the lips"
    )
    sound_trend: int = Field(
        default=25, ge=3, description="the same of the sound: slow changes are no speech"
    )
    ridge: float = Field(
        default=0.3,
        gt=0,
        description="added to the variances of the canonical correlation analysis, which are near 1",
    )
    alignments: int = Field(
        default=0,
        ge=0,
        description="times that each clip's sound is moved to where it fits best and the linear towers are fitted "
        "again; clips that fit best more than 0.32 s off are left out",
    )
    frames: int = Field(default=100, ge=80, description="of the parts of clips in a batch")
    cache: str = Field(default="cache", description="folder that keeps what was read of each video")

    @model_validator(mode="after")
    def _divisible(self) -> SyncOptions:
        if self.layers and (not self.hidden or self.hidden % self.heads):
            raise ValueError("layers needs hidden, a multiple of heads")
        return self

    @property
    def reads(self) -> Reads:
        """Return ``clips``."""
        return "clips"

    def check(self, recipe: RecipeSections) -> None:
        """Check that the data say nothing that is not read.

        Parameters
        ----------
        recipe
            The resolved recipe.

        Raises
        ------
        ValueError
            When a source has an option of face crops.
        """
        super().check(recipe)
        for source in (*recipe.data.train, *recipe.data.validation):
            for name, field in type(source).model_fields.items():
                if name not in _READ_OF_SOURCES and getattr(source, name) != field.default:
                    raise ValueError(f"data: the model family {self.family} reads no {name} of a source")

    def unread(self, recipe: RecipeSections) -> Iterable[str]:
        """Return the recipe's keys that change nothing: those of crops, and of the contrast where there is none.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        return (*super().unread(recipe), "trunk", "loss", *(() if self.hidden else ("optimiser",)))


def _no_batches_of_crops(*arguments: Any) -> Any:
    raise NotImplementedError("the model family sync brings its own run")


FAMILY = register(
    Family(
        name="sync",
        description="Tells whether the sound of a video goes with the lips of a face (after arXiv 2203.01265: lips and "
        "sound of talking people contrasted without labels).",
        options=SyncOptions,
        build=deferred("unmask.models.sync:build"),
        loss=_no_batches_of_crops,
        exported=_no_batches_of_crops,
        runner=Runner(
            train=deferred("unmask.training.sync_run:train"),
            export=deferred("unmask.training.sync_run:export"),
        ),
    )
)
