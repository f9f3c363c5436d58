"""The pictures that the page shows of a scan, as files beside its report, with a list of them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unmask.report import Evidence, FaceEvidence
from unmask.report.heatmaps import (
    jpeg,
    overlay,
    strength_of_errors,
    strength_of_patches,
    strongest_place,
)
from unmask.report.pictures import parts_in_words
from unmask.report.words import clock

LIST = "pictures.json"
HARDLY_ANYTHING = 0.1


def save_pictures(evidence: Evidence, folder: Path) -> None:
    """Write the sampled frames, the shown faces and their heat maps into a folder, and ``pictures.json``.

    The list holds ``frames`` (time, in words too, width and height of the upright frame, picture), ``faces`` (track,
    time, crop, heat and, in words, where that is strongest) and ``heat``, what the heat maps show; null for a detector
    without maps. Times are those of the scan's JSON.

    Parameters
    ----------
    evidence
        Of the scan.
    folder
        To be filled.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    frames: list[dict[str, Any]] = []
    for number, frame in enumerate(evidence.frames):
        picture = f"frame-{number}.jpg"
        (folder / picture).write_bytes(frame.picture)
        size = {"width": frame.width, "height": frame.height}
        when = {"time": round(frame.time, 3), "clock": clock(frame.time)}
        frames.append({**when, **size, "picture": picture})
    faces = [_save_face(face, number, folder) for number, face in enumerate(evidence.faces)]
    listed = {"frames": frames, "faces": faces, "heat": _what_heat_shows(evidence.faces)}
    (folder / LIST).write_text(json.dumps(listed), encoding="utf-8")


def _save_face(face: FaceEvidence, number: int, folder: Path) -> dict[str, Any]:
    crop = f"face-{number}.jpg"
    (folder / crop).write_bytes(face.crop)
    heat = None
    strength = _strength(face)
    if strength is not None:
        heat = f"heat-{number}.jpg"
        pixels = np.asarray(Image.open(io.BytesIO(face.crop)).convert("RGB"))
        (folder / heat).write_bytes(jpeg(overlay(pixels, strength), 80))
    return {
        "track": face.track,
        "time": round(face.time, 3),
        "crop": crop,
        "heat": heat,
        "strongest": None
        if strength is None
        else ". ".join(filter(None, (_in_words(strength), parts_in_words(face)))),
    }


def _strength(face: FaceEvidence) -> np.ndarray | None:
    """Choose the map to show: the blend's, else what the classifier says of each place, else what is rebuilt badly."""
    if face.blend_mask is not None:
        return face.blend_mask
    if face.patch_logits is not None:
        return strength_of_patches(face.patch_logits)
    return None if face.error_map is None else strength_of_errors(face.error_map)


def _what_heat_shows(faces: Sequence[FaceEvidence]) -> str | None:
    if any(face.blend_mask is not None for face in faces):
        return "where a blend seems to lie, by a network that was trained on blends alone"
    if any(face.patch_logits is not None for face in faces):
        return "what the classifier says of each place alone, which it was not trained for"
    if any(face.error_map is not None for face in faces):
        return "where the face differs from what the decoder rebuilds of it"
    return None


def _in_words(strength: np.ndarray) -> str:
    if strength.max() < HARDLY_ANYTHING:
        return "hardly anything stands out"
    return f"strongest at {strongest_place(strength)}"
