"""What goes wrong in the threads that watch over workers and leases is logged, and they go on."""

import threading
import time

import pytest

pytest.importorskip("fastapi", reason="needs the extra [serve]")

from unmask.serve import supervisor, worker


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Store:
    """A store whose every call fails in a way that nobody foresaw."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def fail(*arguments):
            self.calls.append(name)
            raise KeyError(name)

        return fail


def test_supervision_goes_on_after_any_error(settings, caplog):
    made = settings(workers=2)
    store = Store()
    crew = supervisor.Supervisor(made, store, Store(), command=["/nonexistent/worker"])
    crew._stop.wait = lambda seconds: threading.Event().wait(min(seconds, 0.01)) or crew._stop.is_set()
    crew.start()
    wait_for(lambda: store.calls.count("release_expired") >= 2)
    assert crew._thread.is_alive()
    crew.stop()
    assert "the supervisor goes on" in caplog.text


def test_the_heartbeat_goes_on_after_any_error(settings, monkeypatch, capsys):
    made = settings(lease=0.5)
    one = worker.Worker.__new__(worker.Worker)
    one.id, one._settings, one._now, one._lock = "w", made, None, threading.Lock()
    one._store = one._roster = store = Store()
    threading.Thread(target=one._keep_leases, daemon=True).start()
    wait_for(lambda: store.calls.count("heartbeat") >= 3)
    one._settings = made.model_copy(update={"lease": 1e9})  # It sleeps from now on.
    assert "no heartbeat: KeyError" in capsys.readouterr().err
