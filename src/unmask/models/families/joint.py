"""The model family ``joint``: classifies a face and rebuilds it from the same latent, or classifies alone.

After Yan, Li, Lu (arXiv 2211.13424). Its network is `unmask.models.joint`; nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from unmask.models.options import (
    BackboneOptions,
    ClassifierOptions,
    DecoderOptions,
    EncoderOptions,
    TranslatorOptions,
)
from unmask.models.registry import Family, FamilyOptions, Reads, RecipeSections, deferred, register


class JointOptions(FamilyOptions):
    """The two-branch detector: backbone, shared encoder, classifier and decoder, and a translator where asked for."""

    family: Literal["joint"] = "joint"
    backbone: BackboneOptions = BackboneOptions()
    encoder: EncoderOptions = EncoderOptions()
    classifier: ClassifierOptions = ClassifierOptions()
    decoder: DecoderOptions = DecoderOptions()
    translator: TranslatorOptions | None = None

    own_rate: ClassVar[tuple[str, ...]] = ("backbone.",)
    files: ClassVar[tuple[str, ...]] = ("backbone.pretrained",)
    pretext: ClassVar[tuple[str, ...]] = ("decoder.",)
    """Beginnings of the names of weights that only pretraining needs."""

    @property
    def reads(self) -> Reads:
        """Return what the backbone is given."""
        if self.backbone.start:
            return "tokens"
        return "maps" if self.backbone.kind == "maps" else "crops"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return the shape of one stored input."""
        backbone = self.backbone
        if backbone.reads_maps:
            return backbone.grid**2 + (backbone.start > 0), backbone.channels
        return backbone.input_size, backbone.input_size, 3

    def without_decoder(self) -> JointOptions:
        """Return the same detector with its classifier alone."""
        return self.model_copy(update={"decoder": self.decoder.model_copy(update={"enabled": False})})

    def check(self, recipe: RecipeSections) -> None:
        """Check that decoder, translator, trunk and pretraining fit together.

        Parameters
        ----------
        recipe
            The resolved recipe.

        Raises
        ------
        ValueError
            When they do not.
        """
        backbone, decoder, trunk = self.backbone, self.decoder, recipe.trunk
        if backbone.reads_maps and decoder.enabled and decoder.resolution > trunk.target:
            raise ValueError(
                "model.decoder.resolution is above trunk.target, the side of the cached pictures"
            )
        if recipe.pretraining.steps and not (recipe.loss.weight > 0 and decoder.enabled):
            raise ValueError("pretraining.steps needs a decoder: set loss.weight above 0")
        if recipe.loss.mask and self.translator is None:
            raise ValueError("loss.mask needs a translator: set model.translator")
        if backbone.kind == "maps" and not trunk.projection and backbone.levels != 1 + len(trunk.earlier):
            raise ValueError("model.backbone.levels must be 1 + the number of blocks in trunk.earlier")
        if self.encoder.frequencies and (backbone.kind != "maps" or trunk.earlier[:1] != (0,)):
            raise ValueError("model.encoder.frequencies needs cached maps with trunk.earlier: [0]")
        if backbone.start and backbone.start != trunk.tap:
            raise ValueError("model.backbone.start must be trunk.tap, the block whose tokens are cached")

    def unread(self, recipe: RecipeSections) -> Iterable[str]:
        """Return the recipe's keys that change nothing: those of parts that are not there.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        unread = self._unread_of_encoder()
        if not recipe.loss.mask:
            unread = (*unread, "loss.mask", "model.translator")
        if recipe.loss.weight == 0 or not self.decoder.enabled:
            return *unread, "loss.weight", "loss.reconstruction", "loss.target", "model.decoder"
        return (*unread, "loss.weight") if recipe.pretraining.steps else unread

    def _unread_of_encoder(self) -> tuple[str, ...]:
        """Return the keys of the branch of frequencies where there is none, and of units that are not there."""
        encoder = self.encoder
        if not encoder.frequencies:
            return "model.encoder.frequencies", "model.encoder.stitch", "model.encoder.own_share"
        return () if encoder.stitch else ("model.encoder.own_share",)

    def discarded(self, recipe: RecipeSections) -> tuple[str, ...]:
        """Return what was there for pretraining alone, and a classifier that has learned nothing.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        untrained = ("classifier.",) * (recipe.pretraining.steps == recipe.optimiser.steps)
        return (*self.pretext, *untrained) if recipe.pretraining.steps else ()

    def finished(self, recipe: RecipeSections) -> JointOptions:
        """Return the options without the file that training began with, which need not exist any more.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        backbone = self.backbone
        if backbone.kind == "timm" and backbone.pretrained != "centerface":
            backbone = backbone.model_copy(update={"pretrained": None})
        options = self.model_copy(update={"backbone": backbone})
        return options.without_decoder() if recipe.pretraining.steps else options

    def with_channels(self, channels: int) -> JointOptions:
        """Return the options for maps of another number of channels.

        Parameters
        ----------
        channels
            That number.
        """
        if self.encoder.frequencies:
            raise ValueError("model.encoder.frequencies reads maps as they are, not projected ones")
        backbone = self.backbone.model_copy(update={"channels": channels})
        return self.model_copy(update={"backbone": backbone})

    def shared_by_heads(self) -> Mapping[str, Any]:
        """Return the stride, which decides the number of places whose logits are averaged."""
        return {"stride": self.encoder.stride}


class PretrainedOptions(JointOptions):
    """The joint detector without a decoder, whose encoder learns without labels in the first ``pretraining.steps``."""

    decoder: DecoderOptions = DecoderOptions(enabled=False)

    def check(self, recipe: RecipeSections) -> None:
        """Check that the network has no decoder and is pre-trained.

        Parameters
        ----------
        recipe
            The resolved recipe.

        Raises
        ------
        ValueError
            When it is not so.
        """
        if self.decoder.enabled:
            raise ValueError(f"the model family {self.family} has no decoder")
        if not recipe.pretraining.steps:
            raise ValueError(f"the model family {self.family} needs pretraining.steps above 0")

    def unread(self, recipe: RecipeSections) -> Iterable[str]:
        """Return the recipe's keys that change nothing: those of the reconstruction, and of a trunk.

        Parameters
        ----------
        recipe
            The resolved recipe.
        """
        loss = ("loss.weight", "loss.reconstruction", "loss.target")
        return *loss, "model.decoder", "trunk", *self._unread_of_encoder()


FAMILY = register(
    Family(
        name="joint",
        description="Two-branch face manipulation detector after Yan, Li, Lu (arXiv 2211.13424): one shared encoder, a "
        "classifier and a decoder that rebuilds the face.",
        options=JointOptions,
        build=deferred("unmask.models.joint_training:build"),
        loss=deferred("unmask.models.joint_training:loss"),
        exported=deferred("unmask.models.joint_exported:JointExported"),
        logits=deferred("unmask.models.joint_training:logits"),
        before_step=deferred("unmask.models.joint_training:before_step"),
        tuned_trunk=deferred("unmask.models.joint_training:tuned_trunk"),
    )
)
