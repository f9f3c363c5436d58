"""An orderly end on Ctrl-C and SIGTERM: nothing new is begun, files in progress are finished or aborted."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

GRACE = 10.0


class Stop:
    """Whether a run is to end. The first request lets it finish files in progress, the second aborts them.

    Parameters
    ----------
    grace
        Seconds after which files in progress are aborted in any case.
    on_request
        Called once with the signal's number, inside its handler.

    Attributes
    ----------
    signal
        Number of the signal that asked first; None as long as none did.
    """

    def __init__(self, grace: float = GRACE, on_request: Callable[[int], None] | None = None) -> None:
        self.signal: int | None = None
        self._grace = grace
        self._on_request = on_request
        self._asked = threading.Event()
        self._until = 0.0

    @property
    def asked(self) -> bool:
        """Whether nothing new is to be begun."""
        return self._asked.is_set()

    @property
    def overdue(self) -> bool:
        """Whether files in progress are to be aborted."""
        return self.asked and time.monotonic() >= self._until

    def ask(self, number: int | None = None) -> None:
        """Ask for the end.

        Parameters
        ----------
        number
            Of the signal; None without one.
        """
        if self.asked:
            self._until = 0.0
            return
        self.signal = number
        self._until = time.monotonic() + self._grace
        self._asked.set()
        if self._on_request and number is not None:
            self._on_request(number)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as requests meanwhile; only in the main thread are there signals to take."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(number: int, frame: FrameType | None) -> None:
            self.ask(number)

        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
