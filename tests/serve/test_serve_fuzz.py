"""schemathesis reads the OpenAPI document and sends what it allows and what it does not."""

import contextlib

import pytest

pytest.importorskip("fastapi", reason="needs the extra [serve]")

schemathesis = pytest.importorskip("schemathesis", reason="needs the extra [dev]")
import hypothesis  # noqa: E402
from hypothesis import HealthCheck, Phase  # noqa: E402
from hypothesis.errors import Unsatisfiable  # noqa: E402

from unmask.serve.keys import KeyStore  # noqa: E402

SETTINGS = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": (Phase.explicit, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}


def fuzz(client, headers=None, examples=12):
    """Send some valid and as many invalid requests to every operation; gives how many were sent."""
    document = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    sent = 0
    for mode in schemathesis.GenerationMode:
        for found in document.get_all_operations():
            operation = found.ok()

            @hypothesis.settings(**SETTINGS, max_examples=examples)
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def check(case):
                nonlocal sent
                sent += 1
                case.call_and_validate(base_url=str(client.base_url), headers=headers, timeout=20)

            # A request without parameters cannot be made wrong.
            with contextlib.suppress(Unsatisfiable):
                check()
    return sent


def test_no_operation_forgets_to_ask_for_a_key(serve, until):
    """schemathesis takes the key away, and expects to be refused wherever the schema asks for one."""
    client = serve(workers=1, keys=True, stream_timeout=0.2)
    until(lambda: client.get("/readyz").status_code == 200)
    token = KeyStore(client.app.state.service.engine).add("fuzz")
    assert fuzz(client, {"Authorization": f"Bearer {token}"}, examples=3) > 10


def test_the_api_answers_as_its_schema_says(serve, upload, finished):
    client = serve(workers=1, stream_timeout=0.2, upload_bytes=100_000)
    finished(client, upload(client, {}).json()["id"])
    assert fuzz(client) > 100
