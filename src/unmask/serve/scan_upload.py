"""The one place where the server scans: an upload in, a result and a report folder out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from unmask.media import kind_by_name
from unmask.report import ScanResult, save_report
from unmask.serve.jobs import Job
from unmask.serve.pictures import save_pictures

if TYPE_CHECKING:
    from unmask.detectors import Detector
    from unmask.faces import FaceFinder

Progress = Callable[[float], None]
LOOKING = 0.95  # of the progress: nearly all of a scan's time; the rest is the report


class Scan(Protocol):
    """Scans the upload of a job, writes its report into a folder, tells its progress in [0, 1]."""

    def __call__(self, job: Job, upload: Path, report: Path, progress: Progress) -> ScanResult:
        """Give the result, with the name that the client gave the file."""
        ...


class UploadScanner:
    """Scans uploads with detectors that are loaded once. threads : for each scan; None for one a processor.

    Raises unmask.detectors.DetectorError when a detector cannot be loaded.
    """

    def __init__(self, default: str, threads: int | None = None) -> None:
        from unmask.faces import CenterFace

        self._threads = threads
        self._finder: FaceFinder = CenterFace(threads=1)
        self._detectors: dict[str, Detector] = {}
        self._detector(default)

    def __call__(self, job: Job, upload: Path, report: Path, progress: Progress) -> ScanResult:
        """Scan one upload."""
        from unmask.scanning import Scanner, Settings

        detector = self._detector(job.detector)
        settings = Settings(detector=job.detector, frames=job.frames, threads=self._threads, evidence=True)
        with Scanner(settings, detector, self._finder) as scanner:
            result = scanner.scan(upload, lambda share: progress(LOOKING * share))
        # Where the upload lies is nobody's business; what could not be opened is of the kind its name suggests.
        kind = result.kind if result.was_read else kind_by_name(job.name)
        result = replace(result, path=job.name, kind=kind)
        save_report([result], report, detector.card.threshold)
        if result.evidence is not None:
            save_pictures(result.evidence, report)
        return result

    def _detector(self, name: str) -> Detector:
        from unmask.detectors import load_detector

        if name not in self._detectors:
            self._detectors[name] = load_detector(name, threads=1)
        return self._detectors[name]
