"""The web process takes in what is far larger than what it may hold."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra [serve]")
import httpx

MEGABYTES = 250
BOUNDARY = "xyz"


@pytest.fixture
def own_process(tmp_path):
    """Run ``unmask serve`` without workers, as its own process; gives the process and its address."""
    command = [sys.executable, "-m", "unmask", "serve", "--port", "0", "--workers", "0"]
    process = subprocess.Popen(
        [*command, "--folder", str(tmp_path)], stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        address = re.search(r"http://\S+/", process.stderr.readline()).group()
        yield process, address
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def body():
    yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'.encode()
    megabyte = os.urandom(1 << 20)
    for _ in range(MEGABYTES):
        yield megabyte
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def peak_megabytes(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the process's peak from /proc")
def test_memory_stays_bounded_while_250_megabytes_come_in(own_process, tmp_path):
    process, address = own_process
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    response = httpx.post(f"{address}v1/scans", content=body(), headers=headers, timeout=120)
    assert response.status_code == 202
    assert response.json()["size"] == MEGABYTES << 20
    assert (tmp_path / "uploads" / response.json()["id"]).stat().st_size == MEGABYTES << 20
    assert peak_megabytes(process) < 200
