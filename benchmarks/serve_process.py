"""Starts ``unmask serve`` for the benchmarks and looks at its processes through /proc."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True)
class Server:
    """A server that runs: its address, its process id."""

    address: str
    pid: int


@contextmanager
def running_server(folder: Path, workers: int, *options: str) -> Iterator[Server]:
    """Start a server on a free port without rate limits, wait until its workers are ready, end it after."""
    command = [sys.executable, "-m", "unmask", "serve", "--port", "0", "--folder", str(folder)]
    limits = ["--uploads-per-minute", "0", "--requests-per-minute", "0", "--workers", str(workers)]
    log = folder / "server.log"
    with log.open("w") as file:
        process = subprocess.Popen([*command, *limits, *options], stderr=file)
    try:
        address = _wait_for(lambda: re.search(r"http://\S+/", log.read_text()), 60).group()
        _wait_for(lambda: _alive(address) >= workers, 120)
        yield Server(address, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def worker_pids(server: int) -> list[int]:
    """Process ids of a server's workers."""
    children = Path(f"/proc/{server}/task").glob("*/children")
    return [int(pid) for path in children for pid in path.read_text().split()]


def peak_megabytes(pid: int) -> float:
    """Most memory that a process ever held, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found.group(1)) * 1024 / 1e6


def _alive(address: str) -> int:
    answer = httpx.get(f"{address}readyz", timeout=30)
    return int(answer.json()["workers"]) if answer.status_code == 200 else 0


def _wait_for(condition, seconds):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError("the server did not become ready")
