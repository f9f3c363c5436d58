"""Names of new files: free, and no longer than the file system takes."""

from __future__ import annotations

import itertools
import os
import unicodedata
from pathlib import Path

NAME_BYTES = 255


def unused_path(folder: Path, stem: str, suffix: str) -> Path:
    """Find a path that is free: files of one name from different folders do not overwrite each other.

    Parameters
    ----------
    folder
        That is there.
    stem
        Wished name without its ending; cut where the file system would not take it.
    suffix
        Ending, with its dot.
    """
    longest = _longest_name(folder)
    ends = (f"{'' if number == 1 else f'-{number}'}{suffix}" for number in itertools.count(1))
    names = (_cut(stem, longest - len(os.fsencode(end))) + end for end in ends)
    return next(folder / name for name in names if not os.path.lexists(folder / name))


def _longest_name(folder: Path) -> int:
    """Bytes that a file's name may have in a folder."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return NAME_BYTES


def _cut(stem: str, most: int) -> str:
    """Cut a name to so many bytes, between two characters and not before an accent that belongs to the last one."""
    used = itertools.accumulate(len(os.fsencode(character)) for character in stem)
    kept = sum(1 for length in used if length <= most)
    while 0 < kept < len(stem) and unicodedata.combining(stem[kept]):
        kept -= 1
    return stem[:kept]
