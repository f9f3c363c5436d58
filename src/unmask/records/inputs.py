"""Finds the files of a report again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
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
    records
        All inputs of the report.
    given
        Files that were named for this.
    largest
        Bytes from which a file is not read.

    Raises
    ------
    RecordError
        A named file is not there, or is none of the inputs by content or name.
    """

    def __init__(
        self, folder: Path, records: Sequence[InputRecord], given: Sequence[Path], largest: int
    ) -> None:
        for path in given:
            if not path.is_file():
                raise RecordError(f"--input: no file {str(path)!r}")
        self._folder = folder
        self._largest = largest
        self._is_only = len(records) == 1
        self._given = {path: fingerprint(path, largest) for path in given}
        contents = {record.sha256 for record in records} - {None}
        # The others stand for the input of their name, so that a changed file is never passed over.
        self._others = {path: seen for path, seen in self._given.items() if seen.content not in contents}
        names = {Path(record.path).name for record in records}
        strangers = [path for path in self._others if not self._is_only and path.name not in names]
        if strangers:
            raise RecordError(
                f"--input: {str(strangers[0])!r} is none of the report's files, by content or name"
            )

    def find(self, record: InputRecord) -> tuple[Path, Fingerprint] | None:
        """Return the file of an input, and its fingerprint; None where there is none.

        A named file is taken before those where the input was, and one with the recorded content before one with the
        recorded name. The one input of a report is meant by any name.

        Parameters
        ----------
        record
            Of the input.
        """
        given = self._same(record, self._given)
        name = Path(record.path).name
        given += [(path, seen) for path, seen in self._others.items() if self._is_only or path.name == name]
        if given:
            return given[0]
        places = {path: self._seen(path) for path in self._places(record)}
        return next(iter([*self._same(record, places), *places.items()]), None)

    @staticmethod
    def _same(record: InputRecord, files: Mapping[Path, Fingerprint]) -> list[tuple[Path, Fingerprint]]:
        if record.sha256 is None:
            return []
        return [(path, seen) for path, seen in files.items() if seen.content == record.sha256]

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
