"""A run on a local Ray cluster gives what a run without one does, also when an actor is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import toys
from toy_detectors import write_detector
from unmask.batch import BatchError, Stop
from unmask.batch.cluster import Claims, run_on_ray
from unmask.detectors import load_card
from unmask.scanning import Settings

ray = pytest.importorskip("ray", reason='Ray is not installed: pip install "unmask[ray]"')
pytest.importorskip("ray.data", reason='Ray Data is not installed: pip install "unmask[ray]"')
pytestmark = [pytest.mark.cluster, pytest.mark.alone]


def rows(log_path):
    return [json.loads(line) for line in log_path.read_text().splitlines()] if log_path.exists() else []


def test_a_content_is_claimed_by_one_path_and_again_by_it():
    claims = Claims(frozenset([b"known"]))
    assert claims.claim(b"new", "a.png") and claims.claim(b"new", "a.png")
    assert not claims.claim(b"new", "b.png") and not claims.claim(b"known", "a.png")


def test_an_address_where_nobody_listens_is_said_at_once(open_ledger, tmp_path):
    card = load_card(write_detector(tmp_path / "toy"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BatchError, match=f"no Ray cluster at '{address}'"):
            run_on_ray(address, [tmp_path], open_ledger(), Settings(), card, Stop())


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="looks for actors in /proc")
def test_an_actor_killed_in_mid_run_costs_nothing(make_image, log_path, tmp_path):
    detector = write_detector(tmp_path / "toy")
    for number in range(60):
        make_image(f"in/{number}.png", number, toys.RED)
    for number in range(4):
        make_image(f"in/twin{number}.png", 59, toys.RED)
    make_image("in/na\u00efve.png", 200)
    (tmp_path / "in" / "broken.mp4").write_text("not a video")
    command = [sys.executable, "-m", "unmask", "scan", "in", "--output", str(log_path), "--ray", "local"]
    process = start_until_ray_does(
        [*command, "--workers", "2", "--detector", str(detector)], tmp_path, log_path
    )
    actors = [pid for pid in below(process.pid) if is_actor(pid)]
    assert len(actors) == 2
    os.kill(actors[0], signal.SIGKILL)
    _, said = process.communicate(timeout=200)
    assert process.returncode == 1, said
    done = {row["path"]: row for row in rows(log_path)}
    assert set(done) == {str(path.relative_to(tmp_path)) for path in (tmp_path / "in").iterdir()}
    assert len(rows(log_path)) == len(done) == 66
    assert sum(row["batch"]["same_as"] is not None for row in done.values()) == 4
    assert sorted(row["status"] for row in done.values())[-1:] == ["unreadable"]
    again = subprocess.run(
        [*command, "--resume", "--detector", str(detector)], cwd=tmp_path, capture_output=True
    )
    assert again.returncode == 1 and len(rows(log_path)) == 66


def start_until_ray_does(command, folder, log_path):
    """Start a run and wait for its first rows; Ray gives up when a busy machine takes half a minute to start it."""
    for _ in range(3):
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None:
            if len(rows(log_path)) >= 16:
                return process
            time.sleep(0.05)
        said = process.communicate()[1]
        assert "no Ray cluster" in said, said
    pytest.skip("Ray did not start within half a minute, three times")


def below(pid):
    """Return the processes that a process started, and those that these started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from below(child)


def is_actor(pid):
    try:
        return b"ScanOnRay" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
