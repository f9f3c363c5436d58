"""The API's answers: pages of jobs, headers, problems, keys, and a schema-driven fuzzer."""

import re
import time

import pytest

pytest.importorskip("fastapi", reason="needs the extra [serve]")

from unmask.serve import ServeError, ServeSettings
from unmask.serve.keys import KeyStore
from unmask.serve.limits import RateLimit


def test_jobs_are_listed_in_pages(serve, upload):
    client = serve()
    made = [upload(client, b"x", name=f"{number}.mp4").json()["id"] for number in range(5)]
    seen, before = [], None
    for _ in range(3):
        page = client.get("/v1/scans", params={"limit": 2} | ({"before": before} if before else {})).json()
        seen += [job["id"] for job in page["items"]]
        before = page["next"]
    assert seen == made[::-1]
    assert before is None
    assert client.get("/v1/scans", params={"state": "done"}).json() == {"items": [], "next": None}


def test_no_answer_waits_for_an_acknowledgement(serve):
    """With Nagle's algorithm on, even the quickest of many answers takes the 40 ms of a delayed acknowledgement."""
    client = serve()
    assert min(client.get("/healthz").elapsed.total_seconds() for _ in range(30)) < 0.03


def test_detectors_come_with_their_cards(serve):
    listed = serve().get("/v1/detectors").json()
    assert listed["default"] in {card["name"] for card in listed["items"]}
    assert re.fullmatch("[0-9a-f]{64}", listed["items"][0]["sha256"])


def test_numbers_for_prometheus(serve, upload):
    from prometheus_client.parser import text_string_to_metric_families

    client = serve()
    upload(client, b"xyz")
    client.get("/no/such/page")
    client.request("BREW", "/")
    client.get(f"/v1/scans/{'0' * 32}")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }
    assert samples[("unmask_jobs", ("state", "queued"))] == 1
    assert samples[("unmask_uploaded_bytes_total",)] == 3
    assert samples[("unmask_workers",)] == 0

    def requests(method, route, status):
        labels = (("method", method), ("route", route), ("status", status))
        return samples[("unmask_http_requests_total", *labels)]

    assert requests("POST", "/v1/scans", "202") == 1
    assert requests("GET", "unmatched", "404") == 1
    assert requests("GET", "/v1/scans/{id}", "404") == 1
    assert samples[("process_resident_memory_bytes",)] > 1e6
    assert {dict(key[1:])["method"] for key in samples if key[0] == "unmask_http_requests_total"} <= {
        "GET", "POST", "OTHER",
    }  # fmt: skip


ERRORS = [
    ("GET", "/no/such/page", 404),
    ("GET", "/v1/scans/nonsense", 422),
    ("GET", "/v1/scans/" + "0" * 32, 404),
    ("GET", "/v1/scans/" + "0" * 32 + "/events", 404),
    ("GET", "/v1/scans/" + "0" * 32 + "/report", 404),
    ("DELETE", "/v1/scans/" + "0" * 32, 404),
    ("GET", "/v1/scans?limit=0", 422),
    ("GET", "/v1/scans?limit=many", 422),
    ("GET", "/v1/scans?before=x", 422),
    ("GET", "/v1/scans?before=" + "9" * 18 + "-" + "0" * 32, 200),
    ("GET", "/v1/scans?state=lost", 422),
    ("PUT", "/v1/scans", 405),
    ("POST", "/v1/scans/" + "0" * 32, 405),
    ("DELETE", "/healthz", 405),
    ("POST", "/static/nothing.js", 405),
    ("GET", "/static/../app.py", 404),
    ("GET", "/static/%2e%2e/app.py", 404),
    ("GET", "/docs", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), ERRORS)
def test_every_error_is_a_problem(serve, method, path, status):
    response = serve().request(method, path)
    assert response.status_code == status
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == status
        assert set(problem) >= {"type", "title", "status", "detail"}
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
    if status == 405:
        assert "GET" in response.headers["allow"]


def test_what_methods_a_path_allows_is_complete(serve):
    client = serve()
    assert client.put("/v1/scans").headers["allow"] == "GET, HEAD, POST"
    assert client.put("/v1/scans/" + "0" * 32).headers["allow"] == "DELETE, GET, HEAD"


def test_head_is_answered_wherever_get_is(serve, upload):
    client = serve()
    job = upload(client).json()["id"]
    paths = ["/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/detectors", "/v1/scans"]
    paths += [
        f"/v1/scans/{job}",
        f"/v1/scans/{job}/report",
        f"/v1/scans/{'0' * 32}",
        "/static/page.css",
        "/nothing",
    ]
    for path in paths:
        get, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        same = ("content-type", "content-security-policy", "allow")
        assert [head.headers.get(name) for name in same] == [get.headers.get(name) for name in same], path
        if path != "/metrics":
            assert head.headers.get("content-length") == get.headers.get("content-length"), path
    started = time.monotonic()
    head = client.head(f"/v1/scans/{job}/events")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    while client.app.state.service.streams:
        assert time.monotonic() - started < 10  # The stream would last for 25 s.
        time.sleep(0.02)
    assert client.head("/v1/session").status_code == client.get("/v1/session").status_code


def test_a_bug_is_a_problem_without_its_traceback(serve, monkeypatch):
    client = serve()

    def broken(*arguments, **named):
        raise RuntimeError("secret inside")

    monkeypatch.setattr(client.app.state.service.store, "page", broken)
    response = client.get("/v1/scans")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text


def test_every_answer_carries_the_safe_headers(serve):
    client = serve()
    for path in ("/", "/v1/scans", "/nowhere", "/openapi.json"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_no_other_site_may_use_a_visitor_s_browser(serve, upload):
    client = serve()
    for origin in ("https://evil.example", "null", "http://localhost:1"):
        response = upload(client, b"x", headers={"Origin": origin})
        assert (response.status_code, response.json()["type"]) == (403, "urn:unmask:problem:cross-site")
    own = f"http://{client.base_url.netloc.decode()}"
    assert upload(client, b"x", headers={"Origin": own}).status_code == 202
    response = client.get("/v1/scans", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


def test_a_site_that_is_named_may(serve, upload):
    client = serve(cors_origins=("https://desk.example",))
    response = upload(client, b"x", headers={"Origin": "https://desk.example"})
    assert response.status_code == 202
    assert response.headers["access-control-allow-origin"] == "https://desk.example"
    assert upload(client, b"x", headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_strange_host_name_is_refused(serve):
    client = serve()
    for name in ("evil.example", "evil.example:8000", "localhost.evil.example", "", "[::"):
        assert client.get("/v1/scans", headers={"Host": name}).status_code == 421
    for name in ("localhost", "LOCALHOST:99", "127.0.0.1:8000", "[::1]:8000"):
        assert client.get("/v1/scans", headers={"Host": name}).status_code == 200
    client = serve(allowed_hosts=("Desk.example",))
    assert client.get("/v1/scans", headers={"Host": "desk.example"}).status_code == 200


def test_requests_are_limited(serve):
    client = serve(requests_per_minute=5)
    answers = [client.get("/v1/scans") for _ in range(7)]
    assert [response.status_code for response in answers] == [200] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert client.get("/healthz").status_code == 200, "health checks are not counted"


def test_a_bucket_fills_again():
    clock = [0.0]
    limit = RateLimit(60, lambda: clock[0])
    assert [limit.take("a") for _ in range(60)] == [0.0] * 60
    assert limit.take("a") == pytest.approx(1.0)
    assert limit.take("b") == 0.0
    clock[0] = 1.5
    assert limit.take("a") == 0.0
    assert limit.take("a") == pytest.approx(0.5)
    clock[0] = 1e6
    assert [limit.take("a") for _ in range(61)][-1] > 0


def test_x_forwarded_for_counts_from_a_named_proxy_alone(serve):
    def codes(client):
        return [
            client.get("/v1/scans", headers={"X-Forwarded-For": f"10.0.0.{number}"}).status_code
            for number in range(3)
        ]

    assert codes(serve(requests_per_minute=1)) == [200, 429, 429]
    assert codes(serve(requests_per_minute=1, proxies=("127.0.0.1",))) == [200, 200, 200]


@pytest.fixture
def keyed(serve):
    client = serve(keys=True)
    client.new_key = KeyStore(client.app.state.service.engine).add
    return client


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_without_a_key_nothing_is_told(keyed):
    anonymous = ["/v1/scans", "/v1/detectors", "/metrics", f"/v1/scans/{'0' * 32}"]
    for path in anonymous:
        response = keyed.get(path)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["type"] == "urn:unmask:problem:no-key"
    for path in ("/", "/healthz", "/openapi.json"):
        assert keyed.get(path).status_code == 200


def test_an_upload_without_a_key_is_refused_unread(keyed, upload, tmp_path):
    assert upload(keyed, b"x" * 100_000).status_code == 401
    assert list((tmp_path / "serve" / "uploads").iterdir()) == []


def test_a_key_opens_and_a_revoked_one_does_not(keyed):
    token = keyed.new_key("desk")
    assert keyed.get("/v1/scans", headers=bearer(token)).status_code == 200
    altered = token[:-1] + ("0" if token[-1] != "0" else "1")
    for wrong in (altered, token + "0", "unmask__", "x", "x" * 10_000, token.upper()):
        assert keyed.get("/v1/scans", headers=bearer(wrong)).status_code == 401
    KeyStore(keyed.app.state.service.engine).revoke("desk")
    assert keyed.get("/v1/scans", headers=bearer(token)).status_code == 401


def test_a_key_sees_its_own_jobs(keyed, upload):
    mine, theirs = bearer(keyed.new_key("mine")), bearer(keyed.new_key("theirs"))
    job = upload(keyed, b"x", headers=mine).json()
    for path in (job["links"]["self"], job["links"]["events"], job["links"]["report"]):
        assert keyed.get(path, headers=theirs).status_code == 404
    assert keyed.delete(job["links"]["self"], headers=theirs).status_code == 404
    assert keyed.get("/v1/scans", headers=theirs).json()["items"] == []
    assert keyed.get(job["links"]["self"], headers=mine).status_code == 200
    assert keyed.delete(job["links"]["self"], headers=mine).status_code == 204


def test_a_page_keeps_its_key_in_a_cookie_that_scripts_cannot_read(keyed):
    assert keyed.post("/v1/session", json={"key": "wrong"}).status_code == 401
    response = keyed.post("/v1/session", json={"key": keyed.new_key("page")})
    assert response.status_code == 204
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert keyed.get("/v1/scans").status_code == 200
    assert keyed.delete("/v1/session").status_code == 204
    keyed.cookies.clear()
    assert keyed.get("/v1/scans").status_code == 401


def test_keys_are_hashed_at_rest(keyed, tmp_path):
    token = keyed.new_key("desk")
    secret = token.rsplit("_", 1)[1].encode()
    for path in (tmp_path / "serve").glob("jobs.sqlite3*"):
        assert secret not in path.read_bytes()


def test_names_of_keys_are_unique_and_bounded(keyed):
    keyed.new_key("desk")
    for name in ("desk", "", " ", "x" * 101):
        with pytest.raises(ServeError):
            keyed.new_key(name)
    with pytest.raises(ServeError, match="no key named"):
        KeyStore(keyed.app.state.service.engine).revoke("nobody")


@pytest.mark.parametrize(
    ("host", "keys", "needed"),
    [
        ("127.0.0.1", None, False),
        ("localhost", None, False),
        ("::1", None, False),
        ("0.0.0.0", None, True),
        ("desk.example", None, True),
        ("0.0.0.0", False, False),
        ("127.0.0.1", True, True),
    ],
)
def test_keys_are_asked_for_wherever_others_can_reach_the_server(host, keys, needed):
    assert ServeSettings(host=host, keys=keys).needs_keys is needed


def test_a_wrong_setting_is_named():
    with pytest.raises(ServeError, match=r"^frames: input should be"):
        ServeSettings.checked(frames=0)
    with pytest.raises(ServeError, match=r"^colour"):
        ServeSettings.checked(colour="red")
