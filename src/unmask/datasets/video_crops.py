"""From one video to the crops of one person: sample frames, find faces, follow the one seen most, cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from unmask.faces import (
    CropProfile,
    Face,
    FaceFinder,
    FrameFaces,
    UprightView,
    cut,
    cut_faces,
    follow_main_face,
)
from unmask.faces.face import Box
from unmask.media import IMAGE_ENDINGS, Frame, MediaError, open_isolated, spread
from unmask.report import Status

CONTEXT = CropProfile("generous", scale=2.0)
"""Twice the face box: every named crop profile can be cut from it."""

LARGEST = 8
"""Faces followed on one frame, the largest: bounds the memory that a crowd takes."""


@dataclass(frozen=True)
class CropOptions:
    """What is cut from each video.

    Parameters
    ----------
    frames
        Sampled evenly over it, 1 to 1024.
    size
        Greatest side of a crop in pixels, at least 16; smaller faces are not enlarged.
    minimum_face
        Longer side of a face box, in pixels, from which a face is followed.
    """

    frames: int = 32
    size: int = 384
    minimum_face: float = 20.0

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= 1024 or self.size < 16 or self.minimum_face < 1:
            raise ValueError("frames must be 1 to 1024, size at least 16, minimum_face at least 1")


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """One crop.

    Parameters
    ----------
    frame
        Number of the sampled frame.
    time
        Seconds; None in a folder of frames.
    image
        (S, S, 3) uint8 RGB.
    box
        In pixels of the crop.
    landmarks
        (5, 2) in pixels of the crop.
    face_px
        Longer side of the face box in the original, in pixels.
    """

    frame: int
    time: float | None
    image: np.ndarray
    box: Box
    landmarks: np.ndarray
    face_px: float
    confidence: float


@dataclass(frozen=True)
class VideoCrops:
    """The crops of one video.

    Parameters
    ----------
    status
        ok when there are crops.
    crops
        In order of time.
    frames
        Number that were decoded.
    detail
        One line on what went wrong.
    """

    status: Status
    crops: tuple[FaceCrop, ...] = ()
    frames: int = 0
    detail: str = ""


def cut_video(path: Path, options: CropOptions, finder: FaceFinder) -> VideoCrops:
    """Cut the face that is seen in most frames of a video, an image or a folder of frames.

    A video of which only the beginning can be decoded gives what it has, with a detail; what cannot be read at
    all gives a status. Nothing about the file raises.

    Parameters
    ----------
    path
        Of the file or folder.
    options
        What is cut.
    finder
        Finds faces.
    """
    # Not by `evidence.find_faces` and its extractors, though both share `faces.following`: a scan searches large
    # pictures closer, in tiles, and cuts to the one size that a detector reads, so other faces and other pixels would
    # be written. A crop here is a face with its surroundings, as large as in the picture, for any detector to cut from.
    frames: list[FrameFaces[FaceCrop]] = []
    detail = ""
    try:
        for frame in _frames(path, options.frames):
            found = _largest(finder.find(frame.image), options.minimum_face)
            crop = partial(_crop, frame, limit=options.size, timed=not path.is_dir())
            frames.append(cut_faces(frame.image, found, finder, crop))
    except MediaError as error:
        if not frames:
            return VideoCrops(error.status, detail=error.detail)
        detail = f"only in part: {error.detail}"
    if not frames:
        return VideoCrops("unreadable", detail="no frame could be decoded")
    crops = tuple(followed.kept for followed in follow_main_face(frames))
    return VideoCrops("ok" if crops else "no_face", crops, len(frames), detail)


def _largest(faces: list[Face], minimum: float) -> list[Face]:
    return sorted((face for face in faces if _side(face) >= minimum), key=_side, reverse=True)[:LARGEST]


def _side(face: Face) -> float:
    x0, y0, x1, y1 = face.box
    return max(x1 - x0, y1 - y0)


def _crop(frame: Frame, found: Face, view: UprightView, limit: int, timed: bool) -> FaceCrop:
    face = view.face
    left, top, right, _ = CONTEXT.square(face.box)
    size = max(1, min(limit, int(right - left)))
    scale = size / (right - left)
    x0, y0, x1, y1 = face.box
    return FaceCrop(
        frame.index,
        frame.time if timed else None,
        cut(view.image, face.box, CONTEXT, size),
        ((x0 - left) * scale, (y0 - top) * scale, (x1 - left) * scale, (y1 - top) * scale),
        ((face.landmarks - (left, top)) * scale).astype(np.float32),
        _side(face),
        face.confidence,
    )


def _frames(path: Path, count: int) -> Iterator[Frame]:
    """Sample a video or a folder, decoded in a process of its own."""
    if path.is_dir():
        yield from _frames_of_folder(path, count)
        return
    with open_isolated(path) as media:
        yield from media.sample(count)


def _frames_of_folder(path: Path, count: int) -> Iterator[Frame]:
    """Sample images in the order of the numbers in their names; those that cannot be read are passed over."""
    names = sorted(
        (name for name in path.iterdir() if name.suffix.lower() in IMAGE_ENDINGS),
        key=lambda name: ([int(number) for number in re.findall(r"\d+", name.stem)], name.name),
    )
    for index, place in enumerate(spread(len(names), count)):
        with suppress(MediaError):
            yield Frame(index, float(place), _image(names[place]))


def _image(path: Path) -> np.ndarray:
    with open_isolated(path) as media:
        # Read to its end: a sampling that is broken off ends the decoding process.
        [frame] = media.sample(1)
    return frame.image
