"""What a scan needs beside the file, loaded in the background: the face finder, the detector, and slow imports."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

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
    stills
        Begins to load the detector that judges images in its place, once; itself where its card names none.
    """

    card: Future[Card]
    detector: Future[Detector]
    stills: Callable[[], tuple[Future[Card], Future[Detector]]] | None = None

    def for_kind(self, kind: MediaKind) -> LoadedDetector:
        """Return the detector that judges files of a kind, without waiting for it.

        Parameters
        ----------
        kind
            Of the file.
        """
        return LoadedDetector(*self.stills()) if kind == "image" and self.stills else self


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
        Names or folders of more detectors.

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
        further: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        self._loaders = ThreadPoolExecutor(4, thread_name_prefix="unmask-load")
        # One thing after the other: importing numpy from several threads at once is not safe, and the weights'
        # reading, which needs no interpreter, can begin as soon as these are there.
        self.imports = self._loaders.submit(_import_first)
        # Where one face is all there is to do, as in most pictures, a network's operators share two of the processors.
        operators = max(1, min(OPERATOR_THREADS, worker_threads(threads) // at_once))
        self.finder = self._load(lambda: finder or _load_finder(operators))
        self.asked = tuple(self._begin(each, operators) for each in (detector, *further))
        self._load(_import_rest)
        self._loaders.shutdown(wait=False)

    @property
    def detector(self) -> Future[Detector]:
        """The first detector."""
        return self.asked[0].detector

    def _begin(self, detector: str | os.PathLike[str] | Detector, operators: int) -> LoadedDetector:
        if isinstance(detector, str | os.PathLike):
            # Faces can be cut as soon as the card is read, long before the weights are.
            name = os.fspath(detector)
            card = self._load(lambda: _load_card(name))
            loaded = self._load(lambda: _load_detector(name, operators))
        else:
            card, loaded = self._load(lambda: detector.card), self._load(lambda: detector)

        @cache  # Videos need none.
        def stills() -> tuple[Future[Card], Future[Detector]]:
            loaders = ThreadPoolExecutor(2, thread_name_prefix="unmask-load")
            begun = (
                loaders.submit(lambda: _load_stills_card(card.result())),
                loaders.submit(lambda: _load_stills(loaded.result(), operators)),
            )
            loaders.shutdown(wait=False)
            return begun

        return LoadedDetector(card, loaded, stills)

    def _load(self, load: Callable[[], T]) -> Future[T]:
        return self._loaders.submit(lambda: self.imports.result() or load())


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


def _load_detector(name: str, threads: int) -> Detector:
    from unmask.detectors import load_detector

    return load_detector(name, threads)


def _load_stills_card(card: Card) -> Card:
    return card if card.stills is None else _load_card(card.stills)


def _load_stills(detector: Detector, threads: int) -> Detector:
    from unmask.detectors import load_detector

    stills = detector.card.stills
    return detector if stills is None else load_detector(stills, threads, beside=detector)


def _import_rest() -> None:
    # With the rooms of extractors, the verdict and the report, slow at first.
    import unmask.evidence
    import unmask.scanning.observations
    import unmask.scanning.opinions  # noqa: F401
