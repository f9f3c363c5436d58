"""What is to be scanned: files as given, and the media in folders, by their endings or else by their content."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.media import IMAGE_ENDINGS, VIDEO_ENDINGS, why_left_out
from unmask.media.addresses import address_advice, address_in

ENDINGS = IMAGE_ENDINGS | VIDEO_ENDINGS
_NO_MEDIA = "no image or video"
_LINK_TO_FOLDER = "a link to a folder"
_TEXT_TOO = frozenset({".ts", ".mts"})  # MPEG transport streams, and source code in TypeScript.
_MAC_NOTES = "._"  # How the names begin of what macOS writes beside files on foreign disks.
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class Inputs:
    """The files to scan, in order.

    Parameters
    ----------
    files
        Paths.
    empty_folders
        Named folders without images and videos.
    closed_folders
        Folders that could not be read.
    single
        Whether one file was named, and no folder.
    left_out
        Number of files in folders that are not scanned, by the reason.
    """

    files: tuple[Path, ...]
    empty_folders: tuple[Path, ...]
    closed_folders: tuple[Path, ...]
    single: bool
    left_out: Counter[str]

    @property
    def left_out_line(self) -> str | None:
        """How many files are not scanned and why, in one line; None where all are."""
        total = self.left_out.total()
        if total == 0:
            return None
        reasons = ", ".join(f"{reason} ({count})" for reason, count in self.left_out.most_common())
        return f"left out {total} {'file' if total == 1 else 'files'} in folders: {reasons}"


def expand(paths: Sequence[Path]) -> Inputs:
    """Expand folders into the media files below them, sorted; keep files as they are, each once.

    Parameters
    ----------
    paths
        Files and folders. A path that does not exist stays in the list: its result says that it could not be read.

    Raises
    ------
    FileNotFoundError
        When none of the paths exists; it names the first.
    """
    if paths and not any(_exists(path) for path in paths):
        name = address_in(paths[0]) or str(paths[0])
        raise FileNotFoundError(2, address_advice(paths[0]) or "no such file or folder", name)
    files: dict[Path, None] = {}
    empty: list[Path] = []
    closed: list[Path] = []
    left_out: dict[Path, str] = {}
    for path in paths:
        found = sorted(media_below(path, closed, left_out)) if path.is_dir() else [path]
        if not found:
            empty.append(path)
        files.update(dict.fromkeys(found))
    reasons = Counter(reason for path, reason in left_out.items() if path not in files)
    single = len(paths) == 1 and not paths[0].is_dir()
    return Inputs(tuple(files), tuple(empty), tuple(closed), single, reasons)


def media_below(folder: Path, closed: list[Path], left_out: dict[Path, str]) -> Iterator[Path]:
    """Return the images and videos in a folder and its subfolders; links to folders are not followed.

    A file is taken by its ending, or else by its first bytes.

    Parameters
    ----------
    folder
        To be searched.
    closed
        Gets the folders that cannot be read.
    left_out
        Gets the files that are no media, with the reason.
    """
    for root, folders, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        links = [Path(root, name) for name in folders if Path(root, name).is_symlink()]
        left_out.update(dict.fromkeys(links, _LINK_TO_FOLDER))
        for name in names:
            path = Path(root, name)
            reason = _why_left_out(path)
            if reason is None:
                yield path
            else:
                left_out[path] = reason


def _why_left_out(path: Path) -> str | None:
    """Return why a file is not scanned; None where it is."""
    ending = path.suffix.lower()
    if ending not in ENDINGS or path.name.startswith(_MAC_NOTES):
        return why_left_out(path)
    if ending in _TEXT_TOO and _is_text(path):
        return _NO_MEDIA
    return None


def _is_text(path: Path) -> bool:
    """Return whether a plain file begins as a text does; what cannot be opened does not."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return bool(head) and not any(byte < 9 or 13 < byte < 32 for byte in head)


def _exists(path: Path) -> bool:
    if str(path) == "-":
        return True  # Standard input.
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True
