"""What an assistant can ask for, as values with a schema."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from unmask.defaults import DETECTOR
from unmask.detectors import Card, DetectorError, file_sha256, installed, load_card
from unmask.mcp.folders import AllowedFolders, RequestError
from unmask.report import ScanResult, result_view
from unmask.report.view import View
from unmask.report.words import CANNOT_TELL, question_words
from unmask.scanning import Scanner, Settings

RESULTS_KEPT = 100


class DetectorEntry(BaseModel):
    """A detector that a scan may name."""

    name: str
    is_default: bool
    question: str
    description: str
    limits: str


class Detectors(BaseModel):
    """What is installed."""

    detectors: list[DetectorEntry]


class Answer(BaseModel):
    """What one detector says to one question."""

    question: str
    detector: str
    verdict: str | None
    score: float | None = Field(description="calibrated probability, in [0, 1]")
    interval: list[float] | None = Field(description="90 % interval around the score")


class Scanned(BaseModel):
    """What a scan came to."""

    scan_id: str = Field(description="for explain_result, while this server runs")
    path: str
    sha256: str | None = Field(description="of the file; null for one that was not read")
    status: str
    verdict: str | None = Field(
        description="likely_fake, likely_real or inconclusive; null unless the status is ok"
    )
    score: float | None = Field(description="calibrated probability of manipulation, in [0, 1]; no proof")
    interval: list[float] | None = Field(description="90 % interval around the score")
    headline: str
    meaning: str
    answers: list[Answer]
    result: dict[str, Any] | None = Field(None, description="JSON schema 2 of a scan, where it was asked for")


class Explained(BaseModel):
    """A result in words."""

    asked: list[str]
    found: list[str]
    limits: list[str]


class ScanTools:
    """Scans files of some folders, one at a time, and remembers the last results.

    Parameters
    ----------
    folders
        Whose files may be read.
    detector
        Name or folder of the detector that is asked where a request names none.
    """

    def __init__(self, folders: AllowedFolders, detector: str = DETECTOR) -> None:
        self._folders = folders
        self._default = detector
        self._cards: dict[str, Card] = {detector: load_card(detector)}
        self._cards |= {card.name: card for card in installed()}
        self._scanner: Scanner | None = None
        self._results: OrderedDict[str, ScanResult] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the scanner."""
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            scanner.close()

    def detectors(self) -> Detectors:
        """Return the detectors that a scan may name."""
        entries = [
            DetectorEntry(
                name=name,
                is_default=name == self._default,
                question=question_words(card.question),
                description=card.description,
                limits=card.limits,
            )
            for name, card in self._cards.items()
        ]
        return Detectors(detectors=entries)

    def scan(self, path: str, detectors: list[str] | None = None, full: bool = False) -> Scanned:
        """Scan a file.

        Parameters
        ----------
        path
            Below one of the folders.
        detectors
            Names; none for the default.
        full
            Whether to return the whole result too.

        Raises
        ------
        RequestError
            When the file may not be read, a detector is not installed or cannot be loaded.
        """
        file = self._folders.file(path)
        names = tuple(dict.fromkeys(detectors or [self._default]))
        unknown = [name for name in names if name not in self._cards]
        if unknown:
            raise RequestError(f"no detector named {unknown[0]!r}: {', '.join(self._cards)}")
        with self._lock:
            try:
                result = self._scanner_with(names).scan_or_explain(file)
            except DetectorError as error:
                raise RequestError(str(error)) from None
            identifier = self._remember(result)
        return _scanned(identifier, file, result, full)

    def explain(self, scan_id: str) -> Explained:
        """Put a result into words: what was asked, what was found, and what it cannot tell.

        Parameters
        ----------
        scan_id
            Of a scan of before.

        Raises
        ------
        RequestError
            When there is none.
        """
        with self._lock:
            result = self._results.get(scan_id)
        if result is None:
            raise RequestError(f"no result {scan_id!r}; scan the file first")
        names = [opinion.detector.name for opinion in result.opinions] or [result.detector.name]
        cards = [card for card in self._cards.values() if card.name in names]
        view = result_view(result)
        asked = [
            f"{question_words(card.question)} Asked of {card.name}: {card.description}" for card in cards
        ]
        limits = [*CANNOT_TELL, view.interval_note, *(card.limits for card in cards)]
        return Explained(asked=asked, found=_found(view), limits=[line for line in limits if line])

    def _remember(self, result: ScanResult) -> str:
        self._count += 1
        identifier = f"scan-{self._count}"
        self._results[identifier] = result
        if len(self._results) > RESULTS_KEPT:
            self._results.popitem(last=False)
        return identifier

    def _scanner_with(self, names: tuple[str, ...]) -> Scanner:
        """Return a scanner with detectors: the one of the last scan, unless that had others."""
        if self._scanner is not None and self._scanner.settings.detectors != names:
            self.close()
        if self._scanner is None:
            self._scanner = Scanner(Settings(detector=names[0], further_detectors=names[1:]))
        return self._scanner


def _scanned(identifier: str, file: Path, result: ScanResult, full: bool) -> Scanned:
    said = result_view(result).said
    values = result.to_dict()  # Numbers as `unmask scan --json` rounds them.
    answers = [
        Answer(
            question=question_words(opinion["question"]),
            detector=opinion["detector"]["name"],
            verdict=opinion["verdict"],
            score=opinion["score"],
            interval=opinion["interval"],
        )
        for opinion in values["opinions"]
    ]
    return Scanned(
        scan_id=identifier,
        path=str(file),
        sha256=file_sha256(file) if result.was_read else None,
        status=result.status,
        verdict=result.verdict,
        score=values["score"],
        interval=values["interval"],
        headline=said.headline,
        meaning=said.meaning,
        answers=answers,
        result=values if full else None,
    )


def _found(view: View) -> list[str]:
    """Return sentences on what a scan found, the most important first."""
    said = view.said
    lines = [f"{view.name}: {said.headline}. {said.meaning}", view.detail]
    if said.score:
        lines.append(f"Estimated probability of manipulation: {said.score}; 90 % interval: {said.interval}.")
    lines += [view.basis, *said.reasons]
    lines += [f"{one.question} {one.said.headline}. {one.said.meaning}" for one in view.opinions]
    if view.not_asked:
        lines.append(f"Not answered: {' '.join(view.not_asked)}")
    if view.coverage:
        lines += [view.coverage.analysed, view.coverage.found, view.coverage.left_out]
    return [line for line in [*lines, view.advice] if line]
