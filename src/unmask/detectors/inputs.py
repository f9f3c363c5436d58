"""What a detector reads: a card's ``input``, a union of four kinds of evidence told apart by ``unit``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from typing_extensions import Self

Inputs = Mapping[str, NDArray[Any]]
"""Arrays by the names of the graph's inputs, N units first in each."""

MAX_CLIP_FRAMES = 128
MAX_SECONDS = 60.0
MAX_SAMPLES = 1_500_000


class CardPart(BaseModel):
    """A part of a card: it cannot be changed, and an unknown field is an error."""

    # Parts are checked by the whole card; one that is used by itself gets ready then.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


@dataclass(frozen=True)
class Tensor:
    """One input of a detector's graph.

    Parameters
    ----------
    name
        In the graph, and in what `Detector.predict` is given.
    shape
        Of one unit.
    dtype
        ``"uint8"`` for pictures in RGB, ``"float32"`` for sound in [-1, 1].
    least
        Smallest length of the first axis of ``shape``; None where it is always that of ``shape``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    least: int | None = None

    @property
    def is_picture(self) -> bool:
        """Whether it ends in height, width and colour."""
        return self.dtype == "uint8"

    def checked(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return units as the graph reads them; a square picture of another side is resized.

        Parameters
        ----------
        array
            (N, ...) units.

        Raises
        ------
        ValueError
            For another shape or type.
        """
        array = np.asarray(array)
        if str(array.dtype) == self.dtype and array.ndim == 1 + len(self.shape):
            if array.shape[1:] == self.shape or self._is_shorter(array.shape[1:]):
                return array
            if len(self.shape) == 3 and array.shape[1] == array.shape[2] and array.shape[3] == 3:
                side = self.shape[0]
                resized = [_resize(picture, side) for picture in array]
                return np.stack(resized) if resized else np.zeros((0, *self.shape), np.uint8)
        sides = ["N", *(["H", "H", "3"] if len(self.shape) == 3 else map(str, self.shape))]
        if self.least is not None:
            sides[1] = f"{self.least} to {sides[1]}"
        wanted = f"({', '.join(sides)}) {self.dtype}"
        raise ValueError(f"{self.name} must be {wanted}, not {array.shape} {array.dtype}")

    def _is_shorter(self, shape: tuple[int, ...]) -> bool:
        if self.least is None or len(shape) != len(self.shape):
            return False
        return self.least <= shape[0] <= self.shape[0] and shape[1:] == self.shape[1:]


def _resize(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


class Smoothing(CardPart):
    """How noisy crops are smoothed before the graph reads them (``unmask.detectors.smoothing``)."""

    starts_at: float = Field(ge=0, description="noise in grey levels up to which a crop stays as it is")
    saturates_at: float = Field(description="noise from which on sigma is reached; it rises linearly between")
    sigma: float = Field(gt=0, le=8, description="of the Gaussian, in pixels of the crop")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.starts_at < self.saturates_at:
            raise ValueError("starts_at must be below saturates_at")
        return self


class FaceCrops(CardPart):
    """Crops of single faces: ``crops`` (N, size, size, 3)."""

    unit: Literal["face"] = "face"
    crop_profile: str = Field(description="how a face is cut")
    size: int = Field(ge=16, description="side of the crop in pixels")
    smoothing: Smoothing | None = Field(default=None, description="of noisy crops; None for none")

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The inputs of the detector's graph."""
        return (Tensor("crops", (self.size, self.size, 3), "uint8"),)


class WholeFrames(CardPart):
    """Whole pictures: ``frames`` (N, size, size, 3).

    ``fit``: ``resize`` the picture to a square, cut the ``centre`` square at the picture's shorter side and resize it,
    or cut ``tiles`` of the square's own size out of the picture as it is.
    """

    unit: Literal["frame"] = "frame"
    size: int = Field(ge=16, description="side in pixels")
    fit: Literal["resize", "centre", "tiles"] = "resize"

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The inputs of the detector's graph."""
        return (Tensor("frames", (self.size, self.size, 3), "uint8"),)


class ClipSound(CardPart):
    """The sound beside a clip, from its first frame on: ``sound`` (N, rate x seconds), mono."""

    rate: int = Field(default=16_000, ge=1_000, le=192_000, description="samples a second")
    seconds: float = Field(gt=0, le=MAX_SECONDS)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not 1 <= self.rate * self.seconds <= MAX_SAMPLES:
            raise ValueError(f"a window must have 1 to {MAX_SAMPLES} samples")
        return self

    @property
    def samples(self) -> int:
        """Samples of one window."""
        return round(self.rate * self.seconds)


class FaceClips(CardPart):
    """One face on successive frames: ``clips`` (N, frames, size, size, 3), and its sound where ``audio`` is given.

    The square of the crops follows the face in a straight line from the first frame to the last, or where it is found
    on every so many frames. Beside sound, frames follow at ``rate`` whatever the video's own.
    """

    unit: Literal["face_clip"] = "face_clip"
    crop_profile: str = Field(description="how a face is cut")
    size: int = Field(ge=16, description="side of a crop in pixels")
    frames: int = Field(ge=2, le=MAX_CLIP_FRAMES)
    rate: float = Field(gt=0, le=240, description="frames a second")
    audio: ClipSound | None = None
    least_frames: int | None = Field(
        default=None,
        ge=2,
        description="of a clip of a video that is too short for all; None: as many as frames",
    )
    least_rate: float | None = Field(
        default=None,
        gt=0,
        description="frames a second of the slowest video that is read beside sound; None: half of rate",
    )
    search_every: int | None = Field(
        default=None,
        ge=1,
        description="frames from one search for the face to the next; None: first and last frame",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least_frames is not None and self.least_frames > self.frames:
            raise ValueError("least_frames must not exceed frames")
        return self

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The inputs of the detector's graph."""
        clips = Tensor("clips", (self.frames, self.size, self.size, 3), "uint8", self.least_frames)
        if self.audio is None:
            return (clips,)
        least = None if self.least_frames is None else self.samples_of(self.least_frames)
        return (clips, Tensor("sound", (self.audio.samples,), "float32", least))

    def samples_of(self, frames: int) -> int:
        """Return the samples of the sound beside a clip, fewer beside one of fewer frames.

        Parameters
        ----------
        frames
            Of the clip.
        """
        return 0 if self.audio is None else round(self.audio.samples * frames / self.frames)


class AudioWindows(ClipSound):
    """Windows of the file's sound: ``sound`` (N, rate x seconds), mono."""

    unit: Literal["audio"] = "audio"

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The inputs of the detector's graph."""
        return (Tensor("sound", (self.samples,), "float32"),)


InputSpec = Annotated[FaceCrops | WholeFrames | FaceClips | AudioWindows, Field(discriminator="unit")]


def checked_inputs(spec: InputSpec, inputs: Inputs) -> dict[str, NDArray[Any]]:
    """Check arrays against what a detector reads, and return them as its graph reads them.

    Parameters
    ----------
    spec
        The input of the detector's card.
    inputs
        Arrays by name.

    Raises
    ------
    ValueError
        An input is missing, unknown, of another shape or type, or there are more units of one than of another.
    """
    names = [tensor.name for tensor in spec.tensors]
    if set(names) != set(inputs):
        raise ValueError(f"the inputs must be {', '.join(names)}, not {', '.join(inputs) or 'none'}")
    checked = {tensor.name: tensor.checked(inputs[tensor.name]) for tensor in spec.tensors}
    if len({len(array) for array in checked.values()}) > 1:
        raise ValueError("every input must hold as many units as the others")
    return checked
