"""The model family ``forward_forward``: a classifier whose layers first learn, each by itself, how a face is turned.

After Hinton (arXiv 2212.13345), and Brenig and Timofte (arXiv 2309.11955), who found such layers to transfer worse than
those that were trained by backpropagation. Its network is `unmask.models.joint`, its pre-training
`unmask.models.forward_forward`; nothing here imports torch.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from unmask.models.families.joint import PretrainedOptions
from unmask.models.registry import Family, RecipeSections, deferred, register


class ForwardForwardOptions(PretrainedOptions):
    """The joint detector without a decoder; in the first ``pretraining.steps`` no gradient passes between layers."""

    family: Literal["forward_forward"] = "forward_forward"  # type: ignore[assignment]
    threshold: float = Field(
        default=1.0,
        gt=0,
        description="mean square of a layer's values, above which it says: the label is right",
    )
    amplitude: float = Field(
        default=0.2, gt=0, le=1, description="of the wave that shows a label in the picture"
    )

    def check(self, recipe: RecipeSections) -> None:
        """Check that the network reads pixels, which can be turned.

        Parameters
        ----------
        recipe
            The resolved recipe.

        Raises
        ------
        ValueError
            When it does not, has a decoder, or is not pre-trained.
        """
        if self.backbone.kind != "timm" or self.backbone.frozen:
            raise ValueError(f"the model family {self.family} needs model.backbone.kind timm, not frozen")
        super().check(recipe)


FAMILY = register(
    Family(
        name="forward_forward",
        description="Face manipulation detector whose layers first learned without backpropagation (after Brenig and "
        "Timofte, arXiv 2309.11955).",
        options=ForwardForwardOptions,
        build=deferred("unmask.models.joint_training:build"),
        loss=deferred("unmask.models.forward_forward:loss"),
        exported=deferred("unmask.models.joint_exported:JointExported"),
        logits=deferred("unmask.models.joint_training:logits"),
        before_step=deferred("unmask.models.joint_training:before_step"),
    )
)
