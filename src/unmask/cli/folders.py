"""Folders that a command is going to write into, tried out before the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from unmask.cli.streams import OutputError

WRONG_USAGE = 2


def usable_folder(folder: Path, option: str) -> Path:
    """Make a folder, with its parents, unless it is there, and write a file into it that is gone at once.

    Parameters
    ----------
    folder
        The folder.
    option
        What asked for it, named in the message.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        It cannot be made, is no folder, or no file can be written into it; with the exit code of wrong usage.
    """
    import tempfile

    from unmask.report.words import printable

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
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
