"""The model family ``contrastive``: a classifier whose encoder first learns to recognise two views of one face.

After SimCLR (Chen et al., arXiv 2002.05709); for few labels after arXiv 2410.07790. Its network is
`unmask.models.contrastive`; nothing here imports torch.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from unmask.models.families.joint import PretrainedOptions
from unmask.models.registry import Family, RecipeSections, deferred, register


class ContrastiveOptions(PretrainedOptions):
    """The joint detector without a decoder, and a projection that ``pretraining.steps`` train the encoder through."""

    family: Literal["contrastive"] = "contrastive"  # type: ignore[assignment]
    projection: int = Field(
        default=128, ge=0, description="channels in which views are compared; 0: a finished detector has none"
    )
    temperature: float = Field(default=0.2, gt=0)
    zoom: float = Field(default=0.5, gt=0, le=1, description="smallest side of a view, in sides of the crop")

    pretext: ClassVar[tuple[str, ...]] = ("projector.",)

    def check(self, recipe: RecipeSections) -> None:
        """Check that the network reads pixels, of which views can be made.

        Parameters
        ----------
        recipe
            The resolved recipe.

        Raises
        ------
        ValueError
            When it reads maps, has a decoder, or is not pre-trained.
        """
        if self.reads != "crops":
            raise ValueError(
                f"the model family {self.family} reads pixels: model.backbone.kind must be timm or clip"
            )
        super().check(recipe)

    def finished(self, recipe: RecipeSections) -> Any:
        """Return the options of the classifier alone.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        return super().finished(recipe).model_copy(update={"projection": 0})


FAMILY = register(
    Family(
        name="contrastive",
        description="Face manipulation detector whose encoder first learned to recognise two views of one face (after "
        "Chen et al., arXiv 2002.05709).",
        options=ContrastiveOptions,
        build=deferred("unmask.models.contrastive:build"),
        loss=deferred("unmask.models.contrastive:loss"),
        exported=deferred("unmask.models.joint_exported:JointExported"),
        logits=deferred("unmask.models.joint_training:logits"),
        before_step=deferred("unmask.models.joint_training:before_step"),
    )
)
