"""A table of videos: ``manifest.csv`` or ``manifest.parquet``, or a file of another name with these endings.

Needed columns: ``path`` (from the table's folder) and ``label`` (real or fake). Used where present: ``dataset``,
``method``, ``compression``, ``source``, ``donor``, ``person``, ``group``, ``split``; where there is a ``target``, as in
FaceForensics++'s terms, it is the recording, and ``source`` the donor. All other columns are attributes of the video.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from unmask.datasets.layouts.layout import REAL, RESERVED, Layout, Listing, VideoRow
from unmask.datasets.manifests import LABELS, DatasetError

NAMES = ("manifest.csv", "manifest.parquet")
_OPTIONAL = ("compression", "source", "donor", "person", "split")
_USED = {"path", "label", "dataset", "method", "group", "target", *_OPTIONAL}


def read(root: Path) -> Listing:
    """List the table's rows in the order of their paths.

    Parameters
    ----------
    root
        The table, or its folder.

    Raises
    ------
    DatasetError
        When the table cannot be read, or a row lacks what is needed.
    """
    table = root if root.is_file() else next(root / name for name in NAMES if (root / name).is_file())
    rows = _parquet(table) if table.suffix.lower() == ".parquet" else _csv(table)
    name = table.resolve().parent.name
    found = [_row(row, name, f"{table}, row {number}") for number, row in enumerate(rows, start=1)]
    left_out = sorted(RESERVED.intersection(rows[0] if rows else ()) - _USED)
    note = f"columns that preparation writes itself are left out: {', '.join(left_out)}"
    return Listing(tuple(sorted(found, key=lambda row: row.path)), (note,) if left_out else ())


def _row(row: Mapping[str, Any], dataset: str, where: str) -> VideoRow:
    cell = {name: "" if value is None else str(value).strip() for name, value in row.items() if name}
    path = cell.get("path", "")
    text = cell.get("label", "").lower()
    label = LABELS.get(text)
    if not path or not text or label is None:
        raise DatasetError(f"{where}: needs a path and a label real or fake")
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise DatasetError(f"{where}: {path} leaves the folder")
    facts = {name: cell.get(name, "") for name in _OPTIONAL}
    if cell.get("target"):
        facts |= {"source": cell["target"], "donor": facts["donor"] or facts["source"]}
    facts["source"] = facts["source"] or PurePosixPath(path).stem
    group = cell.get("group") or facts["person"] or facts["source"]
    method = (cell.get("method") or "fake") if label else REAL
    further = {name: " ".join(text.split()) for name, text in cell.items() if name not in RESERVED | _USED}
    return VideoRow(
        path, label, cell.get("dataset") or dataset, method, group=group, attributes=further, **facts
    )


def _csv(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            return list(csv.DictReader(lines))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: not readable as CSV") from error


def _parquet(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise DatasetError(
            f"{path}: reading Parquet needs pyarrow (pip install pyarrow), or a CSV"
        ) from error
    try:
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise DatasetError(f"{path}: not readable as Parquet") from error
    return rows


LAYOUTS = (Layout("manifest", "a table of videos", (NAMES,), read, endings=(".csv", ".parquet"), rank=5),)
