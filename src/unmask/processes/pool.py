"""Start of worker processes, the same way wherever there are any."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process
from typing import Any

SPAWN = get_context("spawn")
"""Workers are spawned, not forked: the parent holds threads of ONNX Runtime, PyTorch or a progress bar."""


def worker_pool(workers: int, initialise: Callable[..., None], *arguments: Any) -> ProcessPoolExecutor:
    """Start a pool of worker processes.

    Parameters
    ----------
    workers
        Number of processes.
    initialise, arguments
        Function of a module that each worker calls first, and its arguments. It should not fail: an error in it looks
        like a process that died.
    """
    return ProcessPoolExecutor(workers, SPAWN, _begin, (initialise, *arguments))


def _begin(initialise: Callable[..., None], *arguments: Any) -> None:
    end_with_parent()
    initialise(*arguments)


def end_with_parent() -> None:
    """Leave Ctrl-C, which reaches the whole process group, to the parent, and end as soon as the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
