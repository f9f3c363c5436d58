"""What comes in: counted, timed, named and refused as it should be."""

import contextlib
import hashlib
import json
import socket
import threading
import time

import pytest

pytest.importorskip("fastapi", reason="needs the extra [serve]")

from unmask.serve.uploads import shown_name

BOUNDARY = "xyz"
HEAD = (
    "POST /v1/scans HTTP/1.1\r\nHost: localhost\r\n"
    f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
)
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'.encode()
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
LAST = f"\r\n--{BOUNDARY}--\r\n".encode()


def connect(client):
    return socket.create_connection((client.base_url.host, client.base_url.port), timeout=20)


def answer(connection):
    """Read one response with a length; gives its status and JSON body, None where the connection ended."""
    with connection.makefile("rb") as stream:
        line = stream.readline()
        if not line:
            return None
        length = 0
        while header := stream.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return int(line.split()[1]), json.loads(stream.read(length))


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def left_behind(client):
    return list(client.app.state.service.settings.uploads.iterdir())


def problem(response, status, kind=None):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status
    assert document["type"] == (f"urn:unmask:problem:{kind}" if kind else "about:blank")
    return document


def test_an_upload_becomes_a_job(serve, upload):
    client = serve()
    content = b"x" * 1_000_000
    response = upload(client, content, name="clip.mp4", data={"frames": "12", "detector": "jrc"})
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/v1/scans/{job['id']}" == job["links"]["self"]
    assert (job["state"], job["name"], job["size"], job["frames"]) == ("queued", "clip.mp4", 1_000_000, 12)
    assert job["sha256"] == hashlib.sha256(content).hexdigest()
    (stored,) = left_behind(client)
    assert stored.name == job["id"]
    assert stored.read_bytes() == content


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("filename*=UTF-8''sch%C3%B6n%20clip.mp4", "sch\u00f6n clip.mp4"),
        ("filename*=utf-8'de'%e2%82%ac.mp4", "\u20ac.mp4"),
        ("filename*=iso-8859-1''%E9t%E9.mp4", "\u00e9t\u00e9.mp4"),
        ("FileName*=UTF-8''..%2F..%2Fpasswd", "passwd"),
        ("filename*=nonsense''a.mp4", "a.mp4"),
        ("filename*=UTF-8''", "upload"),
        ("filename=\"plain.mp4\"; filename*=UTF-8''other.mp4", "plain.mp4"),
    ],
)
def test_a_part_may_be_named_in_the_extended_way_alone(serve, stated, name):
    client = serve()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; {stated}\r\n\r\n'.encode()
    response = client.post("/v1/scans", content=head + b"x" + LAST, headers={"Content-Type": MULTIPART})
    assert response.status_code == 202, response.text
    assert response.json()["name"] == name


def test_a_field_that_only_speaks_of_a_file_name_is_a_field(serve):
    client = serve()
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"a; filename*=UTF-8''b\"\r\n\r\n".encode()
    body = PART + b"x\r\n" + head + b"y" + LAST
    response = client.post("/v1/scans", content=body, headers={"Content-Type": MULTIPART})
    assert response.status_code == 422, response.text


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        (None, ["jrc"]),
        ("jrc-stills", ["jrc-stills"]),
        (["jrc", "jrc-stills"], ["jrc", "jrc-stills"]),
        (["jrc-stills", "jrc", "jrc-stills"], ["jrc-stills", "jrc"]),
    ],
)
def test_a_scan_may_ask_several_detectors(serve, upload, asked, stored):
    client = serve()
    job = upload(client, b"x", data={"detector": asked} if asked else {}).json()
    assert (job["detector"], job["detectors"]) == (stored[0], stored)
    assert client.get(job["links"]["self"]).json()["detectors"] == stored


def test_the_document_says_that_the_detector_may_be_repeated(serve):
    body = serve().get("/openapi.json").json()["paths"]["/v1/scans"]["post"]["requestBody"]
    described = body["content"]["multipart/form-data"]["schema"]["properties"]["detector"]
    assert described["type"] == "array" and described["default"] == ["jrc"]
    assert {"jrc", "jrc-stills"} <= set(described["items"]["enum"])


@pytest.mark.parametrize("frames", [None, 9])
def test_the_server_s_number_of_frames_holds_where_none_is_asked_for(serve, upload, frames):
    client = serve(frames=frames)
    assert upload(client, b"x").json()["frames"] == frames
    assert upload(client, b"x", data={"frames": "12"}).json()["frames"] == 12
    body = client.get("/openapi.json").json()["paths"]["/v1/scans"]["post"]["requestBody"]
    described = body["content"]["multipart/form-data"]["schema"]["properties"]["frames"]
    assert described.get("default") == frames and described["maximum"] == 64


def test_a_body_over_the_limit_without_a_length_is_cut_off(serve):
    client = serve(upload_bytes=1_000_000)
    with connect(client) as connection:
        connection.sendall(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(PART))
        sent = 0

        def send():
            nonlocal sent
            try:
                while sent < 50_000_000:
                    connection.sendall(chunk(b"x" * 65536))
                    sent += 65536
                connection.sendall(chunk(LAST) + b"0\r\n\r\n")
            except OSError:
                pass

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        status, document = answer(connection)
        sender.join(20)
    assert status == 413
    assert document["type"] == "urn:unmask:problem:too-large"
    assert left_behind(client) == []


def test_a_length_over_the_limit_is_refused_before_the_body_is_sent(serve):
    client = serve(upload_bytes=1_000_000)
    with connect(client) as connection:
        connection.sendall(HEAD.encode() + b"Content-Length: 3000000\r\nExpect: 100-continue\r\n\r\n")
        assert answer(connection)[0] == 413


def test_a_file_just_over_the_limit_is_refused_and_one_at_it_is_taken(serve, upload):
    client = serve(upload_bytes=1000)
    problem(upload(client, b"x" * 1001), 413, "too-large")
    assert left_behind(client) == []
    assert upload(client, b"x" * 1000).status_code == 202


def test_too_many_parts(serve, upload):
    client = serve(parts=4)
    problem(upload(client, b"x", data={f"field{number}": "1" for number in range(20)}), 400, "too-many-parts")
    assert left_behind(client) == []


def test_two_files_in_one_request(serve):
    client = serve()
    files = [("file", ("a.mp4", b"a")), ("file", ("b.mp4", b"b"))]
    problem(client.post("/v1/scans", files=files), 400, "too-many-files")
    assert left_behind(client) == []


def test_a_full_queue_asks_to_come_back(serve, upload):
    client = serve(queue=2)
    assert [upload(client, b"x").status_code for _ in range(2)] == [202, 202]
    response = upload(client, b"x")
    problem(response, 429, "queue-full")
    assert int(response.headers["retry-after"]) >= 1
    assert len(left_behind(client)) == 2


def test_an_upload_under_way_holds_its_place_in_the_queue(serve, upload):
    client = serve(queue=1)
    with connect(client) as connection:
        connection.sendall(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(PART + b"begun"))
        time.sleep(0.3)
        problem(upload(client, b"x"), 429, "queue-full")
        connection.sendall(chunk(LAST) + b"0\r\n\r\n")
        assert answer(connection)[0] == 202


def test_a_sender_who_stalls_is_timed_out(serve):
    client = serve(idle_timeout=0.5)
    with connect(client) as connection:
        connection.sendall(HEAD.encode() + b"Content-Length: 1000\r\n\r\n" + PART)
        began = time.monotonic()
        status, document = answer(connection)
        assert 0.4 < time.monotonic() - began < 10
        assert (status, document["type"]) == (408, "urn:unmask:problem:too-slow")
        assert connection.recv(1) == b"", "the connection is closed"
    assert left_behind(client) == []


def test_a_sender_who_dribbles_is_timed_out(serve, monkeypatch):
    from unmask.serve import uploads

    monkeypatch.setattr(uploads, "GRACE", 0.3)
    client = serve(idle_timeout=5.0, minimum_rate=10_000.0)
    with connect(client) as connection:
        connection.sendall(HEAD.encode() + b"Content-Length: 100000\r\n\r\n" + PART)
        stop = threading.Event()

        def dribble():
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        sender = threading.Thread(target=dribble, daemon=True)
        sender.start()
        status, document = answer(connection)
        stop.set()
        sender.join(5)
    assert (status, document["type"]) == (408, "urn:unmask:problem:too-slow")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD.encode()])
def test_a_head_that_does_not_end_closes_the_connection(serve, sent):
    client = serve(head_timeout=0.4)
    with connect(client) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        assert connection.recv(100) == b""
        assert 0.3 < time.monotonic() - began < 10


def test_the_head_of_a_second_request_is_timed_too(serve):
    client = serve(head_timeout=0.4)
    with connect(client) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer(connection)[0] == 200
        connection.sendall(b"GET /healthz HT")
        assert connection.recv(100) == b""


def test_a_body_that_nobody_wants_is_not_read_for_ever(serve):
    client = serve(head_timeout=0.5)
    with connect(client) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx")
        assert answer(connection)[0] == 404
        assert connection.recv(100) == b""


def test_a_connection_too_many_is_turned_away(serve, upload, until):
    client = serve(connections=8)
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connect(client))
        until(lambda: client.get("/healthz").status_code == 503)
        response = client.get("/v1/scans")
        problem(response, 503, "connections")
        assert (response.headers["retry-after"], response.headers["connection"]) == ("5", "close")
        assert "content-security-policy" in response.headers
        response = upload(client, b"x" * 3_000_000)
        problem(response, 503, "connections")
        assert left_behind(client) == []
    until(lambda: client.get("/healthz").status_code == 200)


def test_an_upload_that_breaks_off_leaves_nothing(serve):
    client = serve()
    with connect(client) as connection:
        connection.sendall(HEAD.encode() + b"Content-Length: 100000\r\n\r\n" + PART + b"x" * 1000)
        time.sleep(0.2)
    deadline = time.monotonic() + 10
    while left_behind(client) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left_behind(client) == []
    assert client.get("/v1/scans").json()["items"] == []
    assert client.app.state.service.uploads_under_way == 0


NAMES = [
    ("../../../etc/passwd", "passwd"),
    ("..\\..\\windows\\system.ini", "system.ini"),
    ("/etc/cron.d/x", "x"),
    ("..", "upload"),
    (".", "upload"),
    ("", "upload"),
    ("C:", "upload"),
    ("a\0b.mp4", "ab.mp4"),
    ("<script>alert(1)<b>.mp4", "<script>alert(1)<b>.mp4"),
    ("x" * 4000 + ".mp4", "x" * 255),
    ("na\u0308me \u202e4pm.exe", "na\u0308me \u202e4pm.exe"),
]


@pytest.mark.parametrize(("given", "shown"), NAMES)
def test_a_name_is_shown_and_never_a_path(given, shown):
    assert shown_name(given) == shown


@pytest.mark.parametrize(
    "name", ["../../escaped.mp4", "..\\escaped.mp4", "/tmp/escaped.mp4", "a/../../escaped.mp4"]
)
def test_path_tricks_in_the_name_write_nowhere_else(serve, tmp_path, name):
    client = serve()
    body = PART.replace(b"a.mp4", name.encode().replace(b"\\", b"\\\\")) + b"content" + LAST
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    response = client.post("/v1/scans", content=body, headers=headers)
    assert response.json()["name"] == "escaped.mp4"
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "sqlite" not in path.name]
    assert files == [tmp_path / "serve" / "uploads" / response.json()["id"]]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "kind"),
    [
        ("application/json", b"{}", 415, None),
        ("", b"", 415, None),
        ("multipart/form-data", b"", 400, "malformed"),
        (f"multipart/form-data; boundary={'b' * 300}", b"", 400, "malformed"),
        (MULTIPART, b"", 400, "malformed"),
        (MULTIPART, b"\0\1\2 no multipart at all", 400, "malformed"),
        (MULTIPART, PART + b"no last boundary", 400, "malformed"),
        (MULTIPART, b"--xyz\r\n\r\nx" + LAST, 400, "malformed"),
        (MULTIPART, PART.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 99_999), 400, "malformed"),
        (MULTIPART, PART.replace(b'"file"', b'"other"') + b"x" + LAST, 422, None),
        (MULTIPART, b"--xyz--\r\n", 422, None),
    ],
)  # fmt: skip
def test_a_body_that_is_not_what_it_should_be(serve, content_type, body, status, kind):
    client = serve()
    problem(client.post("/v1/scans", content=body, headers={"content-type": content_type}), status, kind)
    assert left_behind(client) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"frames": "0"},
        {"frames": "-1"},
        {"frames": "65"},
        {"frames": "6.5"},
        {"frames": "\u0666"},
        {"frames": ""},
        {"frames": "9" * 200},
        {"detector": "../../etc"},
        {"detector": "none-such"},
        {"detector": ["jrc", "none-such"]},
        {"unknown": "1"},
    ],
)
def test_a_wrong_field_is_named(serve, upload, fields):
    client = serve()
    document = problem(upload(client, b"x", data=fields), 422)
    assert document["errors"][0]["where"] == f"body.{next(iter(fields))}"
    assert left_behind(client) == []


def test_a_field_is_bounded(serve, upload):
    client = serve()
    problem(upload(client, b"x", data={"detector": "j" * 100_000}), 400, "malformed")


def test_no_room_on_the_disk_is_said(serve, upload, monkeypatch):
    import errno

    from unmask.serve import uploads

    def full(self, piece):
        raise OSError(errno.ENOSPC, "No space left on device")

    client = serve()
    monkeypatch.setattr(uploads._Form, "feed", full)
    problem(upload(client, b"x"), 507, "no-room")
    assert left_behind(client) == []


def test_a_client_s_uploads_are_limited(serve, upload):
    client = serve(uploads_per_minute=3)
    assert [upload(client, b"x").status_code for _ in range(3)] == [202] * 3
    response = upload(client, b"x")
    problem(response, 429, "rate-limit")
    assert 1 <= int(response.headers["retry-after"]) <= 20
