"""What a face finder gives, and what it has to offer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

Box = tuple[float, float, float, float]

Effort = Literal["thorough", "sparing", "quick"]
"""How to search a frame for faces.

``"quick"``: the whole frame at once, reduced. ``"sparing"``: closer where that finds no face or only small ones.
``"thorough"``: closer there, and in large frames always.
"""


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one frame.

    Parameters
    ----------
    box
        (x0, y0, x1, y1) in pixels of the frame, from brow to chin and ear to ear; it reaches beyond the frame
        where the frame's border cuts the face.
    confidence
        In [0, 1].
    landmarks
        (5, 2) float32, x and y in pixels: the eye, then the other, nose tip, the mouth's two corners, each
        pair from left to right in the picture.
    """

    box: Box
    confidence: float
    landmarks: np.ndarray

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box
        if not (x1 > x0 and y1 > y0):
            raise ValueError(f"a face box must have an area, not {self.box}")
        if self.landmarks.shape != (5, 2):
            raise ValueError(f"landmarks must be (5, 2), not {self.landmarks.shape}")

    def moved(self, right: float, down: float) -> Face:
        """Return the face in pixels of the larger frame of which its picture is a part.

        Parameters
        ----------
        right, down
            Position of the part's upper left corner in that frame, in pixels.
        """
        if not (right or down):
            return self
        x0, y0, x1, y1 = self.box
        box = (x0 + right, y0 + down, x1 + right, y1 + down)
        shift = [[right, down]] * 5
        return replace(self, box=box, landmarks=(self.landmarks + shift).astype(self.landmarks.dtype))

    def scaled(self, factor: float) -> Face:
        """Return the face in pixels of a frame that is larger by a factor.

        Parameters
        ----------
        factor
            Above 0.
        """
        if factor == 1:
            return self
        x0, y0, x1, y1 = (factor * value for value in self.box)
        return replace(
            self, box=(x0, y0, x1, y1), landmarks=(self.landmarks * factor).astype(self.landmarks.dtype)
        )


class FaceFinder(Protocol):
    """Finds faces in one frame."""

    def find(self, image: np.ndarray) -> list[Face]:
        """Find the faces of a frame.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB.

        Returns
        -------
        list of Face
            Most confident first.
        """
        ...


@dataclass(frozen=True)
class FaceSearch:
    """The faces that were found in one frame.

    Parameters
    ----------
    faces
        Most confident first.
    smallest
        Longer side in pixels of the frame from which faces are found reliably; None where the finder does not say.
    closer
        Whether the frame called for a closer search.
    bounded
        Whether smaller faces would have been searched for, had the search been allowed to cost more.
    """

    faces: list[Face]
    smallest: float | None = None
    closer: bool = False
    bounded: bool = False


@runtime_checkable
class CloserFaceFinder(FaceFinder, Protocol):
    """Finds faces in one frame, with more or less effort."""

    def search(self, image: np.ndarray, effort: Effort = ..., budget: float = ...) -> FaceSearch:
        """Find the faces of a frame.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB.
        effort
            How closely to search.
        budget
            Upper bound of what a closer search reads, in pixels of the finder's input.
        """
        ...


def search(finder: FaceFinder, image: np.ndarray, effort: Effort, budget: float) -> FaceSearch:
    """Search a frame with any finder; one without a closer search finds as it does.

    Parameters
    ----------
    finder
        Finds the faces.
    image
        (H, W, 3) uint8 RGB.
    effort, budget
        As in `CloserFaceFinder.search`.
    """
    if isinstance(finder, CloserFaceFinder):
        return finder.search(image, effort, budget)
    return FaceSearch(list(finder.find(image)))
