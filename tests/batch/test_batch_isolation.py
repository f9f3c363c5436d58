"""A file that ends its worker gets a status; the next file gets a fresh worker."""

import threading
import time

import pytest
import worker_scanners

from unmask.batch import BatchError, Fingerprint, IsolatedScanner, fingerprint
from unmask.batch.isolation import AbortedError
from unmask.detectors import DetectorError
from unmask.report import DetectorInfo
from unmask.scanning import DEFAULTS, Settings

TOY = DetectorInfo("colour", "1", "0" * 64, "tight")


@pytest.fixture
def isolated():
    made = []

    def make(make_scanner=worker_scanners.troubled, settings=DEFAULTS, **options):
        made.append(IsolatedScanner(settings, TOY, make_scanner=make_scanner, **options))
        return made[-1]

    yield make
    for scanner in made:
        scanner.close()


def test_files_that_end_their_worker_spare_the_others(isolated, make_image):
    scanner = isolated()
    good, crash, once, leave = (
        make_image(f"{name}.png", n) for n, name in enumerate(["good", "crash", "crash-once", "quit"])
    )
    seen = scanner.fingerprint(good)
    assert seen == fingerprint(good, 10**9)
    result, of = scanner.scan(good, seen)
    assert (result.status, result.verdict, of) == ("ok", "likely_fake", seen)
    first = scanner.pid
    result, of = scanner.scan(crash, scanner.fingerprint(crash))
    assert (result.status, of.content) == ("failed", fingerprint(crash, 10**9).content)
    assert "SIGSEGV" in result.detail and result.detector == TOY
    assert scanner.scan(once, scanner.fingerprint(once))[0].status == "ok"
    assert "exit code 7" in scanner.scan(leave, scanner.fingerprint(leave))[0].detail
    assert scanner.scan(good, seen)[0].status == "ok" and scanner.pid != first


def test_a_file_that_takes_forever_is_ended(isolated, make_image):
    scanner = isolated(patience=2.0)
    path = make_image("good.png")
    scanner.scan(path, scanner.fingerprint(path))
    hang = make_image("hang.png")
    result, _ = scanner.scan(hang, Fingerprint())
    assert result.status == "failed" and "2 seconds" in result.detail


def test_a_worker_that_decodes_itself_ends_by_the_files_fault(isolated, make_image):
    scanner = isolated(settings=Settings(isolated=False))
    result, _ = scanner.scan(make_image("crash.png"), Fingerprint())
    assert result.status == "unreadable" and "SIGSEGV" in result.detail


def test_a_file_that_changed_meanwhile_has_no_result(isolated, make_image):
    scanner = isolated()
    path = make_image("good.png")
    seen = scanner.fingerprint(path)
    make_image("good.png", colour=(30, 30, 220))
    result, of = scanner.scan(path, seen)
    assert (result.status, result.score, of) == ("unreadable", None, Fingerprint())
    assert result.detail == "it changed while it was scanned"


def test_dropping_ends_the_file_in_hand(isolated, make_image):
    scanner = isolated()
    hang = make_image("hang.png")
    scanner.fingerprint(hang)
    raised = []

    def scan():
        try:
            scanner.scan(hang, Fingerprint())
        except AbortedError as error:
            raised.append(error)

    thread = threading.Thread(target=scan)
    thread.start()
    time.sleep(0.2)
    scanner.abort()
    thread.join(10)
    assert len(raised) == 1 and scanner.pid is None


def test_a_detector_that_cannot_be_loaded_is_said(isolated, make_image):
    with pytest.raises(DetectorError, match="the weights are gone"):
        isolated(worker_scanners.without_weights).fingerprint(make_image("good.png"))


def test_workers_that_never_start_end_the_run(isolated, make_image):
    with pytest.raises(BatchError, match="as soon as they start"):
        isolated(worker_scanners.ends_at_once).fingerprint(make_image("good.png"))
