"""The one place where the server scans: an upload in, a result and a report folder out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from unmask.detectors import Detector, load_detector
from unmask.faces import CenterFace, FaceFinder
from unmask.media import kind_by_name
from unmask.report import ScanResult
from unmask.report.page import save_report
from unmask.scanning import Scanner, ScanOptions, Settings
from unmask.scanning.loading import Loading
from unmask.scanning.warm_start import Resources
from unmask.serve.jobs import Job
from unmask.serve.pictures import save_pictures

Progress = Callable[[float], None]
SCANNING = 0.95  # of the progress: nearly all of a scan's time; the rest is the report


class Scan(Protocol):
    """Scans the upload of a job, writes its report into a folder, tells its progress in [0, 1]."""

    def __call__(self, job: Job, upload: Path, report: Path, progress: Progress) -> ScanResult:
        """Return the result, with the name that the client gave the file."""
        ...


class UploadScanner:
    """Scans uploads with detectors that are loaded once and one scanner, kept from upload to upload.

    Parameters
    ----------
    default
        Name or folder of the detector that is loaded first.
    threads
        For each scan; None for one a processor.
    trust_anchors
        As in ``ScannerSettings``.

    Raises
    ------
    unmask.detectors.DetectorError
        When a detector cannot be loaded.
    """

    def __init__(self, default: str, threads: int | None = None, trust_anchors: str | None = None) -> None:
        self._threads = threads
        self._trust_anchors = trust_anchors
        self._finder: FaceFinder = CenterFace(threads=1)
        self._detectors: dict[str, Detector] = {}
        self._detector(default)
        self._scanner: Scanner | None = None

    def __call__(self, job: Job, upload: Path, report: Path, progress: Progress) -> ScanResult:
        """Scan one upload."""
        scanner = self._scanner_with(job.detectors)
        options = ScanOptions(frames=job.frames, evidence=True)
        try:
            result = scanner.scan(upload, lambda share: progress(SCANNING * share), options)
        except Exception:
            self.close()  # Whatever broke in it must not break the next scan.
            raise
        # Where the upload lies is nobody's business; what could not be opened is of the kind its name suggests.
        kind = result.kind if result.was_read else kind_by_name(job.name)
        result = replace(result, path=job.name, kind=kind)
        save_report([result], report, scanner.detector.card.threshold)
        if result.evidence is not None:
            save_pictures(result.evidence, report)
        return result

    def close(self) -> None:
        """End the scanner that is kept, with its process for decoding; the next scan makes another."""
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            scanner.close()

    def _scanner_with(self, names: tuple[str, ...]) -> Scanner:
        """Return a scanner with detectors: the one of the last scan, unless that had other detectors."""
        if self._scanner is not None and self._scanner.settings.detectors != names:
            self.close()
        if self._scanner is None:
            first, *further = (self._detector(name) for name in names)
            settings = Settings(
                detector=names[0],
                further_detectors=names[1:],
                threads=self._threads,
                evidence=True,
                trust_anchors=self._trust_anchors,
            )
            loading = Loading(first, self._finder, self._threads, further=further)
            self._scanner = Scanner(settings, resources=Resources(loading=loading))
        return self._scanner

    def _detector(self, name: str) -> Detector:
        if name not in self._detectors:
            self._detectors[name] = load_detector(name, threads=1)
        return self._detectors[name]
