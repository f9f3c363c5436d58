"""What a scan needs beside the file, loaded in the background: the face finder, the detector, and slow imports."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import unmask
from unmask import defaults
from unmask.hashing import begin_hashing

if TYPE_CHECKING:
    from unmask.detectors import Card, Detector
    from unmask.faces import FaceFinder
    from unmask.formats.errors import MediaKind

T = TypeVar("T")

MAX_WORKERS = 8
OPERATOR_THREADS = 2


@dataclass(frozen=True)
class LoadedDetector:
    """A detector that is being loaded; its card is there long before its weights are.

    Parameters
    ----------
    card, detector
        Waited for where they are needed.
    """

    card: Future[Card]
    detector: Future[Detector]


class AskedDetector:
    """A detector and those that judge images in its place, if its card names any; each is loaded once, when asked.

    Parameters
    ----------
    card
        Of the detector itself; waited for where it is needed.
    load
        Loads it, or the installed one of the given name, beside another whose trunk is shared.
    neighbour
        Another one that is asked about the same files.
    """

    def __init__(
        self,
        card: Future[Card],
        load: Callable[[str | None, Detector | None], Detector],
        neighbour: AskedDetector | None = None,
    ) -> None:
        self.card = card
        self._load = load
        self._neighbour = neighbour
        self._lock = Lock()
        self._begun: dict[str | None, LoadedDetector] = {}

    def for_kind(self, kind: MediaKind) -> list[LoadedDetector]:
        """Return the detectors that judge files of a kind; for images the card is waited for, they never are.

        Parameters
        ----------
        kind
            Of the file.
        """
        stills = self.card.result().stills if kind == "image" else ()
        return [self._begin(name, kind) for name in stills or (None,)]

    def _begin(self, name: str | None, kind: MediaKind) -> LoadedDetector:
        """Begin to load the installed detector of a name, or the detector itself, unless it was begun."""
        with self._lock:
            if name not in self._begun:
                first = next((begun.detector for begun in self._begun.values()), None)
                card = self.card if name is None else _in_background(partial(_load_card, name))
                detector = _in_background(lambda: self._load(name, self._beside(first, kind)))
                self._begun[name] = LoadedDetector(card, detector)
            return self._begun[name]

    def _beside(self, first: Future[Detector] | None, kind: MediaKind) -> Detector | None:
        """Return the detector of its own that was begun first, else the neighbour's for files of this kind."""
        if first is None and self._neighbour is not None:
            first = self._neighbour.for_kind(kind)[0].detector
        return None if first is None or first.exception() else first.result()


class Loading:
    """Begins to load at once; each result is waited for where it is needed.

    Parameters
    ----------
    detector
        Its name or folder, or a ready one.
    finder
        A ready one; None for the built-in one.
    threads
        Of the scan; None for one a processor.
    at_once
        How many faces there are to be scored at a time, at least: with as many as there are processors, each is scored
        by one.
    further
        Names or folders of more detectors, or ready ones.
    first_kind
        Of the files that seem to come first: the detectors that judge these are loaded at once, others when they are
        needed.

    Attributes
    ----------
    asked
        All detectors, the first one first.
    """

    def __init__(
        self,
        detector: str | os.PathLike[str] | Detector,
        finder: FaceFinder | None = None,
        threads: int | None = None,
        at_once: int = 1,
        further: Sequence[str | os.PathLike[str] | Detector] = (),
        first_kind: MediaKind = "video",
    ) -> None:
        if defaults.DETECTOR in (detector, *further):
            begin_hashing(_trunks())  # The largest file by far; it takes as long as the imports, beside them.
        self._loaders = ThreadPoolExecutor(4, thread_name_prefix="unmask-load")
        # One thing after the other: importing numpy from several threads at once is not safe, and the weights'
        # reading, which needs no interpreter, can begin as soon as these are there.
        self.imports = self._loaders.submit(_import_first)
        # Where one face is all there is to do, as in most pictures, a network's operators share two of the processors.
        operators = max(1, min(OPERATOR_THREADS, worker_threads(threads) // at_once))
        self.finder = self._load(lambda: finder or _load_finder(operators))
        first = self._ask(detector, operators)
        self.asked = (first, *(self._ask(each, operators, first) for each in further))
        for asked in self.asked:
            _in_background(partial(asked.for_kind, first_kind))
        self._load(_import_rest)
        self._loaders.shutdown(wait=False)

    @property
    def detector(self) -> Future[Detector]:
        """The first detector, as it judges videos."""
        return self.asked[0].for_kind("video")[0].detector

    def _ask(
        self,
        detector: str | os.PathLike[str] | Detector,
        operators: int,
        neighbour: AskedDetector | None = None,
    ) -> AskedDetector:
        if isinstance(detector, str | os.PathLike):
            # Faces can be cut as soon as the card is read, long before the weights are.
            own = os.fspath(detector)
            return AskedDetector(
                self._load(lambda: _load_card(own)),
                lambda name, beside: _load_detector(name or own, operators, beside),
                neighbour,
            )
        return AskedDetector(
            self._load(lambda: detector.card),
            lambda name, beside: _load_detector(name, operators, beside) if name else detector,
            neighbour,
        )

    def _load(self, load: Callable[[], T]) -> Future[T]:
        return self._loaders.submit(lambda: self.imports.result() or load())


def _trunks() -> list[Path]:
    """Return the files of the installed trunks, without importing what reads them."""
    weights = Path(unmask.__file__).parent / "detectors" / "weights"
    return sorted(weights.glob("*/trunk.onnx"))


def _in_background(load: Callable[[], T]) -> Future[T]:
    loader = ThreadPoolExecutor(1, thread_name_prefix="unmask-load")
    begun = loader.submit(load)
    loader.shutdown(wait=False)
    return begun


def worker_threads(threads: int | None) -> int:
    """Return the number of threads of a scan.

    Parameters
    ----------
    threads
        Wanted; None: one a processor, 8 at most.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return threads or min(MAX_WORKERS, processors or 1)


def _import_first() -> None:
    import numpy  # noqa: F401, I001 (in this order)
    import onnxruntime  # noqa: F401
    import unmask.detectors  # noqa: F401


def _load_card(name: str) -> Card:
    from unmask.detectors import load_card

    return load_card(name)


def _load_finder(threads: int) -> FaceFinder:
    from unmask.faces import CenterFace

    return CenterFace(threads=threads)


def _load_detector(name: str, threads: int, beside: Detector | None) -> Detector:
    from unmask.detectors import load_detector

    return load_detector(name, threads, beside)


def _import_rest() -> None:
    # With the rooms of extractors, the verdict and the report, slow at first.
    import unmask.evidence
    import unmask.scanning.observations
    import unmask.scanning.opinions  # noqa: F401
