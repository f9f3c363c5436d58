"""What a verdict can be checked by: pictures of sampled frames, maps of each shown face, facts of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import methodcaller
from typing import Annotated

import numpy as np

from unmask.media import Credentials, FileFacts
from unmask.report.codec import OMITTED, Box, Count, Part, Probability, Seconds, Written
from unmask.report.sound import SoundFacts

_JSON_SIDE = 14
_MAP = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "array", "minItems": 1, "items": {"type": "number"}},
}

_CURVES = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": "number"}},
}


def rows_of(values: np.ndarray) -> list[list[float]]:
    """Return a map as rows from the top, each from the left, to three decimal places.

    Parameters
    ----------
    values
        (h, w).
    """
    return [[round(float(value), 3) for value in row] for row in values]


def _rows_of_average(values: np.ndarray) -> list[list[float]]:
    """Return a map (h, w) as rows, averaged to at most 14 x 14."""
    from PIL import Image  # Here, so that a scan without a report starts without Pillow.

    size = (min(_JSON_SIDE, values.shape[1]), min(_JSON_SIDE, values.shape[0]))
    return rows_of(np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX)))


@dataclass(frozen=True)
class FrameView:
    """A sampled frame, small.

    Parameters
    ----------
    time
        Seconds.
    width, height
        Of the upright frame, in pixels.
    picture
        JPEG.
    """

    time: float
    width: int
    height: int
    picture: bytes


@dataclass(frozen=True)
class PartEvidence(Part):
    """One part of a face on a shown frame.

    Parameters
    ----------
    name
        In plain words; left and right as the picture shows them.
    x, y
        Where it lies, from the left and the top, in sides of the square that the crop shows.
    visible
        Confidence that it can be seen; 0.5 for the mean of real faces.
    share
        Of what speaks for manipulation in the map: that which lies nearer to this part than to the others; None where
        the map is missing or empty.
    """

    name: str
    x: Probability
    y: Probability
    visible: Probability
    share: Probability | None = None


@dataclass(frozen=True, eq=False)
class FaceEvidence(Part):
    """One face on one shown frame, and the detector's maps of it: hints where to look, no proof.

    Parameters
    ----------
    track, time
        Of the observation in ``ScanResult.tracks``.
    square
        [x0, y0, x1, y1] that the crop and the maps show, pixels of the upright frame.
    crop, reconstruction
        JPEG.
    patch_logits
        The classifier's raw logit of each place alone, (h, w) float32; None when the detector has none.
    blend_mask
        Where the face seems to be blended, (h, w) float32 in [0, 1], in JSON averaged to at most 14 x 14; None when the
        detector has none.
    error_map
        Difference from the reconstruction, (h, w) float32 in [0, 1], in JSON averaged to at most 14 x 14; None when the
        detector has none.
    parts
        Of the face; empty when the detector finds none.
    """

    track: Count
    time: Seconds
    square: Box
    crop: Annotated[bytes, OMITTED]
    patch_logits: Annotated[np.ndarray, Written(rows_of, _MAP)] | None = None
    reconstruction: Annotated[bytes | None, OMITTED] = None
    error_map: Annotated[np.ndarray, Written(_rows_of_average, _MAP)] | None = None
    blend_mask: Annotated[np.ndarray, Written(_rows_of_average, _MAP)] | None = None
    parts: tuple[PartEvidence, ...] = ()


def _rounded(curves: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    return {name: [round(float(value), 3) for value in curve] for name, curve in curves.items()}


@dataclass(frozen=True, eq=False)
class ClipEvidence(Part):
    """What a detector of clips or of sound saw and heard over the time of one window.

    Parameters
    ----------
    detector
        Its name.
    subject
        Id of the opinion's subject.
    start, end
        Seconds from the start of the file.
    curves
        By the names of the detector's outputs, (L,) each, evenly over the window.
    """

    detector: str
    subject: Count
    start: Seconds
    end: Seconds
    curves: Annotated[Mapping[str, np.ndarray], Written(_rounded, _CURVES)]


@dataclass(frozen=True)
class Evidence(Part):
    """What was gathered of one file.

    Parameters
    ----------
    frames
        The sampled frames as pictures.
    faces
        The shown faces with their maps.
    file
        Technical facts; None when they could not be read.
    credentials
        Content credentials (C2PA), checked offline; None when they were not searched for.
    sound
        Facts of the sound; None for a file without any.
    clips
        Windows of detectors of clips and of sound, with their curves.
    """

    frames: Annotated[tuple[FrameView, ...], OMITTED] = ()
    faces: tuple[FaceEvidence, ...] = ()
    file: Annotated[FileFacts, Written(methodcaller("to_dict"), FileFacts)] | None = None
    credentials: Annotated[Credentials, Written(methodcaller("to_dict"), Credentials)] | None = None
    sound: SoundFacts | None = None
    clips: tuple[ClipEvidence, ...] = ()
