"""Groups of options that model families are made of: backbone, encoder, classifier, decoder and loss, with defaults."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Options(BaseModel):
    """Base of all option groups: unknown keys are errors, values cannot change after they are read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BackboneOptions(Options):
    """The network that turns a face into the feature map that both branches share.

    ``timm``: any timm model by ``name``, cut after feature level ``tap`` (-1 the last, -2 the one before).
    ``clip``: the CLIP image tower, cut after transformer block ``tap``; with ``start`` only what lies behind that
    block, whose tokens are the input (a frozen trunk's, computed once and cached).
    ``maps``: no network; the input already is a feature map of ``channels`` x ``grid`` x ``grid`` (a frozen
    trunk's, computed once and cached).
    """

    kind: Literal["timm", "maps", "clip"] = "maps"
    name: str = "tf_efficientnet_lite0"
    tap: int = -1
    pretrained: str | None = Field(
        default=None,
        description="weights: a .safetensors or .pth file, `package:NAME`, `timm` (download), `centerface`",
    )
    input_size: int = Field(default=224, ge=16)
    mean: tuple[float, float, float] | None = Field(default=None, description="None: the backbone's own")
    std: tuple[float, float, float] | None = Field(default=None, description="None: the backbone's own")
    frozen: bool = Field(default=False, description="train none of its weights but those that `tune` names")
    start: int = Field(
        default=0,
        ge=0,
        description="block behind which the network begins, with kind = clip; 0: with the pixels",
    )
    tune: Literal["none", "norms", "biases", "last_blocks"] = Field(
        default="none", description="`biases`: those of all layers, and the norms"
    )
    last_blocks: int = Field(default=1, ge=1, description="how many, with tune = last_blocks")
    fixed_statistics: bool = Field(
        default=False, description="BatchNorm keeps its pretrained mean and variance"
    )
    channels: int = Field(default=768, ge=1, description="of the map, with kind = maps")
    levels: int = Field(
        default=1,
        ge=1,
        description="blocks of a trunk that the encoder reads, each normalised by itself: with kind = maps they share "
        "`channels`: 1 + those of `trunk.earlier`; with kind = clip 2 are `start` and `tap`",
    )
    grid: int = Field(default=14, ge=2, description="side of the map, with kind = maps")

    @model_validator(mode="after")
    def _fits_together(self) -> BackboneOptions:
        if self.tune != "none" and not self.frozen:
            raise ValueError("tune chooses what a frozen backbone still learns: set frozen to true")
        if self.kind == "maps" and self.channels % self.levels:
            raise ValueError("channels must be levels times as many as a block has")
        if self.kind != "maps" and self.levels > (2 if self.start else 1):
            raise ValueError("levels above 1 need kind = maps, or 2 a start")
        if self.start and (self.kind != "clip" or not self.start < self.tap):
            raise ValueError("start needs kind = clip and a tap behind it")
        return self

    @property
    def map_channels(self) -> int:
        """Channels of a place of the map that the encoder reads, where it reads a trunk's."""
        return self.channels if self.kind == "maps" else self.channels * self.levels

    @property
    def reads_maps(self) -> bool:
        """Whether the input is a cached map of a frozen trunk rather than pixels."""
        return self.kind == "maps" or self.start > 0


class EncoderOptions(Options):
    """The shared encoder that compresses the feature map into the latent.

    ``conv``: a 1x1 convolution to ``width`` channels, then ``depth`` 3x3 convolutions, the first of which has
    ``stride``; each is followed by BatchNorm and ``activation``. ``identity``: the backbone is the encoder.
    """

    kind: Literal["conv", "identity"] = "conv"
    normalise: bool = Field(
        default=False, description="layer norm over the channels of each place beforehand"
    )
    width: int = Field(default=192, ge=1)
    depth: int = Field(default=1, ge=0)
    stride: Literal[1, 2] = 2
    activation: Literal["gelu", "relu"] = "gelu"
    frequencies: bool = Field(
        default=False,
        description="a second such branch reads the patches' frequencies, `trunk.earlier: [0]`; the latent has the "
        "channels of both",
    )
    stitch: bool = Field(
        default=True,
        description="cross-stitch units between the branches, behind all convolutions but the last",
    )
    own_share: float = Field(
        default=0.9, ge=0, le=1, description="of a branch's own features in a unit at the start"
    )


class ClassifierOptions(Options):
    """From the latent to one logit: pooling over places, a hidden layer, dropout."""

    pool: Literal["mean", "mean_max", "mean_std", "attention"] = "mean_max"
    hidden: int = Field(default=128, ge=0, description="0: one linear layer")
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)


class DecoderOptions(Options):
    """From the latent back to a face of ``resolution`` pixels a side, doubling the side each layer."""

    enabled: bool = True
    width: int = Field(
        default=128, ge=3, description="channels of the first layer, halved at each further one"
    )
    resolution: int = Field(default=56, ge=4)


class TranslatorOptions(Options):
    """From the latent, or from the backbone's map, to a mask of where a face was manipulated.

    A 1x1 convolution to ``width`` channels, ``depth`` 3x3 convolutions, then the side is doubled up to the mask's.
    """

    reads: Literal["latent", "map"] = Field(
        default="latent", description="`map`: encoder and classifier learn nothing of masks"
    )
    width: int = Field(default=128, ge=2)
    depth: int = Field(default=1, ge=0)
    alone: bool = Field(default=False, description="train it alone: all other weights stay as they begin")


class LossOptions(Options):
    """Classification loss + ``weight`` (lambda) x reconstruction loss + ``mask`` x mask loss + ``pairs`` x pair loss.

    ``weight`` 0 turns the decoder off, ``mask`` 0 the translator.
    """

    kind: Literal["bce"] = "bce"
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=0.5)
    weight: float = Field(default=0.1, ge=0.0)
    reconstruction: Literal["l1", "mse", "ssim"] = "l1"
    target: Literal["all", "real"] = "all"
    mask: float = Field(default=0.0, ge=0.0)
    pairs: float = Field(
        default=0.0,
        ge=0.0,
        description="weight of the loss over the differences of real and fake of each pair",
    )
