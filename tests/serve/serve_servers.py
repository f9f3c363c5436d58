"""A whole server in a thread, with toy workers, and waiting that ends."""

import contextlib
import sys
import threading
import time
from pathlib import Path

import httpx
import uvicorn

from unmask.serve.app import create_app
from unmask.serve.server import configuration, listen

TOY_WORKER = [sys.executable, str(Path(__file__).with_name("toy_worker.py"))]
SOON = 120.0  # seconds; a loaded machine starts a worker slowly


@contextlib.contextmanager
def running(settings):
    app = create_app(settings, TOY_WORKER)
    with listen(settings) as listener:
        server = uvicorn.Server(configuration(app, settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=address, timeout=SOON) as client:
            client.app = app
            until(lambda: server.started)
            yield client
        server.should_exit = True
        thread.join(SOON)
        assert not thread.is_alive()


def until(condition, seconds=SOON, every=0.02):
    """Wait until a condition gives something true, and give that; the test fails when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"did not come true within {seconds} s")
