"""What is to be scanned: files as given, folders searched for media by their endings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.scanning import IMAGE_ENDINGS, VIDEO_ENDINGS

ENDINGS = IMAGE_ENDINGS | VIDEO_ENDINGS


@dataclass(frozen=True)
class Inputs:
    """The files to scan, in order.

    empty_folders : named folders in which none were found. closed_folders : folders that could not be looked into.
    single : whether one file was named, and no folder.
    """

    files: tuple[Path, ...]
    empty_folders: tuple[Path, ...]
    closed_folders: tuple[Path, ...]
    single: bool


def expand(paths: Sequence[Path]) -> Inputs:
    """Expand folders into the media files below them, sorted; keep files as they are, each once.

    A path that does not exist stays in the list (its result says that it could not be read), unless no path
    exists at all: FileNotFoundError names the first.
    """
    if paths and not any(_exists(path) for path in paths):
        raise FileNotFoundError(2, "no such file or folder", str(paths[0]))
    files: dict[Path, None] = {}
    empty: list[Path] = []
    closed: list[Path] = []
    for path in paths:
        found = sorted(media_below(path, closed)) if path.is_dir() else [path]
        if not found:
            empty.append(path)
        files.update(dict.fromkeys(found))
    return Inputs(tuple(files), tuple(empty), tuple(closed), len(paths) == 1 and not paths[0].is_dir())


def media_below(folder: Path, closed: list[Path]) -> Iterator[Path]:
    """Find the files with a known ending in a folder and its subfolders; links to folders are not followed.

    Folders that cannot be looked into are added to ``closed``.
    """
    for root, _, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        yield from (Path(root, name) for name in names if Path(name).suffix.lower() in ENDINGS)


def _exists(path: Path) -> bool:
    if str(path) == "-":
        return True  # Standard input.
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True
