"""Crops of single faces."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unmask.detectors import FaceCrops
from unmask.evidence.extractor import Extractor
from unmask.evidence.patches import patches_of
from unmask.evidence.subjects import followed_faces
from unmask.evidence.units import Moment, Patch, Place, Subject, Unit, Wanted
from unmask.faces import UprightView, cut, profile

if TYPE_CHECKING:
    from unmask.evidence.found_faces import FoundFace, FoundFaces
    from unmask.media import AudioChunk, Frame, MediaInfo, Sampling


@dataclass(frozen=True)
class FaceCropExtractor(Extractor):
    """Cut every face out of a frame.

    Parameters
    ----------
    spec
        How faces are cut.
    keeps_patches
        Whether units keep the pixels around their faces.
    """

    spec: FaceCrops
    keeps_patches: bool = False

    def wants(self, info: MediaInfo, planned: Sequence[Sampling], sampling_pass: int) -> Wanted | None:
        """Return the scan's own frames."""
        return Wanted(planned[sampling_pass]) if sampling_pass < len(planned) else None

    def searched(self, frames: int) -> Sequence[int]:
        """Return the first frame."""
        return (0,)

    def extract(
        self, frames: Sequence[Frame], sound: Sequence[AudioChunk], found: Sequence[FoundFaces] = ()
    ) -> Moment:
        """Return the crops of one frame's faces."""
        time, faces = frames[0].time, found[0].faces
        patches = patches_of(faces, self.spec) if self.keeps_patches else [None] * len(faces)
        units = (self._unit(time, face, patch) for face, patch in zip(faces, patches, strict=True))
        return Moment(time, tuple(units), found[0].scene)

    def subjects(self, moments: Sequence[Moment], cuts: Collection[int] = ()) -> list[Subject]:
        """Return the faces, each followed over the frames."""
        return followed_faces(moments, cuts)

    def crop(self, view: UprightView) -> NDArray[np.uint8]:
        """Cut one face, (size, size, 3) uint8 RGB.

        Parameters
        ----------
        view
            A picture on which the face stands upright.
        """
        return cut(view.image, view.face.box, profile(self.spec.crop_profile), self.spec.size)

    def crop_of(self, patch: Patch) -> NDArray[np.uint8]:
        """Cut a face, (size, size, 3) uint8 RGB, out of the pixels around it.

        Parameters
        ----------
        patch
            These pixels, and the face's box on them.
        """
        return cut(patch.image, patch.box, profile(self.spec.crop_profile), self.spec.size)

    def _unit(self, time: float, found: FoundFace, patch: Patch | None) -> Unit:
        place = Place(time, time, found.face.box)
        return Unit(place, {"crops": self.crop(found.view)}, found.quality.to_dict(), found.face, patch)
