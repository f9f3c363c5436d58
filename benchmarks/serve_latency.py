"""How long every GET takes while scans run, in milliseconds.

    python benchmarks/serve_latency.py CLIP... [--rounds 200] [--workers 2] [--wait 0.02]

Keeps all workers scanning, asks every GET in turn, one after the other over one connection, and prints
median, 95th percentile and maximum for each, as JSON. Ends with 1 when a 95th percentile reaches 50 ms.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from serve_process import peak_megabytes, running_server

BAR_MS = 50.0


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder), options.workers) as server:
        with httpx.Client(base_url=server.address, timeout=60) as client:
            done = _upload(client, options.clips[0])
            _wait_until_done(client, done)
            over = threading.Event()
            feeder = threading.Thread(target=_keep_busy, args=(server.address, options, over))
            feeder.start()
            taken, running = _measure(client, done, options)
            over.set()
            feeder.join(60)
        peak = peak_megabytes(server.pid)
    table = {path: _quantiles(values) for path, values in taken.items()}
    worst = max(row["p95"] for row in table.values())
    print(json.dumps({"ms": table, "scans_running": running, "web_process_peak_mb": round(peak)}, indent=2))
    sys.exit(0 if worst < BAR_MS else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--wait", type=float, default=0.02, help="seconds between two requests")
    return parser.parse_args()


def _measure(
    client: httpx.Client, done: str, options: argparse.Namespace
) -> tuple[dict[str, list[float]], dict[str, float]]:
    job = f"/v1/scans/{done}"
    paths = {
        "/": "/",
        "/v1/scans": "/v1/scans",
        "/v1/scans/{id}": job,
        "/v1/scans/{id}/events": f"{job}/events",
        "/v1/scans/{id}/report": f"{job}/report",
        "/v1/scans/{id}/report/scan.json": f"{job}/report/scan.json",
        "/v1/detectors": "/v1/detectors",
        "/openapi.json": "/openapi.json",
        "/healthz": "/healthz",
        "/readyz": "/readyz",
        "/metrics": "/metrics",
    }
    taken: dict[str, list[float]] = defaultdict(list)
    running = []
    for number in range(options.rounds):
        for name, path in paths.items():
            time.sleep(options.wait)
            began = time.perf_counter()
            client.get(path).raise_for_status()
            taken[name].append(1000 * (time.perf_counter() - began))
        if number % 5 == 0:
            running.append(len(client.get("/v1/scans", params={"state": "running"}).json()["items"]))
    return taken, {"mean": float(np.mean(running)), "least": float(np.min(running))}


def _quantiles(values: list[float]) -> dict[str, Any]:
    """Return quantiles, and a 95 % interval of the 95th percentile by bootstrap over requests."""
    median, high = np.percentile(values, (50, 95))
    again = np.random.default_rng(0).choice(values, (2000, len(values)))
    interval = np.percentile(np.percentile(again, 95, axis=1), (2.5, 97.5))
    return {
        "median": round(median, 1),
        "p95": round(high, 1),
        "p95_interval": [round(end, 1) for end in interval],
        "most": round(max(values), 1),
        "n": len(values),
    }


def _keep_busy(address: str, options: argparse.Namespace, over: threading.Event) -> None:
    """Hold two jobs more in the queue than workers can take."""
    number = 0
    with httpx.Client(base_url=address, timeout=60) as client:
        while not over.wait(0.2):
            waiting = client.get("/v1/scans", params={"state": "queued"}).json()["items"]
            for _ in range(2 - len(waiting)):
                number += 1
                _upload(client, options.clips[number % len(options.clips)])


def _upload(client: httpx.Client, clip: Path) -> str:
    with clip.open("rb") as file:
        answer = client.post("/v1/scans", files={"file": (clip.name, file)}, data={"frames": "16"})
    answer.raise_for_status()
    return str(answer.json()["id"])


def _wait_until_done(client: httpx.Client, identifier: str) -> None:
    while client.get(f"/v1/scans/{identifier}").json()["state"] in ("queued", "running"):
        time.sleep(0.2)


if __name__ == "__main__":
    main()
