"""Jobs through the whole server: workers that scan, die, are stopped and replaced."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

pytest.importorskip("fastapi", reason="needs the extra [serve]")
from serve_servers import TOY_WORKER, running

from unmask.report.schema import schema
from unmask.serve import worker


def log_of(client):
    path = client.app.state.service.settings.folder / "scans.log"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def events_of(client, identifier):
    """Follow a job to the end of its stream; gives (event, data) pairs."""
    found = []
    with client.stream("GET", f"/v1/scans/{identifier}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        name = None
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                found.append((name, json.loads(line[6:])))
    return found


def test_a_scan_from_upload_to_report(serve, upload, finished):
    client = serve(workers=1)
    made = upload(client, {"seconds": 0.5}, name="<b>clip<b>.mp4").json()
    job = finished(client, made["id"])
    assert (job["state"], job["status"], job["verdict"], job["score"]) == ("done", "ok", "likely_fake", 0.8)
    assert (job["progress"], job["attempts"], job["failure"]) == (1.0, 1, None)
    jsonschema.validate(job["result"], schema())
    assert job["result"]["path"] == "<b>clip<b>.mp4"
    assert job["created"] <= job["started"] <= job["finished"] < job["expires"]

    report = client.get(job["links"]["report"])
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src" not in report.headers["content-security-policy"]
    assert "default-src 'none'" in report.headers["content-security-policy"]
    assert "&lt;b&gt;clip&lt;b&gt;.mp4" in report.text
    assert "<b>clip" not in report.text
    saved = client.get(job["links"]["report"], params={"download": "true"})
    assert saved.headers["content-disposition"].startswith('attachment; filename="unmask-')
    assert client.get(f"{job['links']['report']}/scan.json").json() == [job["result"]]


def test_the_upload_is_deleted_after_the_scan(serve, upload, finished, tmp_path):
    client = serve(workers=1)
    identifiers = [upload(client, told).json()["id"] for told in ({}, b"no toy", {"raise": "x"}, {"die": 2})]
    for identifier in identifiers:
        finished(client, identifier)
    deadline = time.monotonic() + 10
    uploads = tmp_path / "serve" / "uploads"
    while list(uploads.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(uploads.iterdir()) == []


def test_uploads_stay_where_that_is_wanted(serve, upload, finished, tmp_path):
    client = serve(workers=1, keep_uploads=True)
    job = finished(client, upload(client, {}).json()["id"])
    assert job["kept"]
    assert (tmp_path / "serve" / "uploads" / job["id"]).read_bytes() == b"{}"
    assert client.delete(job["links"]["self"]).status_code == 204
    assert not (tmp_path / "serve" / "uploads" / job["id"]).exists()


def test_a_file_that_cannot_be_read_is_done_with_a_status(serve, upload, finished):
    client = serve(workers=1)
    job = finished(client, upload(client, b"\0\1\2").json()["id"])
    assert (job["state"], job["status"], job["verdict"], job["score"]) == ("done", "unreadable", None, None)
    jsonschema.validate(job["result"], schema())


def test_progress_is_told_as_events(serve, upload):
    client = serve(workers=1)
    events = events_of(client, upload(client, {"seconds": 2}).json()["id"])
    assert {name for name, _ in events} == {"job"}
    progress = [job["progress"] for _, job in events]
    assert progress == sorted(progress)
    assert len([value for value in progress if 0 < value < 1]) >= 2
    assert events[-1][1]["state"] == "done"


def test_the_stream_of_a_finished_job_ends_at_once(serve, upload, finished):
    client = serve(workers=1)
    identifier = upload(client, {}).json()["id"]
    finished(client, identifier)
    ((name, job),) = events_of(client, identifier)
    assert (name, job["state"]) == ("job", "done")


def test_a_stream_ends_after_its_time(serve, upload):
    client = serve(stream_timeout=0.3)
    ((_, job),) = events_of(client, upload(client, {}).json()["id"])
    assert job["state"] == "queued"


def test_streams_are_bounded(serve, upload, until):
    client = serve(streams=1)
    address = f"/v1/scans/{upload(client, {}).json()['id']}/events"
    with client.stream("GET", address) as first:
        lines = first.iter_lines()
        next(lines)
        assert client.get(address).status_code == 429
        first.close()
    # Whoever went away makes room.
    until(lambda: client.app.state.service.streams == 0)


def test_deleting_a_running_job_stops_its_scan(serve, upload, until):
    client = serve(workers=1, lease=10.0)  # On a busy machine a heartbeat may be late by more than a second.
    first = upload(client, {"seconds": 60, "draft": True}).json()["id"]
    # The job is running from when it was claimed; its scan begins only then, and reads the upload.
    until(lambda: [first, "1", "begun"] in log_of(client))
    second = upload(client, {}).json()["id"]
    assert client.delete(f"/v1/scans/{first}").status_code == 204
    assert client.get(f"/v1/scans/{first}").status_code == 404
    until(lambda: client.get(f"/v1/scans/{second}").json()["state"] == "done")
    assert [entry[2] for entry in log_of(client) if entry[0] == first] == ["begun"]
    settings = client.app.state.service.settings
    until(lambda: [path.name for path in settings.reports.iterdir()] == [second])


def test_a_stream_tells_that_its_job_was_deleted(serve, upload):
    client = serve()
    identifier = upload(client, {}).json()["id"]
    with client.stream("GET", f"/v1/scans/{identifier}/events") as response:
        lines = response.iter_lines()
        next(lines)
        assert client.delete(f"/v1/scans/{identifier}").status_code == 204
        assert "event: deleted" in list(lines)


def test_a_worker_that_dies_is_replaced_and_the_job_retried_once(serve, upload, finished):
    client = serve(workers=1)
    job = finished(client, upload(client, {"die": 1}).json()["id"])
    assert (job["state"], job["attempts"]) == ("done", 2)
    job = finished(client, upload(client, {"die": 9}).json()["id"])
    assert (job["state"], job["attempts"]) == ("failed", 2)
    assert job["failure"] == "the worker process ended 2 times while it scanned this file"
    assert finished(client, upload(client, {}).json()["id"])["state"] == "done"
    assert client.get(job["links"]["report"]).status_code == 409


def test_a_scan_that_raises_fails_with_a_reason_and_the_worker_goes_on(serve, upload, finished):
    client = serve(workers=1)
    job = finished(client, upload(client, {"raise": "a\nbug"}).json()["id"])
    assert (job["state"], job["attempts"]) == ("failed", 1)
    assert job["failure"] == "internal error: RuntimeError: a bug"
    assert client.app.state.supervisor.replaced == 0


def test_a_scan_that_takes_too_long_is_stopped(serve, upload, finished):
    client = serve(workers=1, job_timeout=5.0, lease=5.0)
    job = finished(client, upload(client, {"seconds": 60}).json()["id"])
    assert (job["state"], job["failure"]) == ("failed", "the scan took longer than 5 s")
    assert finished(client, upload(client, {}).json()["id"])["state"] == "done"


def test_a_restart_loses_no_job(settings, upload, finished, until):
    with running(settings(workers=1)) as client:
        first = upload(client, {"seconds": 60}).json()["id"]
        waiting = [upload(client, {}).json()["id"] for _ in range(3)]
        until(lambda: client.get(f"/v1/scans/{first}").json()["state"] == "running")
    with running(settings(workers=0)) as client:
        jobs = {job["id"]: job for job in client.get("/v1/scans").json()["items"]}
        assert set(jobs) == {first, *waiting}
        assert (jobs[first]["state"], jobs[first]["attempts"]) == ("queued", 0), "a stop is no failed attempt"
        assert client.delete(f"/v1/scans/{first}").status_code == 204
    with running(settings(workers=1)) as client:
        assert [finished(client, identifier)["state"] for identifier in waiting] == ["done"] * 3


def test_workers_end_when_their_server_is_killed(settings, until, tmp_path):
    """No worker outlives a server that was killed without a chance to say so; its job is retried by the next."""
    folder = tmp_path / "serve"
    code = (
        "import json, sys, time\n"
        "from unmask.serve import ServeSettings\n"
        "from unmask.serve.app import create_app\n"
        f"settings = ServeSettings.checked(folder={str(folder)!r}, workers=1, lease=1.0, poll=0.05, niceness=0)\n"
        f"app = create_app(settings, {TOY_WORKER!r})\n"
        "app.state.supervisor.start()\n"
        "while not app.state.supervisor.pids(): time.sleep(0.02)\n"
        "print(*app.state.supervisor.pids(), flush=True)\n"
        "time.sleep(60)\n"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        pid = int(server.stdout.readline())
        with running(settings(workers=0, lease=1.0)) as client:
            made = client.post("/v1/scans", files={"file": ("a", b'{"seconds": 60}')}).json()["id"]
            until(lambda: client.get(f"/v1/scans/{made}").json()["state"] == "running")
            server.kill()
            until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid))
            until(lambda: client.get(f"/v1/scans/{made}").json()["state"] == "queued")
    finally:
        server.kill()
        server.wait()


def _is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z")
    except OSError:
        return True


@pytest.mark.skipif(not worker.AUTOGROUP.exists(), reason="needs Linux with scheduling by session")
def test_a_worker_steps_back_with_its_session():
    """Priorities count within a session, and a worker has one of its own."""
    code = (
        "import os; from unmask.serve.worker import *; step_back(7); print(os.nice(0), AUTOGROUP.read_text())"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, start_new_session=True, capture_output=True, text=True, timeout=60).stdout
    assert said.split()[0] == str(7 + os.nice(0)) and said.split()[2:] == ["nice", "7"]


def test_stepping_back_waits_for_its_turn_and_does_without(monkeypatch):
    class Busy:
        tries = 0

        def write_text(self, text):
            self.tries += 1
            if self.tries < 3:
                raise BlockingIOError
            if self.tries > 3:
                raise PermissionError

    busy = Busy()
    monkeypatch.setattr(worker, "AUTOGROUP", busy)
    monkeypatch.setattr(os, "nice", lambda step: step)
    worker.step_back(5)
    assert busy.tries == 3
    worker.step_back(5)
    assert busy.tries == 4


def test_workers_step_back_as_far_as_they_are_told(serve, until):
    client = serve(workers=1, niceness=3)
    until(lambda: client.get("/readyz").status_code == 200)
    (pid,) = client.app.state.supervisor.pids()
    assert os.getpriority(os.PRIO_PROCESS, pid) == os.nice(0) + 3


def test_what_is_past_its_retention_is_removed(serve, upload, finished, until):
    client = serve(workers=1, retention=0.5)
    job = finished(client, upload(client, {}).json()["id"])
    time.sleep(0.6)
    client.app.state.supervisor.tidy()
    assert client.get(job["links"]["self"]).status_code == 404
    settings = client.app.state.service.settings
    assert list(settings.reports.iterdir()) == []


def test_what_crashes_leave_behind_is_removed_after_an_hour(serve, upload, finished):
    client = serve(workers=1, keep_uploads=True)
    job = finished(client, upload(client, {}).json()["id"])
    settings = client.app.state.service.settings
    ownerless = settings.uploads / ("f" * 32)
    ownerless.write_text("x")
    fresh = settings.uploads / ("e" * 32)
    fresh.write_text("x")
    draft = settings.reports / f"{job['id']}.12345678"
    draft.mkdir()
    stranger = settings.uploads / "README"
    stranger.write_text("not ours")
    for path in (ownerless, draft, stranger, settings.uploads / job["id"], settings.reports / job["id"]):
        os.utime(path, (1, 1))
    client.app.state.supervisor.tidy()
    assert sorted(path.name for path in settings.uploads.iterdir()) == sorted([job["id"], "e" * 32, "README"])
    assert [path.name for path in settings.reports.iterdir()] == [job["id"]]


def test_readiness_follows_the_workers(serve, until):
    client = serve()
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").json()["status"] == "ok"
    client = serve(workers=2)
    until(lambda: client.get("/readyz").status_code == 200)
    until(lambda: client.get("/readyz").json()["workers"] == 2)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_uploads_while_workers_are_killed_are_neither_lost_nor_doubled(serve, upload, until, database):
    """The full figure is benchmarks/serve_storm.py's; this is the same storm, small."""
    client = serve(workers=2, database=database, queue=1000)
    chance = random.Random(7)
    identifiers, over = [], threading.Event()

    def send(number):
        for _ in range(6):
            identifiers.append(upload(client, {"seconds": 0.1}, name=f"{number}.mp4").json()["id"])

    def kill():
        while not over.wait(chance.uniform(0.2, 0.8)):
            pids = client.app.state.supervisor.pids()
            if pids:
                os.kill(chance.choice(pids), signal.SIGKILL)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    killer = threading.Thread(target=kill)
    for thread in [*senders, killer]:
        thread.start()
    for thread in senders:
        thread.join(60)
    time.sleep(2)
    over.set()
    killer.join(10)

    def all_finished():
        jobs = client.get("/v1/scans", params={"limit": 100}).json()["items"]
        return jobs if all(job["state"] in ("done", "failed") for job in jobs) else None

    jobs = until(all_finished, 60)
    assert len(identifiers) == 24
    assert Counter(job["id"] for job in jobs) == Counter(identifiers)
    for job in jobs:
        assert job["attempts"] <= 2
        assert (job["verdict"] == "likely_fake") == (job["state"] == "done")
        assert (job["failure"] is not None) == (job["state"] == "failed")
    begun = Counter(entry[0] for entry in log_of(client) if entry[2] == "begun")
    assert max(begun.values()) <= 2
    assert client.app.state.supervisor.replaced >= 1
