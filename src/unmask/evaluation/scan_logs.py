"""Results of a set's files, read from a log that a scan wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.scans import ScannedFile
from unmask.evaluation.sets import Item
from unmask.report import ScanResult


class ListedFiles(Protocol):
    """A set as far as a log of its scans is read."""

    @property
    def name(self) -> str:
        """The set's name in messages."""
        ...

    @property
    def items(self) -> Sequence[Item]:
        """Its files."""
        ...


def read_scans(log: Path, part: ListedFiles, chosen: Sequence[int]) -> list[ScannedFile]:
    """Find the results of a set's files in a log that `unmask scan --output` wrote.

    A file is known by the end of its path: `manipulated/a.mp4` of the set is `anywhere/manipulated/a.mp4` in the log.

    Parameters
    ----------
    log
        JSON lines.
    part
        The set.
    chosen
        Positions of the items to find.

    Raises
    ------
    EvaluationError
        When a line is no scan result, or a file of the set is not in the log or is there twice with other results.
    """
    by_end: dict[str, list[ScanResult]] = {}
    for result in _results(log):
        by_end.setdefault(Path(result.path).name, []).append(result)
    scanned, missing = [], []
    for index in chosen:
        item = part.items[index]
        wanted = Path(item.path).parts
        found = [
            result
            for result in by_end.get(wanted[-1], ())
            if Path(result.path).parts[-len(wanted) :] == wanted
        ]
        if not found:
            missing.append(item.path)
        elif any(other.score != found[0].score for other in found[1:]):
            raise EvaluationError(f"{log}: several files end with {item.path} and have other scores")
        else:
            scanned.append(ScannedFile(item, found[-1]))
    if missing:
        raise EvaluationError(
            f"{log} has no result of {len(missing)} files of {part.name}, first {missing[0]}"
        )
    return scanned


def _results(log: Path) -> Iterator[ScanResult]:
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{log}: not a readable log ({error})") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield ScanResult.from_dict(json.loads(line))
            except ValueError as error:
                raise EvaluationError(f"{log}, line {number}: {error}") from None
