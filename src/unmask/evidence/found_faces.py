"""The faces of one sampled frame, found once for every extractor that reads faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unmask.faces import (
    Face,
    FaceFinder,
    FaceQuality,
    FaceSearch,
    UprightView,
    cut_faces,
    measure,
    outside_share_of,
    scene_of,
    search,
)

if TYPE_CHECKING:
    from unmask.faces import Effort
    from unmask.media import Frame

BREAK_MARGIN = 0.1  # Of a face's side: nearer to where a picture breaks off, part of the face may be missing.


@dataclass(frozen=True)
class SearchOptions:
    """How a frame is searched for faces, and which of them count.

    Parameters
    ----------
    effort
        How thoroughly to search.
    budget
        What a closer search may cost, in pixels of the finder's input.
    minimum_face
        Longer side in pixels from which a face counts.
    faces
        Maximum number of faces, the largest first.
    """

    effort: Effort
    budget: float
    minimum_face: float = 20.0
    faces: int = 64


@dataclass(frozen=True, eq=False)
class FoundFace:
    """One face of a frame.

    Parameters
    ----------
    face
        In pixels of the frame.
    view
        A picture on which it stands upright.
    quality
        Measured on the view.
    """

    face: Face
    view: UprightView
    quality: FaceQuality


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """The faces of one frame.

    Parameters
    ----------
    faces
        Those that count.
    scene
        ``scene_of`` the frame.
    search
        What the face finder made of it.
    left_out
        Number of faces beyond the maximum.
    halved
        Number of faces left out because the picture breaks off there.
    """

    faces: tuple[FoundFace, ...]
    scene: NDArray[np.float32]
    search: FaceSearch
    left_out: int = 0
    halved: int = 0


def find_faces(frame: Frame, finder: Callable[[], FaceFinder], options: SearchOptions) -> FoundFaces:
    """Find the faces of a frame, and set upright and measure those that count.

    Parameters
    ----------
    frame
        As sampled.
    finder
        Returns the face finder, which may still be loading.
    options
        How to search, and what counts.
    """
    image, left, top = present_part(frame)
    scene = scene_of(image)  # While the face finder is loaded.
    loaded = finder()
    found = search(loaded, image, options.effort, options.budget)
    large = [face for face in found.faces if _side_of(face) >= options.minimum_face]
    counted = _largest(large, options.faces)
    whole = [face for face in counted if not _is_halved(face, frame)]
    cut = cut_faces(image, whole, loaded, partial(_measured, frame, (left, top)), scene)
    return FoundFaces(tuple(cut.kept), scene, found, len(large) - len(counted), len(counted) - len(whole))


def _side_of(face: Face) -> float:
    """Return the longer side of a face box in pixels."""
    x0, y0, x1, y1 = face.box
    return float(max(x1 - x0, y1 - y0))


def present_part(frame: Frame) -> tuple[NDArray[np.uint8], int, int]:
    """Return the decoded part of a picture, and where its corner (left, top) lies: filler is not searched.

    Parameters
    ----------
    frame
        As sampled.
    """
    if frame.present is None:
        return frame.image, 0, 0
    x0, y0, x1, y1 = frame.present
    return frame.image[y0:y1, x0:x1], x0, y0


def _measured(frame: Frame, corner: tuple[int, int], face: Face, view: UprightView) -> FoundFace:
    shown, placed = view.face, face.moved(*corner)
    height, width = frame.image.shape[:2]
    outside = outside_share_of(placed.box, width, height)
    quality = measure(view.image, shown.box, shown.landmarks, shown.confidence, _side_of(face), outside)
    return FoundFace(placed, view, quality)


def _largest(faces: Sequence[Face], maximum: int) -> list[Face]:
    """Leave out the smallest faces beyond the maximum; order stays."""
    kept = {id(face) for face in sorted(faces, key=_side_of, reverse=True)[:maximum]}
    return [face for face in faces if id(face) in kept]


def _is_halved(face: Face, frame: Frame) -> bool:
    """Return whether a face in the decoded part reaches to where the picture breaks off."""
    if frame.present is None:
        return False
    x0, y0, x1, y1 = frame.present
    height, width = frame.image.shape[:2]
    left, top, right, bottom = face.box
    near = BREAK_MARGIN * _side_of(face)
    return bool(
        (x0 > 0 and left < near)
        or (y0 > 0 and top < near)
        or (x1 < width and right > x1 - x0 - near)
        or (y1 < height and bottom > y1 - y0 - near)
    )
