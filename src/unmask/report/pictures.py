"""The pictures of the report: sampled frames with the places of their labels, and shown faces with their maps."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from functools import cache

import numpy as np

from unmask.report import heatmaps
from unmask.report.coverage_view import frames_were_searched
from unmask.report.evidence import FaceEvidence, FrameView
from unmask.report.face_view import FaceAtMoment, Moment
from unmask.report.result import ScanResult
from unmask.report.said import Level, level_of
from unmask.report.words import clock, percent

MOST_PICTURES = 48
BLEND_CAPTION = "Where a blend seems to lie"
_MOST_SCORES = 3
_HARDLY_ANYTHING = 0.1
_LEAST_SHARE = 0.1
HARDLY_VISIBLE = 0.05
"""Confidence below which a part is called hardly visible."""


@dataclass(frozen=True)
class FaceBox:
    """A face's box on a frame and its label, in pixels of the frame.

    Parameters
    ----------
    stroke
        (outline, line) widths.
    """

    kind: str
    left: float
    top: float
    width: float
    height: float
    stroke: tuple[float, float]
    label: str
    label_left: float
    label_top: float
    label_width: float
    label_height: float
    text_left: float
    text_top: float
    text_size: float


@dataclass(frozen=True)
class FramePicture:
    """A sampled frame.

    Parameters
    ----------
    address
        Of the picture itself, as a data URL.
    """

    address: str
    width: int
    height: int
    caption: str
    boxes: tuple[FaceBox, ...]


@dataclass(frozen=True)
class Figure:
    """A picture of 224 x 224 with what it shows in a few words and in full."""

    address: str
    caption: str
    description: str


@dataclass(frozen=True)
class ShownFrame:
    """One face on one sampled frame with its maps.

    Parameters
    ----------
    clock
        Empty for an image.
    parts
        What the map says of the parts of the face, and which of them can hardly be seen; empty for nothing.
    """

    clock: str
    level: Level
    figures: tuple[Figure, ...]
    parts: str


def frame_pictures(result: ScanResult, moments: tuple[Moment, ...]) -> list[FramePicture]:
    """Return the sampled frames as pictures with boxes, at most 48 spread evenly.

    Parameters
    ----------
    result
        Of the scan, with its evidence.
    moments
        Of `moments_of`.
    """
    views = result.evidence.frames if result.evidence else ()
    if len(views) > MOST_PICTURES:
        step = len(views) / MOST_PICTURES
        views = tuple(views[int((k + 0.5) * step)] for k in range(MOST_PICTURES))
    faces = {moment.time: moment.faces for moment in moments}
    without = "no face" if frames_were_searched(result) else "not searched for faces"
    return [
        _frame(view, faces.get(round(view.time, 3), ()), result.kind == "video", without) for view in views
    ]


def shown_frames(result: ScanResult, threshold: float | None) -> dict[int, list[ShownFrame]]:
    """Return the frames that are shown of each face, by the face's id.

    Parameters
    ----------
    result
        Of the scan, with its evidence.
    threshold
        Of the detector; None where there is none.
    """
    scores = {(track.id, frame.time): frame.score for track in result.tracks for frame in track.frames}
    shown: dict[int, list[ShownFrame]] = {}
    for one in result.evidence.faces if result.evidence else ():
        level = level_of(scores[one.track, one.time], threshold)
        when = clock(one.time) if result.kind == "video" else ""
        shown.setdefault(one.track, []).append(ShownFrame(when, level, _figures(one), parts_in_words(one)))
    return shown


def _address_of(picture: bytes, kind: str = "jpeg") -> str:
    """Return a picture as an address that carries the picture itself."""
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode("ascii")


@cache
def scale_address() -> str:
    """Return the scale of the maps' colours as a picture, weak to strong."""
    from PIL import Image  # Here, so that a scan without a report starts without Pillow.

    buffer = io.BytesIO()
    Image.fromarray(heatmaps.scale_bar()).save(buffer, "PNG")
    return _address_of(buffer.getvalue(), "png")


def _frame(view: FrameView, faces: tuple[FaceAtMoment, ...], video: bool, without: str) -> FramePicture:
    scores = (
        len(faces) <= _MOST_SCORES
    )  # Beyond these the labels would cover each other; the caption has them.
    told = ", ".join(f"{face.name}: {face.level.text}" for face in faces) or without
    return FramePicture(
        _address_of(view.picture),
        view.width,
        view.height,
        f"{clock(view.time)}: {told}" if video else told,
        tuple(_box(face, view, scores) for face in faces),
    )


def _box(face: FaceAtMoment, view: FrameView, score: bool) -> FaceBox:
    x0, y0, x1, y1 = face.box
    unit = max(view.width, view.height) / 100
    label = f"{face.id + 1}: {face.level.text}" if score else f"{face.id + 1}"
    height, width = 5 * unit, (len(label) * 2.35 + 1.5) * unit
    top = y0 - height if y0 >= height else min(y1, view.height - height)
    left = min(max(0.0, x0), max(0.0, view.width - width))
    kind = "below" if face.level.kind == "plain" else face.level.kind
    place = (x0, y0, x1 - x0, y1 - y0)
    text = (left + 0.7 * unit, top + 3.8 * unit, 4 * unit)
    return FaceBox(kind, *place, (1.3 * unit, 0.7 * unit), label, left, top, width, height, *text)


def _figures(one: FaceEvidence) -> tuple[Figure, ...]:
    """Return the face, and what the detector returns: the rebuilt face, where they differ, where the signs are."""
    from PIL import Image  # Here, so that a scan without a report starts without Pillow.

    crop = np.asarray(Image.open(io.BytesIO(one.crop)))
    figures = [Figure(_address_of(one.crop), "The face", "The face as the detector sees it")]
    if one.reconstruction is not None:
        rebuilt = _address_of(one.reconstruction)
        figures.append(Figure(rebuilt, "Rebuilt", "The face as the decoder rebuilds it"))
    if one.error_map is not None:
        strength = heatmaps.strength_of_errors(one.error_map)
        told = (
            f"Difference between face and rebuilt face: {one.error_map.mean():.2f} on average, "
            f"strongest at {heatmaps.strongest_place(strength)}"
        )
        figures.append(Figure(_map(crop, strength), "Differs from the rebuilt face", told))
    if one.blend_mask is not None:
        where = f"most at {heatmaps.strongest_place(one.blend_mask)}"
        told = where if one.blend_mask.max() > _HARDLY_ANYTHING else "hardly anywhere"
        text = f"Where the blend seems to lie, if there is one: {told}"
        figures.append(Figure(_map(crop, one.blend_mask), BLEND_CAPTION, text))
    elif one.patch_logits is not None:
        strength = heatmaps.strength_of_patches(one.patch_logits)
        where = f"most at {heatmaps.strongest_place(strength)}"
        told = where if strength.max() > _HARDLY_ANYTHING else "hardly anything"
        hint = Figure(_map(crop, strength), "A hint of manipulation", f"What speaks for manipulation: {told}")
        figures.append(hint)
    return tuple(figures)


def parts_in_words(one: FaceEvidence) -> str:
    """Return which parts of a face the map is about and which can hardly be seen, as sentences; empty for neither.

    Parameters
    ----------
    one
        A shown face.
    """
    seen: dict[str, float] = {}
    shares: dict[str, float] = {}
    for part in one.parts:
        seen[part.name] = max(seen.get(part.name, 0.0), part.visible)
        shares[part.name] = shares.get(part.name, 0.0) + (part.share or 0.0)
    hidden = [name for name, visible in seen.items() if visible < HARDLY_VISIBLE]
    if 2 * len(hidden) > len(seen):
        return "Most parts of the face can hardly be seen."
    shown = one.blend_mask
    if shown is None and one.patch_logits is not None:
        shown = heatmaps.strength_of_patches(one.patch_logits)
    if shown is None or shown.max() <= _HARDLY_ANYTHING:
        shares = {}
    told = [name for name in sorted(shares, key=lambda name: -shares[name]) if shares[name] >= _LEAST_SHARE]
    sentences = []
    if told:
        named = ", ".join(f"{name} {percent(shares[name])}" for name in told)
        sentences.append(f"Nearest to what the map shows: {named}.")
    if hidden:
        sentences.append(f"Hardly visible: {', '.join(hidden)}.")
    return " ".join(sentences)


def _map(crop: np.ndarray, strength: np.ndarray) -> str:
    return _address_of(heatmaps.jpeg(heatmaps.overlay(crop, strength), 80))
