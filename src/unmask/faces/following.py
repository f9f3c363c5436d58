"""Follows faces over sampled frames: what is cut of each face on each frame, in one track a person.

A frame is let go of as soon as its faces are cut, since frames are large and crops are small; faces are linked when
all frames were seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from unmask.faces.face import Face, FaceFinder
from unmask.faces.scenes import scene_of
from unmask.faces.tracks import Track, link, main_track
from unmask.faces.upright import UprightView, set_upright

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class FrameFaces(Generic[T]):
    """The faces of one frame, and what is kept of each.

    Parameters
    ----------
    faces
        In pixels of the frame, in any order.
    kept
        What the caller keeps of each face, such as its crop; in the order of the faces.
    scene
        ``scene_of`` the frame.
    """

    faces: Sequence[Face]
    kept: Sequence[T]
    scene: np.ndarray


@dataclass(frozen=True, eq=False)
class FollowedFace(Generic[T]):
    """A person's face on one frame.

    Parameters
    ----------
    place
        Of the frame in the sequence of frames, from 0.
    face
        As found there.
    kept
        What was kept of it.
    """

    place: int
    face: Face
    kept: T


def cut_faces(
    image: np.ndarray,
    faces: Sequence[Face],
    finder: FaceFinder,
    cut: Callable[[Face, UprightView], T],
    scene: np.ndarray | None = None,
) -> FrameFaces[T]:
    """Set each face of a frame upright and keep what is cut of it.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    faces
        As found on it.
    finder
        Finds turned faces again; see ``set_upright``.
    cut
        Returns what to keep of a face, given as it was found, and the picture on which it stands upright.
    scene
        ``scene_of`` the frame, where the caller has it already.
    """
    kept = [cut(face, set_upright(image, face, finder)) for face in faces]
    return FrameFaces(faces, kept, scene_of(image) if scene is None else scene)


def follow(frames: Sequence[FrameFaces[T]], cuts: Collection[int] = ()) -> list[list[FollowedFace[T]]]:
    """Link faces over frames into tracks, one a person; see ``link``.

    Parameters
    ----------
    frames
        In order of time.
    cuts
        Places of frames at which another recording begins.

    Returns
    -------
    list of list of FollowedFace
        The tracks in order of first appearance; each ascending in time, with at most one face a frame.
    """
    return [_followed(track, frames) for track in _linked(frames, cuts)]


def follow_main_face(frames: Sequence[FrameFaces[T]]) -> list[FollowedFace[T]]:
    """Return the track of the face seen in most frames, of several the largest; empty where there is no face.

    Parameters
    ----------
    frames
        In order of time.
    """
    tracks = _linked(frames)
    return _followed(main_track(tracks), frames) if tracks else []


def _linked(frames: Sequence[FrameFaces[T]], cuts: Collection[int] = ()) -> list[Track]:
    return link([frame.faces for frame in frames], [frame.scene for frame in frames], cuts=cuts)


def _followed(track: Track, frames: Sequence[FrameFaces[T]]) -> list[FollowedFace[T]]:
    return [FollowedFace(place, face, _kept_of(face, frames[place])) for place, face in track.faces]


def _kept_of(face: Face, frame: FrameFaces[T]) -> T:
    return next(kept for other, kept in zip(frame.faces, frame.kept, strict=True) if other is face)
