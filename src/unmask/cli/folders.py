"""Folders that a command is going to write into, tried out before the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from unmask.cli.streams import OutputError

WRONG_USAGE = 2


def usable_folder(folder: Path, option: str) -> Path:
    """Try out a folder: make it where it is missing, write a file into it, and remove what was made.

    A command that is refused later leaves nothing behind; what writes the outputs makes the folder again.

    Parameters
    ----------
    folder
        The folder.
    option
        What asked for it, named in the message.

    Returns
    -------
    Path
        The folder, which may be missing.

    Raises
    ------
    OutputError
        It cannot be made, is no folder, or no file can be written into it; with the exit code of wrong usage.
    """
    import tempfile

    from unmask.report.words import printable

    try:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        finally:
            for made in missing:
                made.rmdir()
    except (OSError, ValueError) as error:
        line = printable(f"{option}: cannot write into {str(folder)!r}: {reason(error)}")
        raise OutputError(line, WRONG_USAGE) from error
    return folder


def written(write: Callable[[], object], folder: Path) -> bool:
    """Write results into a folder; where that fails, print one line, so that the rest can still be printed.

    Parameters
    ----------
    write
        Writes them.
    folder
        Named in that line.

    Returns
    -------
    bool
        Whether it was written.
    """
    from unmask.report.words import printable

    try:
        write()
    except OSError as error:
        typer.echo(
            f"unmask: the report is not written: {printable(f'{str(folder)!r}: {reason(error)}')}", err=True
        )
        return False
    return True


def reason(error: OSError | ValueError) -> str:
    """Return why an operation on a file failed, in words, without the file's name.

    Parameters
    ----------
    error
        Of the operation.
    """
    if isinstance(error, FileExistsError):
        return "it is a file"
    return (getattr(error, "strerror", None) or str(error)).lower()
