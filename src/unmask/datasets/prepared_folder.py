"""The folder that a preparation fills: crops and a record a video, each written whole or not at all.

``crops/KEY/`` holds a video's crops and ``records/KEY.json`` what was found; a video is done when its record is
there. Both appear by renaming, so that a run killed at any moment leaves nothing half written that counts.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from unmask.datasets.manifests import MANIFEST_NAME, CropRecord, DatasetError, write_manifest
from unmask.datasets.video_crops import FaceCrop, VideoCrops

CROPS, RECORDS, SETTINGS = "crops", "records", "prepared.json"
_TEMPORARY = ".tmp-"

ImageFormat = Literal["jpg", "png"]


def key_of(path: str) -> str:
    """Return a video's name in the folder: readable, safe in any file system, and distinct for every path.

    Parameters
    ----------
    path
        Of the video, from the dataset's root.
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "-", path.rpartition(".")[0] or path).strip("-")[-60:]
    return f"{readable}-{hashlib.sha256(path.encode()).hexdigest()[:12]}"


def start(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder ready, and clear what an earlier run left unfinished.

    Parameters
    ----------
    folder
        New, empty or prepared before.
    settings
        All that decides what is written.

    Raises
    ------
    DatasetError
        The folder holds something else, or was prepared with other settings.
    """
    marker = folder / SETTINGS
    if not marker.is_file():
        if folder.is_dir() and any(not p.name.startswith(_TEMPORARY) for p in folder.iterdir()):
            raise DatasetError(
                f"{folder}: not empty, and not the work of unmask prepare; choose another --out"
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(marker, json.dumps(settings, indent=2) + "\n")
    try:
        earlier = json.loads(marker.read_bytes())
    except ValueError as error:
        raise DatasetError(f"{marker}: not readable; choose another --out") from error
    if earlier != settings:
        changed = sorted(name for name in {*earlier, *settings} if earlier.get(name) != settings.get(name))
        what = ", ".join(
            f"{name} {earlier.get(name)!r} there, {settings.get(name)!r} now" for name in changed
        )
        raise DatasetError(f"{folder}: prepared with other settings ({what}); choose another --out")
    for place in (folder, folder / CROPS, folder / RECORDS):
        place.mkdir(exist_ok=True)
        for left_over in place.glob(f"{_TEMPORARY}*"):
            _remove(left_over)


def read_record(folder: Path, key: str) -> dict[str, Any] | None:
    """Return what an earlier run found in a video; None when it is not done.

    Parameters
    ----------
    folder
        That is prepared.
    key
        Of `key_of`.
    """
    try:
        record: dict[str, Any] = json.loads((folder / RECORDS / f"{key}.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return record


def write_video(
    folder: Path, key: str, found: VideoCrops, image: ImageFormat, facts: Mapping[str, Any]
) -> None:
    """Write a video's crops and then its record.

    Parameters
    ----------
    folder
        That is prepared.
    key
        Of `key_of`.
    found
        The crops.
    image
        Format of the crops.
    facts
        Go into the record unchanged.
    """
    final, temporary = folder / CROPS / key, folder / CROPS / f"{_TEMPORARY}{key}"
    _remove(final)
    _remove(temporary)
    crops = []
    if found.crops:
        temporary.mkdir()
        for crop in found.crops:
            name = f"{crop.frame:04d}.{image}"
            _save(crop, temporary / name, image)
            crops.append(_described(crop, f"{CROPS}/{key}/{name}"))
        temporary.replace(final)
    record = {
        "status": found.status,
        "detail": found.detail,
        "frames": found.frames,
        "crops": crops,
        **facts,
    }
    write_whole(folder / RECORDS / f"{key}.json", json.dumps(record))


def _save(crop: FaceCrop, path: Path, image: ImageFormat) -> None:
    """Save as JPEG with full colour resolution, or as PNG."""
    picture = Image.fromarray(crop.image)
    if image == "png":
        picture.save(path, "PNG")
    else:
        picture.save(path, "JPEG", quality=95, subsampling=0)


def _described(crop: FaceCrop, file: str) -> dict[str, Any]:
    return {
        "file": file,
        "frame": crop.frame,
        "time": None if crop.time is None else round(crop.time, 3),
        "box": [round(value, 2) for value in crop.box],
        "landmarks": [round(float(value), 2) for value in crop.landmarks.ravel()],
        "face_px": round(crop.face_px, 1),
        "confidence": round(crop.confidence, 3),
    }


def write_manifest_whole(folder: Path, records: Sequence[CropRecord]) -> None:
    """Write the manifest of crops, which appears only once it is complete.

    Parameters
    ----------
    folder
        That is prepared.
    records
        Of all crops.
    """
    temporary = folder / f"{_TEMPORARY}manifest"
    temporary.mkdir(exist_ok=True)
    write_manifest(temporary, records).replace(folder / MANIFEST_NAME)
    temporary.rmdir()


def write_whole(path: Path, text: str) -> None:
    """Write a file that appears under its name only once it is complete.

    Parameters
    ----------
    path
        Of the file.
    text
        Of the file.
    """
    temporary = path.with_name(f"{_TEMPORARY}{path.name}")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
