"""Which files an assistant may have scanned."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


class RequestError(ValueError):
    """A request of an assistant that is refused; the message is one line, for the assistant."""


class FolderError(ValueError):
    """A folder that cannot be allowed; the message is one line."""


class AllowedFolders:
    """Folders below which files may be read.

    Parameters
    ----------
    folders
        That exist; links are followed once, here.

    Raises
    ------
    FolderError
        When one is no folder, or there is none.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))
        if not self.folders:
            raise FolderError("name the folders whose files may be scanned: --allow FOLDER")
        for folder in self.folders:
            if not folder.is_dir():
                raise FolderError(f"--allow {folder}: no such folder")

    def file(self, text: str) -> Path:
        """Return the path of a file that may be read, free of links.

        Parameters
        ----------
        text
            Absolute, or from one of the folders; the first one that has such a file counts.

        Raises
        ------
        RequestError
            When it leads out of the folders, whether or not there is such a file, or is no plain file.
        """
        if not text or "\0" in text or os.pardir in Path(text).parts:
            raise RequestError("a path without .. is needed")
        # An absolute path replaces the folder that it is joined to.
        found = [self._inside(folder / text) for folder in self.folders]
        inside = [path for path in found if path is not None]
        if not inside:
            raise RequestError(f"not below a folder that may be read: {', '.join(map(str, self.folders))}")
        for path in inside:
            if path.is_file():
                return path
        raise RequestError("no such file in the folders that may be read")

    def _inside(self, path: Path) -> Path | None:
        try:
            real = path.resolve()
        except (OSError, RuntimeError):  # Links in a circle.
            return None
        return real if any(real.is_relative_to(folder) for folder in self.folders) else None
