"""The model family ``cross_stitch``: one branch reads a face's pixels, one its frequencies, and they exchange features.

After MD-CSDNetwork (arXiv 2109.07311). Its network is `unmask.models.cross_stitch`; nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from unmask.models.registry import Family, FamilyOptions, RecipeSections, deferred, register


class CrossStitchOptions(FamilyOptions):
    """Two timm networks of one kind with cross-stitch units between them, or one of them alone."""

    family: Literal["cross_stitch"] = "cross_stitch"
    name: str = Field(
        default="legacy_xception", description="timm network whose parts run one after the other"
    )
    pretrained: str | None = Field(
        default=None,
        description="weights that each branch begins with, as `model.backbone.pretrained` of the family joint",
    )
    until: str | None = Field(
        default=None, description="last part of the network that is used; None: all before the pooling"
    )
    input_size: int = Field(default=299, ge=16)
    branches: Literal["pixels", "frequencies", "both"] = "both"
    transform: Literal["dct", "fft", "haar"] = Field(
        default="dct", description="of each colour channel; the logarithm of absolute values is read"
    )
    fitted_on: int = Field(
        default=2000, ge=2, description="first training crops that mean and deviation are taken from"
    )
    stitch: bool = Field(default=True, description="false: the branches meet in the last layer alone")
    stitch_after: tuple[str, ...] = Field(
        default=("block1", "block2", "block3", "block12"), description="parts of the network"
    )
    per_channel: bool = Field(default=False, description="a 2x2 unit for each channel, not one for all")
    own_share: float = Field(
        default=0.9, ge=0, le=1, description="of a branch's own features in a unit at the start"
    )
    dropout: float = Field(default=0.5, ge=0, lt=1)
    hidden: int = Field(default=256, ge=1, description="of each branch's fully connected layer")

    own_rate: ClassVar[tuple[str, ...]] = ("branches.",)
    files: ClassVar[tuple[str, ...]] = ("pretrained",)

    @model_validator(mode="after")
    def _halves(self) -> CrossStitchOptions:
        if self.transform == "haar" and self.input_size % 2:
            raise ValueError("transform: haar needs an even input_size")
        return self

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return the shape of one stored input."""
        return self.input_size, self.input_size, 3

    def unread(self, recipe: RecipeSections) -> Iterable[str]:
        """Return the recipe's keys that change nothing: those of the branch or the units that are not there.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        yield from super().unread(recipe)
        if self.branches == "pixels":
            yield from ("model.transform", "model.fitted_on")
        if self.branches != "both":
            yield "model.stitch"
        if self.branches != "both" or not self.stitch:
            yield from ("model.stitch_after", "model.per_channel", "model.own_share")

    def finished(self, recipe: RecipeSections) -> CrossStitchOptions:
        """Return the options without the weights that training began with.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        return self.model_copy(update={"pretrained": None})


FAMILY = register(
    Family(
        name="cross_stitch",
        description="Face manipulation detector on pixels and frequencies, whose two branches exchange features by "
        "cross-stitch units, after MD-CSDNetwork (arXiv 2109.07311).",
        options=CrossStitchOptions,
        build=deferred("unmask.models.cross_stitch:build"),
        loss=deferred("unmask.models.cross_stitch:loss"),
        exported=deferred("unmask.models.exported:Exported"),
    )
)
