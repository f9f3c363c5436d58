"""Links the faces of successive frames into tracks, one a person."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unmask.faces.face import Box, Face
from unmask.faces.scenes import is_cut

if TYPE_CHECKING:
    import numpy as np

_MAX_SIZE_RATIO = 2.0  # A face whose side grows or shrinks more between two frames is taken for another one.
_REACH = 1.5  # How far a face may move within a scene from one frame to the next, in its sides.
_MAX_GAP = 3  # Frames in a row that a face may be missing within its track.
_GAP_COST = 0.1  # What each missed frame adds to the distance: of two equal matches the fresher track wins.


@dataclass(frozen=True, eq=False)
class Track:
    """One person's faces over the frames.

    Parameters
    ----------
    id
        From 0, in order of first appearance, from left to right within a frame.
    faces
        (place in the frame sequence, face), ascending; at most one face a frame, and frames can be missing.
    """

    id: int
    faces: list[tuple[int, Face]]


def link(
    faces_per_frame: Sequence[Sequence[Face]],
    scenes: Sequence[np.ndarray] | None = None,
    cuts: Collection[int] = (),
) -> list[Track]:
    """Link faces into tracks by place and size; the closest pairs first, whatever the order of the faces.

    Sampled frames can be more than a second apart. With scenes given, a face may move up to one and a half times
    its side from one frame to the next, and every track ends at a cut. Without them only boxes that overlap are
    joined, which most cuts forbid.

    Parameters
    ----------
    faces_per_frame
        The faces of each frame, in any order within a frame.
    scenes
        ``scene_of`` each frame.
    cuts
        Places of frames at which another recording begins: every track ends before them.

    Returns
    -------
    list of Track
        Every face is in exactly one track.
    """
    if scenes is not None and len(scenes) != len(faces_per_frame):
        raise ValueError(f"{len(scenes)} scenes for {len(faces_per_frame)} frames")
    tracks: list[list[tuple[int, Face]]] = []
    scene_start = 0
    for place, faces in enumerate(faces_per_frame):
        if place in cuts or (scenes is not None and place and is_cut(scenes[place - 1], scenes[place])):
            scene_start = place
        earliest = max(scene_start, place - _MAX_GAP - 1)
        alive = [track for track in tracks if track[-1][0] >= earliest]
        waiting = sorted(faces, key=lambda face: face.box)
        for track, face in _matches(alive, waiting, place, overlap_needed=scenes is None):
            track.append((place, face))
            waiting = [other for other in waiting if other is not face]
        tracks.extend([(place, face)] for face in waiting)
    return [Track(number, track) for number, track in enumerate(tracks)]


def main_track(tracks: Sequence[Track]) -> Track:
    """Return the face seen in most frames; of several, the largest on average.

    Parameters
    ----------
    tracks
        At least one.
    """
    return max(tracks, key=lambda track: (len(track.faces), _mean_area(track)))


def _mean_area(track: Track) -> float:
    boxes = [face.box for _, face in track.faces]
    return sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) / len(boxes)


def _matches(
    tracks: list[list[tuple[int, Face]]], faces: list[Face], place: int, overlap_needed: bool
) -> list[tuple[list[tuple[int, Face]], Face]]:
    """Pair tracks with faces, the closest first, each at most once."""
    pairs = []
    for number, track in enumerate(tracks):
        last_place, last = track[-1]
        for face in faces:
            cost = _distance(last.box, face.box)
            if cost is not None and (_overlap(last.box, face.box) or not overlap_needed):
                pairs.append((cost + _GAP_COST * (place - last_place - 1), number, face))
    pairs.sort(key=lambda pair: (pair[0], pair[1], pair[2].box))
    matches = []
    taken_tracks: set[int] = set()
    taken_faces: set[int] = set()
    for _, number, face in pairs:
        if number not in taken_tracks and id(face) not in taken_faces:
            taken_tracks.add(number)
            taken_faces.add(id(face))
            matches.append((tracks[number], face))
    return matches


def _distance(a: Box, b: Box) -> float | None:
    """Return the distance of two boxes, in sides plus the logarithm of their size ratio; None if too far."""
    side_a, side_b = _side(a), _side(b)
    ratio = max(side_a, side_b) / min(side_a, side_b)
    apart = math.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]) / 2
    apart /= math.sqrt(side_a * side_b)
    return None if ratio > _MAX_SIZE_RATIO or apart > _REACH else apart + math.log(ratio)


def _overlap(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])
