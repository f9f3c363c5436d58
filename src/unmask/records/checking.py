"""Checks the files of a report against its manifest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unmask.records.manifest import MANIFEST, FileRecord, ReadManifest, file_record, pictures_in
from unmask.report.page import PAGE

FileState = Literal["equal", "changed", "missing", "added"]


@dataclass(frozen=True)
class FileCheck:
    """What became of a file of a report.

    Parameters
    ----------
    path
        Its name in the folder.
    state
        Against the manifest; of the manifest itself against its own hash.
    detail
        What is known beyond that, in words.
    """

    path: str
    state: FileState
    detail: str = ""


def check_files(folder: Path, read: ReadManifest) -> tuple[FileCheck, ...]:
    """Check each file that a manifest names, the manifest itself, and what else is in the folder.

    Parameters
    ----------
    folder
        Of the report.
    read
        Its manifest.
    """
    manifest = read.manifest
    if manifest is None:
        detail = "it cannot be read, so nothing else can be checked"
        return (FileCheck(MANIFEST, "changed", detail),)
    checks = [FileCheck(MANIFEST, "equal" if read.is_sealed else "changed")]
    for file in manifest.files:
        checks.append(_checked(folder, file, read))
    return (*checks, *_added(folder, {MANIFEST, *(file.path for file in manifest.files), *manifest.beside}))


def _checked(folder: Path, file: FileRecord, read: ReadManifest) -> FileCheck:
    path = folder / file.path
    if path.parent != folder:  # A manifest by somebody else may name any place.
        return FileCheck(file.path, "missing", "its name leads out of the folder")
    try:
        is_equal = file_record(path) == file
    except OSError as error:
        reason = "" if isinstance(error, FileNotFoundError) else (error.strerror or str(error)).lower()
        return FileCheck(file.path, "missing", reason)
    if is_equal:
        return FileCheck(file.path, "equal")
    return FileCheck(file.path, "changed", _pictures(path, read) if file.path == PAGE else "")


def _pictures(path: Path, read: ReadManifest) -> str:
    """Return which pictures of a changed page are not as they were."""
    assert read.manifest is not None
    then = read.manifest.pictures
    now = pictures_in(path.read_text(encoding="utf-8", errors="replace"))
    other = [str(number) for number, picture in enumerate(then, start=1) if picture not in now]
    if not other and len(now) == len(then):
        return f"its {len(then)} pictures are as they were"
    gone = f"changed or missing of its {len(then)} pictures: {', '.join(other)}" if other else ""
    more = (
        f"pictures that were not there: {count}" if (count := len(set(now) - set(then))) and not other else ""
    )
    return gone or more or "a picture stands there more or less often"


def _added(folder: Path, known: set[str]) -> Iterator[FileCheck]:
    for name in sorted(entry.name for entry in os.scandir(folder)):
        if name not in known:
            yield FileCheck(name, "added")
