"""The data folder: uploads under way, uploads to be scanned, reports. Names in it are job ids alone."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from unmask.serve.settings import ServeError, ServeSettings

PRIVATE = 0o700
UNFINISHED_SECONDS = 3600.0
BATCH = 500  # ids in one question to the database
_JOB_ID = re.compile(r"[0-9a-f]{32}")


def make_folders(settings: ServeSettings) -> None:
    """Make the data folder, readable by its owner alone.

    Parameters
    ----------
    settings
        Of the server.

    Raises
    ------
    ServeError
        When it cannot be written.
    """
    try:
        for folder in (settings.folder, settings.uploads, settings.reports):
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        probe = settings.folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ServeError(f"the folder {settings.folder} cannot be written: {error.strerror}") from None


def upload_path(settings: ServeSettings, identifier: str) -> Path:
    """Return the path of a job's upload.

    Parameters
    ----------
    settings
        Of the server.
    identifier
        Of the job.
    """
    return settings.uploads / identifier


def report_folder(settings: ServeSettings, identifier: str) -> Path:
    """Return the folder of a job's report.

    Parameters
    ----------
    settings
        Of the server.
    identifier
        Of the job.
    """
    return settings.reports / identifier


def remove_files(settings: ServeSettings, identifier: str) -> None:
    """Remove everything that belongs to a job.

    Parameters
    ----------
    settings
        Of the server.
    identifier
        Of the job.
    """
    upload_path(settings, identifier).unlink(missing_ok=True)
    shutil.rmtree(report_folder(settings, identifier), ignore_errors=True)


def remove_scanned(settings: ServeSettings, scanned: Callable[[Sequence[str]], set[str]]) -> None:
    """Remove uploads that a worker would have removed after the scan, had it not crashed.

    Parameters
    ----------
    settings
        Of the server.
    scanned
        Returns those of some job ids whose upload is not to be kept.
    """
    there = [path.name for path in _entries(settings.uploads) if _JOB_ID.fullmatch(path.name)]
    for start in range(0, len(there), BATCH):
        for identifier in scanned(there[start : start + BATCH]):
            upload_path(settings, identifier).unlink(missing_ok=True)


def remove_ownerless(settings: ServeSettings, known: Callable[[Sequence[str]], set[str]]) -> int:
    """Remove what a crash left behind: files older than an hour whose job does not exist.

    Parameters
    ----------
    settings
        Of the server.
    known
        Returns those of some ids that are jobs.

    Returns
    -------
    int
        Number of files removed.
    """
    removed = 0
    for folder in (settings.uploads, settings.reports):
        old = [path for path in _entries(folder) if _age(path) > UNFINISHED_SECONDS]
        owners = {path: match.group() for path in old if (match := _JOB_ID.match(path.name))}
        existing: set[str] = set()
        identifiers = sorted(set(owners.values()))
        for start in range(0, len(identifiers), BATCH):
            existing |= known(identifiers[start : start + BATCH])
        for path, owner in owners.items():
            if path.name == owner and owner in existing:
                continue
            removed += 1
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    return removed


def _entries(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0
