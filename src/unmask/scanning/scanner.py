"""Scans files: runs sampling passes until the verdict can stop, and turns what was seen into results."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import BoundedSemaphore
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from unmask.media import (
    DecodingProcesses,
    FileFacts,
    Media,
    MediaError,
    as_media_error,
    content_credentials,
    kind_by_name,
    open_media,
    spooled_to_file,
)
from unmask.media.addresses import name_of
from unmask.scanning.inquiries import Inquiry
from unmask.scanning.loading import LoadedDetector, Loading, worker_threads
from unmask.scanning.sampling_passes import Progress, SamplingRun
from unmask.scanning.settings import DEFAULTS, ScanOptions, Settings
from unmask.scanning.warm_start import Resources

if TYPE_CHECKING:
    from unmask.detectors import Detector
    from unmask.faces import FaceFinder
    from unmask.formats.errors import MediaKind
    from unmask.report import DetectorInfo, Evidence, ScanResult, SoundFacts
    from unmask.scanning.evidence import ScannedFile
    from unmask.scanning.observations import Observations
    from unmask.scanning.opinions import Answer


class ScannerClosedError(RuntimeError):
    """A scanner was closed before its scan had finished."""

    def __init__(self) -> None:
        super().__init__("the scanner was closed")


def scan(
    path: str | Path,
    settings: Settings = DEFAULTS,
    detector: Detector | None = None,
    finder: FaceFinder | None = None,
) -> ScanResult:
    """Scan one image or video; for many files, keep one ``Scanner``.

    Parameters
    ----------
    path
        Of the file.
    settings
        How it is scanned.
    detector, finder
        Ready objects instead of the ones that the settings name.

    Returns
    -------
    ScanResult
        A file that cannot be read gives a result with a status that says so; it never raises.

    Raises
    ------
    unmask.detectors.DetectorError
        When the detector cannot be loaded.
    """
    with Scanner(settings, detector, finder) as scanner:
        return scanner.scan(path)


class Scanner:
    """Scans files one after the other with the detectors that it has loaded.

    Loading starts at once, in the background, beside the opening of the first file, and so does importing what is only
    needed then. The calling thread takes the frames as another process decodes them; other threads find the faces of
    earlier frames and score them meanwhile. A result has an opinion of each detector, and none depends on another.
    Close it, or use it as a context manager.

    Parameters
    ----------
    settings
        The scanner's own, and the options of files that are scanned without options of their own.
    detector, finder
        Ready objects instead of the ones that the settings name.
    resources
        Started already; closed with the scanner.
    """

    def __init__(
        self,
        settings: Settings = DEFAULTS,
        detector: Detector | None = None,
        finder: FaceFinder | None = None,
        resources: Resources | None = None,
    ) -> None:
        self.settings = settings
        resources = resources or Resources()
        self._decoding = resources.decoding
        if self._decoding is None and settings.isolated:
            self._decoding = DecodingProcesses(settings.limits, credentials=settings.wants_facts)
            self._decoding.start()  # First of all: it gets ready, and decodes, while the weights are loaded.
        self._loading = resources.loading or Loading(
            detector or settings.detector, finder, settings.threads, further=settings.further_detectors
        )
        workers = worker_threads(settings.threads)
        self._closed = False
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="unmask")
        self._room = BoundedSemaphore(workers + 2)  # For frames.

    def __enter__(self) -> Scanner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop what is waiting and end the threads; a scan under way in another thread raises ScannerClosedError."""
        self._closed = True
        self._workers.shutdown(wait=True, cancel_futures=True)
        if self._decoding is not None:
            self._decoding.close()

    @property
    def detector(self) -> Detector:
        """The first detector; raises DetectorError when it cannot be loaded."""
        return self._loading.detector.result()

    def scan(
        self,
        path: str | Path,
        progress: Progress = lambda share: None,
        settings: ScanOptions | None = None,
    ) -> ScanResult:
        """Scan one file; see ``scan``.

        Parameters
        ----------
        path
            Of the file.
        progress
            Told how much of the sampling is done, in [0, 1], from any thread. Each planned pass counts the same, so it
            leaps to the end when the first one settles the verdict.
        settings
            The options of this file; None for those of the scanner.

        Raises
        ------
        ScannerClosedError
            When the scanner is closed, now or meanwhile.
        ValueError
            When ``Settings`` are given whose part that belongs to the scanner differs from the scanner's.
        """
        if self._closed:
            raise ScannerClosedError
        options = self.settings if settings is None else settings
        if isinstance(options, Settings) and (names := options.differing(self.settings)):
            raise ValueError(f"these settings belong to the scanner, not to a file: {', '.join(names)}")
        try:
            return self._scan(path, progress, options)
        except (CancelledError, RuntimeError) as error:
            if self._closed:  # The pool has no better words for it.
                raise ScannerClosedError from error
            raise

    def _scan(self, path: str | Path, progress: Progress, options: ScanOptions) -> ScanResult:
        started = time.perf_counter()
        try:
            seen, inquiries = self._seen(path, progress, options)
        except MediaError as error:
            return self._unread(path, error, started)
        from unmask.scanning.opinions import conclude

        answers = [inquiry.answer(seen) for inquiry in inquiries]
        result = conclude(str(path), seen, answers)
        if options.wants_facts:
            from unmask.scanning.evidence import ScannedFile

            scanned = ScannedFile(Path(path), seen, answers, result)
            detectors = [inquiry.detector for inquiry in inquiries] if options.evidence else []
            result = replace(result, evidence=self._evidence(scanned, detectors))
        return replace(result, isolation=self._isolation, seconds=time.perf_counter() - started)

    def _seen(
        self, path: str | Path, progress: Progress, options: ScanOptions
    ) -> tuple[Observations, list[Inquiry]]:
        """Return all that is seen of a file, and each detector's inquiry about it, all of whose units are taken."""
        with self._opened(Path(path)) as media:
            inquiries = [
                Inquiry(number, detector, self._workers, options.crops, rescored=options.stability)
                for number, detector in enumerate(self._asked(media.info.kind))
            ]
            run = SamplingRun(media, options, self._loading, self._workers, self._room, inquiries, progress)
            seen = run.observations()
            if options.wants_facts:
                facts = _facts(media)
                seen = replace(seen, facts=facts, sound=_sound(media, facts))
        for inquiry in inquiries:
            inquiry.take_the_rest(seen)
        return seen, inquiries

    def answers(self, path: str | Path) -> list[Answer]:
        """Return what each detector was shown of a file, and what it says of each unit.

        Parameters
        ----------
        path
            Of the file.

        Raises
        ------
        MediaError
            The file cannot be read.
        """
        seen, inquiries = self._seen(path, lambda share: None, self.settings)
        return [inquiry.answer(seen) for inquiry in inquiries]

    def _asked(self, kind: MediaKind) -> list[LoadedDetector]:
        """Return the detectors that judge files of a kind, each once."""
        judging: MediaKind = kind if self.settings.stills else "video"
        every = [one for each in self._loading.asked for one in each.for_kind(judging)]
        if len(every) == 1:
            return every  # Its card is not waited for: decoding begins meanwhile.
        asked: list[LoadedDetector] = []
        for detector in every:
            if all(detector.card.result() != other.card.result() for other in asked):
                asked.append(detector)
        return asked

    @property
    def _isolation(self) -> str | None:
        return None if self._decoding is None else self._decoding.isolation

    def scan_or_explain(self, path: str | Path) -> ScanResult:
        """Scan one file of many; an error of unmask's own becomes that file's status ``failed``.

        Parameters
        ----------
        path
            Of the file.

        Raises
        ------
        DetectorError, FaceFinderError, ScannerClosedError
            What concerns every file.
        """
        started = time.perf_counter()
        try:
            return self.scan(path)
        except Exception as error:
            from unmask.detectors import DetectorError
            from unmask.faces import FaceFinderError
            from unmask.report import ScanResult

            if isinstance(error, DetectorError | FaceFinderError | ScannerClosedError):
                raise
            return ScanResult(
                path=str(path),
                kind=kind_by_name(path),
                status="failed",
                detector=self.detector_info,
                detail=f"internal error: {type(error).__name__}: {' '.join(str(error).split())}",
                isolation=self._isolation,
                seconds=time.perf_counter() - started,
            )

    def scan_stream(
        self,
        stream: BinaryIO,
        name: str = "-",
        on_result: Callable[[Path, ScanResult], None] = lambda path, result: None,
    ) -> ScanResult:
        """Scan one file that comes as a stream, such as standard input; errors as of ``scan_or_explain``.

        Parameters
        ----------
        stream
            Read to its end.
        name
            The result's path.
        on_result
            Called with the temporary file that the stream was copied to, while it exists, and the result.
        """
        started = time.perf_counter()
        try:
            with spooled_to_file(stream, self.settings.limits) as path:
                result = replace(self.scan_or_explain(path), path=name, seconds=time.perf_counter() - started)
                on_result(path, result)
                return result
        except MediaError as error:
            return self._unread(name, error, started)

    def _unread(self, path: str | Path, error: MediaError, started: float) -> ScanResult:
        from unmask.report import ScanResult

        return ScanResult(
            path=name_of(path),
            kind=kind_by_name(path),
            status=error.status,
            detector=self.detector_info,
            detail=error.detail or "could not be read",
            isolation=self._isolation,
            seconds=time.perf_counter() - started,
        )

    def _opened(self, path: Path) -> Media:
        decoding = self._decoding
        if decoding is not None:
            return decoding.open(path)
        self._loading.imports.result()
        return as_media_error(lambda: open_media(path, self.settings.limits))

    def _evidence(self, scanned: ScannedFile, detectors: Sequence[Detector]) -> Evidence:
        from unmask.scanning.evidence import gather

        read = content_credentials if self._decoding is None else self._decoding.credentials
        return gather(scanned, detectors, self._workers, lambda path: read(path, self.settings.trust_anchors))

    @property
    def detector_info(self) -> DetectorInfo:
        """The first detector, as results name it."""
        from unmask.scanning.opinions import detector_info

        return detector_info(self._loading.asked[0].card.result())


def _sound(media: Media, facts: FileFacts) -> SoundFacts | None:
    from unmask.scanning.sound import sound_facts

    return sound_facts(media, facts)


def _facts(media: Media) -> FileFacts:
    try:
        return as_media_error(media.facts)
    except MediaError:
        return FileFacts()
