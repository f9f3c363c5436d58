"""Annotated copies of what was scanned: each is made for itself, and one that cannot be made is one line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from unmask.faces import FaceFinder
    from unmask.report import ScanResult


class Copies:
    """Writes copies into a folder.

    Attributes
    ----------
    failed
        Number that could not be made.
    """

    def __init__(self, folder: Path) -> None:
        self.failed = 0
        self._folder = folder
        self._finder: FaceFinder | None = None

    def write(
        self, path: str | Path, result: ScanResult, name: str | None = None, visible: bool = True
    ) -> None:
        """Write the annotated copy of a file, and say so on standard error.

        Parameters
        ----------
        path
            Of the file that was read.
        result
            Of its scan.
        name
            Of the copy, without ending, and of the file in messages; None for the file's own.
        visible
            Whether the progress is shown.
        """
        if not result.was_read:
            return
        from unmask.annotating import AnnotationError, annotate
        from unmask.cli.progress import share_done
        from unmask.faces import CenterFace
        from unmask.report.words import printable

        self._finder = self._finder or CenterFace()
        try:
            with share_done(f"annotating {Path(name or path).name}", visible) as progress:
                target = annotate(path, result, self._folder, self._finder, name=name, progress=progress)
        except Exception as error:
            self.failed += 1
            line = " ".join(str(error).split())
            if not isinstance(error, AnnotationError):
                line = f"internal error: {type(error).__name__}: {line}"
            typer.echo(f"unmask: not annotated: {printable(f'{name or path}: {line}')}", err=True)
        else:
            typer.echo(f"annotated: {printable(str(target))}", err=True)
