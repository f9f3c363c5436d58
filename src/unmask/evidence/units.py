"""What one logit is about, where in the file it lies, and what an extractor asks of the media."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unmask.faces import Box, Face
from unmask.report import SubjectKind

if TYPE_CHECKING:
    from unmask.media import AudioSampling, Sampling


@dataclass(frozen=True)
class Place:
    """Where in a file something lies.

    Parameters
    ----------
    start, end
        Seconds from the first frame; the same for a single frame.
    box
        (x0, y0, x1, y1) at ``start``, in pixels of the upright frame; None for what has no place in the picture.
    """

    start: float
    end: float
    box: Box | None = None


@dataclass(frozen=True, eq=False)
class Patch:
    """The pixels around a face as they were sampled, of which it can be cut again.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB, the face upright.
    box
        (x0, y0, x1, y1) of the face in its pixels.
    """

    image: NDArray[np.uint8]
    box: Box


@dataclass(frozen=True, eq=False)
class Unit:
    """What one logit is about.

    Parameters
    ----------
    place
        Where it lies.
    inputs
        Arrays of this one unit, by the names that the detector's card gives its inputs.
    measures
        By name, for the detector's gates; NaN for what could not be measured.
    face
        The face that it shows, in pixels of the upright frame at ``place.start``; None where it shows no single face.
    patch
        Of that face; None where none was asked for, or the frame has too many faces.
    """

    place: Place
    inputs: Mapping[str, NDArray[Any]]
    measures: Mapping[str, float] = field(default_factory=dict)
    face: Face | None = None
    patch: Patch | None = None

    def scaled(self, factor: float) -> Unit:
        """Return the unit of a frame that was reduced, with its place in the frame of full size.

        Parameters
        ----------
        factor
            Full size divided by reduced size.
        """
        box, face = self.place.box, self.face
        if factor == 1:
            return self
        if box is not None:
            x0, y0, x1, y1 = (factor * value for value in box)
            box = (x0, y0, x1, y1)
        return replace(self, place=replace(self.place, box=box), face=face and face.scaled(factor))


@dataclass(frozen=True, eq=False)
class Moment:
    """What an extractor made of one sampled moment: a frame, a burst of frames, or a window of sound.

    Parameters
    ----------
    time
        Seconds from the first frame.
    units
        None, one or several.
    scene
        ``faces.scene_of`` the frame, by which faces are followed; None where no frame was looked at.
    """

    time: float
    units: tuple[Unit, ...]
    scene: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Subject:
    """What an opinion is about: one face that was followed, the picture, or the sound.

    Parameters
    ----------
    kind
        ``"face"``, ``"picture"`` or ``"sound"``.
    id
        Number among the subjects of an opinion, from 0.
    units
        In order of time, at least one.
    """

    kind: SubjectKind
    id: int
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Wanted:
    """What an extractor asks of the media in one sampling pass.

    Parameters
    ----------
    frames
        None for no frames.
    sound
        None for no sound.
    """

    frames: Sampling | None = None
    sound: AudioSampling | None = None
