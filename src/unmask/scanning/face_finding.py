"""From a sampled frame to the faces on it, each cut and measured: what a scan's threads do first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from unmask.detectors import Card
    from unmask.faces import Effort, Face, UprightView
    from unmask.media import Frame
    from unmask.report import FrameView
    from unmask.scanning.loading import Loading
    from unmask.scanning.observations import FaceObservation, SampledFrame
    from unmask.scanning.settings import ScanOptions

MAX_CROPS_KEPT = 4096
BREAK_MARGIN = 0.1  # Of a face's side: nearer to where a picture breaks off, part of the face may be missing.


def find_and_cut(
    frame: Frame, loading: Loading, options: ScanOptions, planned: int, effort: Effort
) -> SampledFrame:
    """Find the faces of a frame, cut and measure those that count.

    Parameters
    ----------
    frame
        As sampled.
    loading
        The face finder and the detector's card are waited for where they are needed.
    options
        Bound the faces of a frame.
    planned
        Maximum number of frames of the file, which share a search budget.
    effort
        How thoroughly to search.
    """
    from unmask.faces import cut_faces, scene_of, search, search_budget
    from unmask.scanning.observations import SampledFrame

    image, left, top = _present_part(frame)
    scene = scene_of(image)  # While the face finder is loaded.
    view = _view_of(frame) if options.evidence else None
    finder = loading.finder.result()
    found = search(finder, image, effort, search_budget(planned))
    large, faces = _largest(found.faces, options, planned)
    whole = [face for face in faces if not _is_halved(face, frame)]
    observe = partial(_observe, frame.time, (left, top), loading.card.result())
    cut = cut_faces(image, whole, finder, observe, scene)
    cut = replace(cut, faces=[observation.face for observation in cut.kept])
    return SampledFrame(frame.time, cut, view, found, large - len(faces), len(faces) - len(whole))


def _view_of(frame: Frame) -> FrameView:
    from unmask.scanning.evidence import view_of

    return view_of(frame)


def _observe(
    time: float, corner: tuple[int, int], card: Card, face: Face, view: UprightView
) -> FaceObservation:
    """Cut and measure a face where it stands upright; corner : where the searched image lies in the frame."""
    from unmask.faces import cut, measure, profile
    from unmask.scanning.observations import FaceObservation

    shown = view.face
    return FaceObservation(
        time,
        face.moved(*corner),
        cut(view.image, shown.box, profile(card.crop_profile), size=card.input_size),
        measure(view.image, shown.box, shown.landmarks, shown.confidence, _side(face)),
    )


def _largest(faces: Sequence[Face], options: ScanOptions, planned: int) -> tuple[int, list[Face]]:
    """Leave out specks, and beyond the maximum the smallest faces; order stays. Counts those that are no specks."""
    bound = min(options.faces, MAX_CROPS_KEPT // planned)
    large = [face for face in faces if _side(face) >= options.minimum_face]
    kept = {id(face) for face in sorted(large, key=_side, reverse=True)[:bound]}
    return len(large), [face for face in large if id(face) in kept]


def _present_part(frame: Frame) -> tuple[np.ndarray, int, int]:
    """Return the part of a picture that was decoded, and where its corner lies: filler is not searched."""
    if frame.present is None:
        return frame.image, 0, 0
    x0, y0, x1, y1 = frame.present
    return frame.image[y0:y1, x0:x1], x0, y0


def _is_halved(face: Face, frame: Frame) -> bool:
    """Return whether a face in the decoded part reaches to where the picture breaks off."""
    if frame.present is None:
        return False
    x0, y0, x1, y1 = frame.present
    height, width = frame.image.shape[:2]
    left, top, right, bottom = face.box
    near = BREAK_MARGIN * _side(face)
    return bool(
        (x0 > 0 and left < near)
        or (y0 > 0 and top < near)
        or (x1 < width and right > x1 - x0 - near)
        or (y1 < height and bottom > y1 - y0 - near)
    )


def _side(face: Face) -> float:
    x0, y0, x1, y1 = face.box
    return float(max(x1 - x0, y1 - y0))
