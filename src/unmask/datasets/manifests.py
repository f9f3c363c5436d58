"""Reads manifests: one row per face crop, with what is known about it; and tables of one row per video."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unmask.datasets.regions import MESH_SIZE, five_landmarks

MANIFEST_NAME = "manifest.csv"
VIDEOS_NAME = "videos.csv"
LANDMARKS_NAME = "landmarks.npz"
LABELS = {"real": 0, "0": 0, "": 0, "fake": 1, "1": 1}
COLUMNS = ("file", "label", "source", "split", "dataset", "method", "group", "face_px", "shard")
_KNOWN = {*COLUMNS, "person", "crop_px", "box", "landmarks"}


class DatasetError(ValueError):
    """A manifest, a shard, a crop or a landmark file that cannot be used; the message is one line."""


@dataclass(frozen=True)
class CropRecord:
    """One face crop: where it is stored and what is known about it.

    `label` is 0 for real and 1 for fake. `source` names the untouched recording and `group` whatever must
    stay on one side of a split (the person where known, else the source). Coordinates are crop pixels, x
    before y: `box` is (x0, y0, x1, y1), `landmarks` (5, 2) float32 holds eyes, nose and mouth corners,
    `points` (122, 2) float32 the face mesh groups of `regions.MESH_GROUPS`. `face_px` is the side of the
    face in the original, in pixels. `extra` keeps the columns that have no field.
    """

    file: str
    label: int
    source: str
    split: str = ""
    dataset: str = ""
    method: str = ""
    group: str = ""
    face_px: float | None = None
    shard: str = ""
    box: tuple[float, float, float, float] | None = None
    landmarks: np.ndarray | None = field(default=None, compare=False, repr=False)
    points: np.ndarray | None = field(default=None, compare=False, repr=False)
    extra: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def mask_points(self) -> np.ndarray | None:
        """The mesh points where there are any, else the five landmarks, else None."""
        return self.landmarks if self.points is None else self.points

    @property
    def video(self) -> tuple[str, str, str]:
        """The video that it is a frame of, as data set, method ("" for a real one) and path; without one, itself."""
        path = self.extra.get("video") or self.extra.get("path") or self.file
        return self.dataset, self.method if self.label else "", path


def read_manifest(folder: str | Path) -> list[CropRecord]:
    """Read `manifest.csv` of a folder, joined with its `landmarks.npz` where there is one.

    Only the column `file` is required. Missing `label` means real, missing `source` the file's stem, missing
    `group` the person or else the source, missing `dataset` the folder's name. A mesh that is on another face
    than the five landmarks is left out.

    Parameters
    ----------
    folder
        Of the crops.

    Raises
    ------
    DatasetError
        When a file is missing or cannot be read, or holds no crops.
    """
    folder = Path(folder)
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise DatasetError(f"{folder}: no {MANIFEST_NAME} in this folder")
    meshes = read_landmarks(folder / LANDMARKS_NAME) if (folder / LANDMARKS_NAME).is_file() else {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        if "file" not in (rows.fieldnames or ()):
            raise DatasetError(f"{path}: the column 'file' is missing")
        records = [_record(row, meshes, folder.resolve().name, f"{path}:{rows.line_num}") for row in rows]
    if not records:
        raise DatasetError(f"{path}: holds no crops")
    return records


def read_videos(folder: str | Path) -> list[CropRecord]:
    """Read `videos.csv` of a prepared folder: a record for each video, with or without crops, and `file` its path.

    Defaults are those of `read_manifest`; `extra` holds `path`, `status`, `detail` and the attributes. Empty where
    there is no such table, or one without the columns `path`, `label` and `status`: not the work of `unmask prepare`.

    Parameters
    ----------
    folder
        Of the crops.

    Raises
    ------
    DatasetError
        When the table cannot be read.
    """
    folder = Path(folder)
    path = folder / VIDEOS_NAME
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = csv.DictReader(lines)
            if not {"path", "label", "status"} <= set(rows.fieldnames or ()):
                return []
            name = folder.resolve().name
            found = ({**row, "file": row["path"]} for row in rows)
            return [_record(row, {}, name, f"{path}:{rows.line_num}") for row in found]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: not readable as CSV") from error


def read_landmarks(path: str | Path) -> dict[str, np.ndarray]:
    """Read face mesh points by file name, each (122, 2) float32 in crop pixels.

    Parameters
    ----------
    path
        Of the file, with `name` (N,) and `points` (N, 122, 2).

    Raises
    ------
    DatasetError
        When it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, points = arrays["name"], arrays["points"].astype(np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise DatasetError(f"{path}: not a landmark file ({str(error).splitlines()[0]})") from error
    if points.ndim != 3 or points.shape[2] != 2 or len(names) != len(points):
        raise DatasetError(f"{path}: expected name (N,) and points (N, K, 2), found points {points.shape}")
    return {str(name): mesh for name, mesh in zip(names, points, strict=True)}


def write_manifest(folder: str | Path, records: Iterable[CropRecord]) -> Path:
    """Write `manifest.csv` of a folder; `read_manifest` returns the same records, less their meshes.

    Parameters
    ----------
    folder
        Of the crops.
    records
        Of the crops, in the order of the rows.
    """
    records = list(records)
    extras = sorted({name for record in records for name in record.extra})
    path = Path(folder) / MANIFEST_NAME
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow([*COLUMNS, "box", "landmarks", *extras])
        for record in records:
            writer.writerow([*_cells(record), *(record.extra.get(name, "") for name in extras)])
    return path


def _cells(record: CropRecord) -> list[str]:
    values = [getattr(record, name) for name in COLUMNS]
    values[1] = "fake" if record.label else "real"
    box = "" if record.box is None else " ".join(f"{value:g}" for value in record.box)
    five = "" if record.landmarks is None else " ".join(f"{value:g}" for value in record.landmarks.ravel())
    return [*("" if value is None else str(value) for value in values), box, five]


def _record(
    row: dict[str, str | None], meshes: Mapping[str, np.ndarray], dataset: str, where: str
) -> CropRecord:
    cell = {name: (value or "").strip() for name, value in row.items() if name is not None}
    file = cell["file"]
    label = LABELS.get(cell.get("label", "").lower())
    if not file or label is None:
        raise DatasetError(f"{where}: needs a file and a label 'real' or 'fake', found {cell.get('label')!r}")
    box = _numbers(cell.get("box", ""), 4, f"{where}: box")
    five = _numbers(cell.get("landmarks", ""), 10, f"{where}: landmarks")
    side = _numbers(cell.get("face_px") or cell.get("crop_px") or "", 1, f"{where}: face_px")
    source = cell.get("source") or Path(file).stem
    landmarks = np.asarray(five, np.float32).reshape(5, 2) if five else None
    return CropRecord(
        file=file,
        label=label,
        source=source,
        split=cell.get("split", ""),
        dataset=cell.get("dataset") or dataset,
        method=cell.get("method", ""),
        group=cell.get("group") or cell.get("person") or source,
        face_px=side[0] if side else None,
        shard=cell.get("shard", ""),
        box=(box[0], box[1], box[2], box[3]) if box else None,
        landmarks=landmarks,
        points=_agreeing(meshes.get(file), landmarks),
        extra={name: value for name, value in cell.items() if name not in _KNOWN},
    )


def _agreeing(mesh: np.ndarray | None, landmarks: np.ndarray | None) -> np.ndarray | None:
    """Return the mesh unless its landmarks are more than half an eye distance from the five given."""
    if mesh is None or landmarks is None or mesh.shape != (MESH_SIZE, 2):
        return mesh
    apart = np.abs(five_landmarks(mesh) - landmarks).max()
    return mesh if apart <= 0.5 * np.hypot(*(landmarks[1] - landmarks[0])) else None


def _numbers(text: str, count: int, where: str) -> list[float] | None:
    if not text:
        return None
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise DatasetError(f"{where}: expected {count} number(s), found {text!r}")
    return numbers
