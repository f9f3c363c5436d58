"""Webhooks: where they may go, how they are signed, and that each arrives at least once."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

pytest.importorskip("fastapi", reason="needs the extra [serve]")

from sqlalchemy import text, update

from unmask.serve import ServeError, ServeSettings
from unmask.serve import sender as sending
from unmask.serve import webhooks as deliveries
from unmask.serve.database import connect, webhook_secrets, webhooks
from unmask.serve.destinations import AllowList, DestinationError, is_public, parse
from unmask.serve.jobs import NewJob, new_id, now
from unmask.serve.keys import KeyStore
from unmask.serve.sender import WebhookSender
from unmask.serve.signing import SecretStore, sign
from unmask.serve.store import JobStore
from unmask.serve.webhooks import WebhookStore


@pytest.fixture
def engine(database):
    engine = connect(database)
    yield engine
    engine.dispose()


@pytest.fixture
def receiver():
    """A server on loopback that answers with the statuses it is given, then 204; `.got` holds (headers, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((dict(self.headers), body))
            status = server.answers.pop(0) if server.answers else 204
            self.send_response(status)
            if status in (302, 307):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.got, server.answers = [], []
        server.origin = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def finished_job(engine, url, owner=None, outcome="done"):
    """Add a job with a webhook and finish it."""
    store = JobStore(engine)
    job = NewJob(new_id(), "a.mp4", 10, "0" * 64, "jrc", owner=owner, webhook=url)
    assert store.add(job, 1000)
    claimed = store.claim("w")
    if outcome == "done":
        assert store.finish(job.id, claimed.claim, json.dumps({"schema": 2}), "ok", "likely_fake", 0.8)
    else:
        assert store.fail(job.id, claimed.claim, "broken")
    return job.id


def verified(got, secret):
    """Check a message as a receiver does who follows the standard, and return what it says."""
    headers, body = got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["Content-Type"] == "application/json"
    return json.loads(body)


# Where they may go


def test_a_signature_is_the_standards_own():
    """The example of the libraries at github.com/standard-webhooks."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


ALLOWED = AllowList.of(["hooks.example.org", "example.net:8443", "http://10.1.2.3:8080", "192.168.0.0/16"])


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org/a?b=c",
        "https://HOOKS.example.org:443",
        "https://example.net:8443/",
        "http://10.1.2.3:8080/x",
    ],
)
def test_listed_origins_are_allowed(url):
    ALLOWED.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https://hooks.example.org:8443/",
        "https://hooks.example.org.evil.net/",
        "https://hooks.example.org@evil.net/",
        "https://evil.net/#@hooks.example.org",
        "https://evil.net\\@hooks.example.org/",
        "https://example.net/",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "ftp://hooks.example.org/",
        "//hooks.example.org/",
        "https://hooks.example.org:99999/",
        "https://[::1/",
        "https://hooks.example.org/ HTTP/1.1",
        "https://hooks.example.org/\r\nX: y",
        "https://h\u00f6oks.example.org/",
        "https://hooks.example.org/" + "a" * 3000,
        "",
    ],
)
def test_other_urls_are_refused(url):
    with pytest.raises(DestinationError):
        ALLOWED.check(url)


def test_anywhere_means_https_on_its_port():
    anywhere = AllowList.of(["*"])
    anywhere.check("https://hooks.example.org/x")
    for url in ("http://hooks.example.org/", "https://hooks.example.org:22/"):
        with pytest.raises(DestinationError):
            anywhere.check(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address):
    import ipaddress

    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_a_public_address_is_known(address):
    import ipaddress

    assert is_public(ipaddress.ip_address(address))


def resolving(monkeypatch, *answers):
    """Have each look-up of a name return the next answer; gives the list of look-ups."""
    asked = []

    def getaddrinfo(host, port, *_, **__):
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_listed_name_may_not_lead_to_a_private_address_unless_that_is_listed(monkeypatch):
    resolving(monkeypatch, ["10.0.0.7", "93.184.216.34"], ["127.0.0.1"], ["192.168.3.4"])
    destination = ALLOWED.check("https://hooks.example.org/")
    assert ALLOWED.resolve(destination) == ["93.184.216.34"]
    with pytest.raises(DestinationError, match="private"):
        ALLOWED.resolve(destination)
    assert ALLOWED.resolve(destination) == ["192.168.3.4"]


def test_the_name_is_looked_up_once_and_that_address_is_connected_to(monkeypatch, receiver):
    """A name server that answers otherwise the second time (DNS rebinding) gains nothing."""
    port = receiver.server_address[1]
    allowed = AllowList.of([f"http://hooks.example.org:{port}", "127.0.0.1/32"])
    asked = resolving(monkeypatch, ["127.0.0.1"], ["10.255.255.1"])
    destination = allowed.check(f"http://hooks.example.org:{port}/x")
    addresses = allowed.resolve(destination)
    monkeypatch.setattr(socket, "getaddrinfo", _numeric_only(socket.getaddrinfo))
    assert sending.post(destination, addresses, b"{}", {}) == 204
    assert asked.count("hooks.example.org") == 1
    assert receiver.got[0][0]["Host"] == f"hooks.example.org:{port}"


def _numeric_only(resolve):
    def getaddrinfo(host, port, *rest, **named):
        assert host == "127.0.0.1", "a name was looked up again"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]

    return getaddrinfo


@pytest.mark.parametrize("entry", ["ftp://x", "https://x/path", "10.0.0.1/8", "a b", "", "http://"])
def test_a_wrong_entry_is_one_line(entry):
    with pytest.raises(ServeError, match="webhooks_to"):
        ServeSettings.checked(webhooks_to=(entry,))


def test_the_certificate_must_be_the_hosts(receiver):
    """To a server that speaks no TLS there is no message."""
    port = receiver.server_address[1]
    with pytest.raises(OSError, match=r"(?i)ssl|tls|eof"):
        sending.post(parse(f"https://127.0.0.1:{port}/"), ["127.0.0.1"], b"{}", {})
    assert receiver.got == []


@pytest.fixture
def secure_receiver(receiver, tmp_path, monkeypatch):
    """The receiver behind TLS, with a certificate for hooks.example.org that the sender trusts."""
    pytest.importorskip("cryptography", reason="needs the extra [dev]")
    certificate, key = certificate_for("hooks.example.org", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    return receiver


def certificate_for(name, folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.now(timezone.utc) - timedelta(days=1)
    built = x509.CertificateBuilder(subject, subject, key.public_key(), 1, start, start + timedelta(days=9))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(built.sign(key, hashes.SHA256()).public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return folder / "certificate.pem", folder / "key.pem"


def test_the_address_is_connected_to_and_the_certificate_is_checked_for_the_name(secure_receiver):
    port = secure_receiver.server_address[1]
    assert sending.post(parse(f"https://hooks.example.org:{port}/x"), ["127.0.0.1"], b"{}", {}) == 204
    assert secure_receiver.got[0][0]["Host"] == f"hooks.example.org:{port}"
    with pytest.raises(ssl.SSLCertVerificationError):
        sending.post(parse(f"https://other.example.org:{port}/x"), ["127.0.0.1"], b"{}", {})
    assert len(secure_receiver.got) == 1


def test_an_answer_that_trickles_is_given_up(monkeypatch):
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_trickle, args=(listener,), daemon=True).start()
        started = time.monotonic()
        with pytest.raises((OSError, sending.http.client.HTTPException)):
            sending.post(parse(f"http://127.0.0.1:{listener.getsockname()[1]}/"), ["127.0.0.1"], b"{}", {})
        assert time.monotonic() - started < 5


def _trickle(listener):
    with contextlib.suppress(OSError), listener.accept()[0] as connection:
        connection.sendall(b"HTTP/1.1 ")
        for _ in range(100):
            time.sleep(0.1)
            connection.sendall(b"a")


# What becomes of them


def sender(engine, receiver, tmp_path):
    settings = ServeSettings.checked(folder=tmp_path, webhooks_to=(receiver.origin,))
    return WebhookSender(settings, engine)


@pytest.mark.parametrize("outcome", ["done", "failed"])
def test_a_finished_job_is_told_and_signed(engine, receiver, tmp_path, outcome):
    job = finished_job(engine, f"{receiver.origin}/hook?token=1", outcome=outcome)
    assert sender(engine, receiver, tmp_path).deliver_next()
    (got,) = receiver.got
    told = verified(got, SecretStore(engine).secret(None))
    assert (told["type"], told["data"]["id"]) == (f"scan.{outcome}", job)
    assert told["data"]["result"] == ({"schema": 2} if outcome == "done" else None)
    assert got[0]["webhook-id"] == f"msg_{job}"
    state = WebhookStore(engine).of(job)
    assert (state["state"], state["attempts"], state["status"]) == ("delivered", 1, 204)
    assert not sender(engine, receiver, tmp_path).deliver_next()


def test_an_unfinished_job_is_not_told(engine, receiver, tmp_path):
    store = JobStore(engine)
    assert store.add(NewJob(new_id(), "a", 1, "0" * 64, "jrc", webhook=receiver.origin), 10)
    assert not sender(engine, receiver, tmp_path).deliver_next()
    store.claim("w")
    assert not sender(engine, receiver, tmp_path).deliver_next()


def test_a_refused_webhook_is_tried_again_with_the_same_id(engine, receiver, tmp_path, monkeypatch):
    monkeypatch.setattr(deliveries, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(deliveries, "FACTOR", 1.0)
    receiver.answers[:] = [500, 302]
    job = finished_job(engine, receiver.origin)
    tries = sender(engine, receiver, tmp_path)
    assert tries.deliver_next()
    state = WebhookStore(engine).of(job)
    assert (state["state"], state["status"], state["error"]) == (
        "waiting", 500, "the receiver answered 500",
    )  # fmt: skip
    assert state["next"] is not None
    time.sleep(0.05)
    assert tries.deliver_next()
    assert WebhookStore(engine).of(job)["status"] == 302, "a redirect is no delivery"
    time.sleep(0.05)
    assert tries.deliver_next()
    assert WebhookStore(engine).of(job)["state"] == "delivered"
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {f"msg_{job}"}
    assert len(receiver.got) == 3, "the redirect was not followed"


def test_nobody_there_is_an_attempt_too(engine, receiver, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    job = finished_job(engine, f"http://127.0.0.1:{free}/")
    settings = ServeSettings.checked(folder=tmp_path, webhooks_to=(f"http://127.0.0.1:{free}",))
    assert WebhookSender(settings, engine).deliver_next()
    state = WebhookStore(engine).of(job)
    assert (state["state"], state["attempts"], state["status"]) == ("waiting", 1, None)
    assert state["error"].startswith("no answer: ")


def test_an_error_of_our_own_is_an_attempt_too(engine, receiver, tmp_path, monkeypatch):
    monkeypatch.setattr(sending, "event", lambda job, retention: 1 / 0)
    job = finished_job(engine, receiver.origin)
    assert sender(engine, receiver, tmp_path).deliver_next()
    assert WebhookStore(engine).of(job)["error"] == "internal error: ZeroDivisionError"


def test_gone_and_too_many_attempts_end_it(engine, receiver, tmp_path, monkeypatch):
    receiver.answers[:] = [410, 500]
    tries = sender(engine, receiver, tmp_path)
    gone = finished_job(engine, receiver.origin)
    assert tries.deliver_next()
    monkeypatch.setattr(deliveries, "ATTEMPTS", 1)
    last = finished_job(engine, receiver.origin)
    assert tries.deliver_next()
    assert [WebhookStore(engine).of(job)["state"] for job in (gone, last)] == ["failed", "failed"]
    assert not tries.deliver_next()


def test_a_destination_that_is_no_longer_allowed_gets_nothing(engine, receiver, tmp_path):
    job = finished_job(engine, receiver.origin)
    settings = ServeSettings.checked(folder=tmp_path, webhooks_to=("hooks.example.org",))
    assert WebhookSender(settings, engine).deliver_next()
    assert WebhookStore(engine).of(job)["state"] == "failed"
    assert receiver.got == []


def test_delays_grow_over_hours(monkeypatch):
    monkeypatch.setattr(deliveries.random, "uniform", lambda low, high: 1.0)
    delays = [deliveries.delay(attempt) for attempt in range(1, deliveries.ATTEMPTS)]
    assert delays[:3] == [10.0, 40.0, 160.0]
    assert max(delays) == deliveries.LONGEST_DELAY
    assert 12 * 3600 < sum(delays) < 24 * 3600


def test_two_senders_never_have_the_same_webhook(engine):
    waiting = {finished_job(engine, "https://hooks.example.org/") for _ in range(12)}
    claimed = []

    def claim_all():
        store = WebhookStore(engine)
        for _ in range(40):
            delivery = store.claim()
            if delivery is not None:
                claimed.append(delivery.job)

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(waiting)
    assert set(claimed) == waiting


def test_a_webhook_outlives_the_process_that_claimed_it(database, receiver, tmp_path):
    first = connect(database)
    job = finished_job(first, receiver.origin)
    lost = WebhookStore(first).claim()
    first.dispose()
    engine = connect(database)
    tries = sender(engine, receiver, tmp_path)
    assert not tries.deliver_next(), "another process has it"
    with engine.begin() as connection:  # The lease is over.
        connection.execute(update(webhooks).values(due=now() - 1))
    assert tries.deliver_next()
    WebhookStore(engine).refused(lost, "too late", 500)
    state = WebhookStore(engine).of(job)
    assert (state["state"], state["attempts"]) == ("delivered", 2)
    engine.dispose()


def test_a_deleted_job_takes_its_webhook_along(engine):
    jobs = [finished_job(engine, "https://hooks.example.org/") for _ in range(2)]
    store = JobStore(engine)
    assert store.remove(jobs[0])
    assert store.remove_finished_before(now() + 1) == [jobs[1]]
    assert WebhookStore(engine).counts() == {}


def test_a_revoked_keys_webhooks_end_with_it(engine):
    keys = KeyStore(engine)
    keys.add("desk")
    owner = keys.id_of("desk")
    secret = SecretStore(engine).secret(owner)
    job = finished_job(engine, "https://hooks.example.org/", owner=owner)
    keys.revoke("desk")
    assert WebhookStore(engine).claim() is None
    assert WebhookStore(engine).of(job)["error"] == "the API key was revoked"
    assert SecretStore(engine).secret(owner) != secret


def test_each_key_signs_with_a_secret_of_its_own_that_can_be_replaced(engine):
    secrets = SecretStore(engine)
    assert secrets.secret("a") == secrets.secret("a") != secrets.secret(None)
    assert len(base64.b64decode(secrets.secret("a").removeprefix("whsec_"))) == 32
    before = secrets.secret("a")
    assert secrets.replace("a") == secrets.secret("a") != before


def test_a_store_of_before_webhooks_opens(database):
    engine = connect(database)
    with engine.begin() as connection:
        for table in (webhooks, webhook_secrets):
            connection.execute(text(f"DROP TABLE {table.name}"))
    engine.dispose()
    engine = connect(database)
    assert WebhookStore(engine).of(finished_job(engine, "https://hooks.example.org/"))["state"] == "waiting"
    engine.dispose()


# Over HTTP


def test_an_upload_names_a_webhook_and_the_api_says_what_became_of_it(
    serve, upload, finished, until, receiver
):
    client = serve(workers=1, keys=True, webhooks_to=(receiver.origin,))
    service = client.app.state.service
    client.headers["Authorization"] = f"Bearer {service.keys.add('desk')}"
    sent = upload(client, {}, data={"webhook": f"{receiver.origin}/hook"})
    assert sent.status_code == 202
    identifier = sent.json()["id"]
    finished(client, identifier)
    document = until(
        lambda: (
            (job := client.get(f"/v1/scans/{identifier}").json())["webhook"]["state"] == "delivered" and job
        )
    )
    told = verified(receiver.got[0], SecretStore(service.engine).secret(service.keys.id_of("desk")))
    assert told["data"]["result"] == document["result"]
    assert 'unmask_webhooks{state="delivered"} 1.0' in client.get("/metrics").text
    plain = upload(client, {}).json()["id"]
    assert client.get(f"/v1/scans/{plain}").json()["webhook"] is None


def test_a_webhook_that_is_not_allowed_is_a_wrong_value_and_nothing_is_kept(serve, upload):
    client = serve(webhooks_to=("hooks.example.org",))
    refused = upload(client, {}, data={"webhook": "https://10.0.0.1/"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["where"] == "body.webhook"
    assert list(client.app.state.service.settings.uploads.iterdir()) == []
    schema = client.get("/openapi.json").json()["paths"]["/v1/scans"]["post"]["requestBody"]
    assert "webhook" in schema["content"]["multipart/form-data"]["schema"]["properties"]


def test_a_server_sends_no_webhooks_unless_it_is_told_to(serve, upload):
    client = serve()
    assert upload(client, {}, data={"webhook": "https://hooks.example.org/"}).status_code == 422
    assert "webhook" not in json.dumps(client.get("/openapi.json").json()["paths"]["/v1/scans"]["post"])
