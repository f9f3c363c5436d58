"""The Deepfake Detection Challenge dataset, and its preview (Dolhansky et al., 2019 and 2020)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow
from unmask.datasets.manifests import DatasetError

METADATA = "metadata.json"
PREVIEW_LIST = "dataset.json"
_PREVIEW_REAL = re.compile(r"(?P<recording>\d+_[A-Z]+)_\d+$")
_PREVIEW_FAKE = re.compile(r"(?P<donor>\d+)_(?P<recording>\d+_[A-Z]+)_\d+$")


def read(root: Path) -> Listing:
    """List the videos of every metadata.json, found on disk or not; a group is a recording with its fakes.

    Parameters
    ----------
    root
        Of the dataset.
    """
    rows = []
    for path in sorted({p for pattern in _METADATA_PLACES for p in root.glob(pattern)}):
        folder = path.parent.relative_to(root)
        for name, facts in sorted(_entries(path).items()):
            rows.append(_row((folder / name).as_posix(), facts, str(path)))
    return Listing(tuple(rows))


def _row(path: str, facts: Mapping[str, Any], where: str) -> VideoRow:
    label = _label(facts, where)
    original = facts.get("original") if label else None
    source = Path(str(original)).stem if original else Path(path).stem
    return VideoRow(
        path,
        label,
        "DFDC",
        "dfdc" if label else REAL,
        source=source,
        group=source,
        split=str(facts.get("split") or ""),
    )


def _label(facts: Mapping[str, Any], where: str) -> int:
    """Read the class; the metadata of the test part says ``is_fake`` instead."""
    label = str(facts.get("label", "")).lower()
    if label in ("real", "fake"):
        return int(label == "fake")
    if facts.get("is_fake") in (0, 1):
        return int(facts["is_fake"])
    raise DatasetError(f"{where}: an entry has no label REAL or FAKE")


def read_preview(root: Path) -> Listing:
    """List the videos of dataset.json, found on disk or not; groups are the persons seen.

    Parameters
    ----------
    root
        Of the dataset.
    """
    path = root / PREVIEW_LIST
    return Listing(
        tuple(_preview_row(name, facts, str(path)) for name, facts in sorted(_entries(path).items()))
    )


def _preview_row(path: str, facts: Mapping[str, Any], where: str) -> VideoRow:
    label, stem = _label(facts, where), Path(path).stem
    named = (_PREVIEW_FAKE if label else _PREVIEW_REAL).match(stem)
    person = str(facts.get("target_id") or "")
    return VideoRow(
        path,
        label,
        "DFDC-preview",
        path.partition("/")[0] if label else REAL,
        source=named["recording"] if named else person or stem,
        donor=str(facts.get("swapped_id") or "") if label else "",
        person=person,
        group=person or stem,
        split=str(facts.get("set") or ""),
    )


def _entries(path: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        entries = json.loads(path.read_bytes())
    except ValueError as error:
        raise DatasetError(f"{path}: not readable as JSON") from error
    if not isinstance(entries, dict) or not all(isinstance(facts, dict) for facts in entries.values()):
        raise DatasetError(f"{path}: not a table of videos by file name")
    return entries


_METADATA_PLACES = (METADATA, f"*/{METADATA}", f"*/*/{METADATA}")
LAYOUTS = (
    Layout("dfdc-preview", "DFDC preview", ((PREVIEW_LIST,),), read_preview, rank=2),
    Layout("dfdc", "DFDC", ((f"dfdc_train_part_*/{METADATA}", *_METADATA_PLACES),), read, rank=2),
)
