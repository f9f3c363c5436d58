"""Where paths come from: a list that is known at the start, or a stream that grows while files are scanned."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Protocol

from unmask.batch.errors import BatchError

_BLOCK = 1 << 16
_AHEAD = 1024


class PathSource(Protocol):
    """Hands each path to one of several threads."""

    def take(self, timeout: float) -> Path | None:
        """Return the next path; None when none came in time.

        Parameters
        ----------
        timeout
            In seconds.

        Raises
        ------
        BatchError
            When the stream could not be read to its end, after the paths that came before.
        """

    @property
    def ended(self) -> bool:
        """Whether no path will come any more."""


class ListedPaths(PathSource):
    """Paths that are all known at the start."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._left = deque(paths)

    def take(self, timeout: float) -> Path | None:
        """Return the next path; None when there are no more."""
        try:
            return self._left.popleft()
        except IndexError:
            return None

    @property
    def ended(self) -> bool:
        """Whether all were taken."""
        return not self._left


class StreamedPaths(PathSource):
    """Paths read from a descriptor as they arrive, a line each; see ``split_paths``."""

    def __init__(self, descriptor: int) -> None:
        self._queue: Queue[Path] = Queue(_AHEAD)
        self._read = threading.Event()
        self._broken: str | None = None
        threading.Thread(target=self._fill, args=(descriptor,), daemon=True).start()

    def take(self, timeout: float) -> Path | None:
        """Return the next path; None when none came within ``timeout`` seconds.

        Raises BatchError when the stream could not be read to its end, after the paths that came before.
        """
        try:
            return self._queue.get(timeout=timeout)
        except Empty:
            if self._broken is not None and self._queue.empty():
                raise BatchError(f"the list of paths cannot be read: {self._broken}") from None
            return None

    @property
    def ended(self) -> bool:
        """Whether the stream was read to its end and all its paths were taken."""
        return self._read.is_set() and self._queue.empty() and self._broken is None

    def _fill(self, descriptor: int) -> None:
        try:
            for path in split_paths(_blocks(descriptor)):
                self._queue.put(path)
        except OSError as error:
            self._broken = (error.strerror or str(error)).lower()
        finally:
            self._read.set()


def listed_in(path: Path) -> list[Path]:
    """Return all paths in a file, see ``split_paths``.

    Parameters
    ----------
    path
        Of the file.
    """
    with path.open("rb") as file:
        return list(split_paths(_blocks(file.fileno())))


def split_paths(blocks: Iterable[bytes]) -> Iterator[Path]:
    """Split a stream into paths: one a line, or, when the first block holds a zero byte, one up to each of these.

    Empty lines are left out. The form with zeros is that of ``find -print0``, for names with line breaks.

    Parameters
    ----------
    blocks
        Of the stream.
    """
    rest, end = b"", b""
    for block in blocks:
        end = end or (b"\0" if b"\0" in block else b"\n")
        *whole, rest = (rest + block).split(end)
        yield from (Path(os.fsdecode(name)) for name in whole if name)
    if rest:
        yield Path(os.fsdecode(rest))


def _blocks(descriptor: int) -> Iterator[bytes]:
    # The descriptor itself: a thread inside sys.stdin's lock would hold up the end of the process.
    while block := os.read(descriptor, _BLOCK):
        yield block
