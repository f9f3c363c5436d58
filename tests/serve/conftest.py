"""Servers to test against: the application in this process, or a whole server with toy workers."""

import contextlib
import json
import os
import secrets

import pytest

# Each test module skips itself, with a reason, where the extra [serve] is missing.
with contextlib.suppress(ModuleNotFoundError):
    import serve_servers as servers


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """URL of an empty database; PostgreSQL where UNMASK_TEST_DATABASE names one, in a schema of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
        return
    url = os.environ.get("UNMASK_TEST_DATABASE")
    if not url:
        pytest.skip("no PostgreSQL: set UNMASK_TEST_DATABASE to a URL")
    from sqlalchemy import create_engine, make_url, text

    schema = f"unmask_{secrets.token_hex(6)}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    own = make_url(url).update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def settings(tmp_path):
    """Make settings: a folder of the test's own, no limits on rates, no workers unless told."""
    from unmask.serve import ServeSettings

    def make(**values):
        defaults = {
            "folder": tmp_path / "serve",
            "workers": 0,
            "requests_per_minute": 0,
            "uploads_per_minute": 0,
            "poll": 0.05,
            "stream_timeout": 25.0,
            "port": 0,
            "niceness": 0,
        }
        return ServeSettings.checked(**(defaults | values))

    return make


@pytest.fixture
def serve(settings):
    """Start a server on a free port, in a thread; gives an httpx client with ``.app`` and ``.base_url``."""
    with contextlib.ExitStack() as stack:
        yield lambda **values: stack.enter_context(servers.running(settings(**values)))


@pytest.fixture
def upload():
    """Upload what a toy worker is to do (or bytes); gives the response."""

    def send(client, told=None, name="toy.mp4", data=None, **options):
        content = told if isinstance(told, bytes) else json.dumps(told or {}).encode()
        return client.post("/v1/scans", files={"file": (name, content)}, data=data, **options)

    return send


@pytest.fixture
def finished():
    """Wait until a job is finished, and give its document."""

    def wait(client, identifier, seconds=30.0):
        def look():
            job = client.get(f"/v1/scans/{identifier}").json()
            return job if job["state"] in ("done", "failed") else None

        return servers.until(look, seconds)

    return wait


@pytest.fixture
def until():
    return servers.until
