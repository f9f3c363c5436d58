"""Uploads from many clients at once while workers are killed at random: none may be lost, none doubled.

    python benchmarks/serve_storm.py FILE... [--uploads 200] [--clients 16] [--workers 2] [--seed 1]

Prints one JSON object; ends with 1 when a job was lost, doubled, or ended neither in a result nor in a
stated failure.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from serve_process import peak_megabytes, running_server, worker_pids


def main() -> None:
    """Run the storm and print what became of the uploads."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder), options.workers) as server:
        storm = _Storm(server.address, server.pid, options)
        found = storm.run()
        found["web_process_peak_mb"] = round(peak_megabytes(server.pid))
    print(json.dumps(found, indent=2))
    sys.exit(0 if found["lost"] == found["doubled"] == found["neither"] == 0 else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--between-kills", type=float, nargs=2, default=(5.0, 15.0), metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class _Storm:
    def __init__(self, address: str, server: int, options: argparse.Namespace) -> None:
        self.address = address
        self.server = server
        self.options = options
        self.kills = 0
        self.over = threading.Event()

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        killer = threading.Thread(target=self._kill, daemon=True)
        killer.start()
        with ThreadPoolExecutor(self.options.clients) as clients:
            accepted = list(clients.map(self._upload, range(self.options.uploads)))
        jobs = self._wait_for_all()
        self.over.set()
        killer.join(10)
        return self._judge(accepted, jobs) | {"seconds": round(time.monotonic() - began, 1)}

    def _upload(self, number: int) -> str:
        """Upload one file, coming again as often as the queue is full."""
        content = self.options.files[number % len(self.options.files)].read_bytes()
        while True:
            files = {"file": (f"{number}.bin", content)}
            answer = httpx.post(f"{self.address}v1/scans", files=files, timeout=120)
            if answer.status_code == 202:
                return str(answer.json()["id"])
            if answer.status_code != 429:
                raise RuntimeError(answer.text)
            time.sleep(float(answer.headers["retry-after"]))

    def _kill(self) -> None:
        chance = random.Random(self.options.seed)  # noqa: S311
        while not self.over.wait(chance.uniform(*self.options.between_kills)):
            pids = worker_pids(self.server)
            if pids:
                os.kill(chance.choice(pids), signal.SIGKILL)
                self.kills += 1

    def _wait_for_all(self) -> list[dict[str, Any]]:
        while True:
            jobs = self._list()
            if all(job["state"] in ("done", "failed") for job in jobs):
                return jobs
            time.sleep(1.0)

    def _list(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = []
        query: dict[str, str] = {"limit": "100"}
        while True:
            page = httpx.get(f"{self.address}v1/scans", params=query, timeout=60).json()
            jobs += page["items"]
            if page["next"] is None:
                return jobs
            query["before"] = page["next"]

    def _judge(self, accepted: list[str], jobs: list[dict[str, Any]]) -> dict[str, Any]:
        held = Counter(job["id"] for job in jobs)
        done = [job for job in jobs if job["state"] == "done" and job["status"] is not None]
        failed = [job for job in jobs if job["state"] == "failed" and job["failure"]]
        return {
            "uploads": len(accepted),
            "results": len(done),
            "stated_failures": len(failed),
            "lost": len(set(accepted) - set(held)),
            "doubled": sum(count - 1 for count in held.values()) + len(set(held) - set(accepted)),
            "neither": len(jobs) - len(done) - len(failed),
            "begun_twice": sum(job["attempts"] == 2 for job in jobs),
            "workers_killed": self.kills,
        }


if __name__ == "__main__":
    main()
