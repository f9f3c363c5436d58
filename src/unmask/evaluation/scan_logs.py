"""Logs of `unmask scan --output` read for the files of a set, and whose results they may hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from unmask.detectors import Card, load_card
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.scans import ScannedFile
from unmask.evaluation.sets import Item
from unmask.report import DetectorInfo, ScanResult
from unmask.scanning import detector_info


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


def check_detector(files: Sequence[ScannedFile], card: Card, *, images: bool) -> None:
    """Refuse results of another detector than a card's, or of another version, calibration or threshold of it.

    Parameters
    ----------
    files
        With their results.
    card
        Of the detector that is measured or calibrated.
    images
        Whether results of the first detector that judges images in its place (the card's `stills`) are taken too.

    Raises
    ------
    EvaluationError
        Names the first file whose result is another's.
    """
    known = [detector_info(card)]
    others = _not_of(files, known)
    if others and images and card.stills:
        known.append(detector_info(load_card(card.stills[0])))
        others = _not_of(files, known)
    if not others:
        return
    path, found = others[0].item.path, others[0].result.detector
    if found.name in card.stills and not images:
        raise EvaluationError(
            f"{path} is an image, which {found.name} judges in place of {card.name}: take {found.name} for images, "
            "and videos apart"
        )
    if (found.name, found.version) in [(one.name, one.version) for one in known]:
        raise EvaluationError(
            f"the result of {path} is of {found.name} {found.version}, but of other weights, or of another threshold "
            "of it"
        )
    raise EvaluationError(
        f"the result of {path} is of another detector than {card.name} {card.version}: of {found.name} "
        f"{found.version}"
    )


def _not_of(files: Sequence[ScannedFile], known: Sequence[DetectorInfo]) -> list[ScannedFile]:
    as_in_logs = [one.to_dict() for one in known]  # Where numbers are rounded.
    return [one for one in files if one.result.detector.to_dict() not in as_in_logs]
