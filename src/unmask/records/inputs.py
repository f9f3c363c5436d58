"""Finds the files of a report again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from unmask.batch import Fingerprint, fingerprint
from unmask.records.errors import RecordError
from unmask.records.manifest import InputRecord


class InputFinder:
    """Finds the file of each recorded input: among those that were named, else where it was.

    Parameters
    ----------
    folder
        Of the report.
    given
        Files that were named for this.
    largest
        Bytes from which a file is not read.

    Raises
    ------
    RecordError
        A named file is not there.
    """

    def __init__(self, folder: Path, given: Sequence[Path], largest: int) -> None:
        for path in given:
            if not path.is_file():
                raise RecordError(f"--input: no file {str(path)!r}")
        self._folder = folder
        self._largest = largest
        self._given = {path: fingerprint(path, largest) for path in given}

    def find(self, record: InputRecord, is_only: bool) -> tuple[Path, Fingerprint] | None:
        """Return the file of an input, and its fingerprint; None where there is none.

        A file with the recorded content is taken before one with the recorded name.

        Parameters
        ----------
        record
            Of the input.
        is_only
            Whether the report has no other input: then the one named file is meant, whatever its name.
        """
        candidates = dict(self._given)
        if not candidates or not is_only:
            candidates |= {path: self._seen(path) for path in self._places(record)}
        same = [(path, seen) for path, seen in candidates.items() if seen.content == record.sha256]
        if record.sha256 is not None and same:
            return same[0]
        name = Path(record.path).name
        named = [(path, seen) for path, seen in candidates.items() if is_only or path.name == name]
        return named[0] if named else None

    def _places(self, record: InputRecord) -> list[Path]:
        """Return where the file was: relative to the report, which may have moved with it, and as it was named."""
        places = (
            [] if record.from_report is None else [Path(os.path.normpath(self._folder / record.from_report))]
        )
        if record.from_report is not None:
            places.append(Path(record.path))
        return [place for place in dict.fromkeys(places) if place.is_file()]

    def _seen(self, path: Path) -> Fingerprint:
        return fingerprint(path, self._largest)
