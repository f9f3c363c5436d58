"""A scanner that is closed while it works leaves nobody waiting."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from unmask.scanning import Scanner, ScannerClosedError, Settings, loading

PATIENCE = 20


@pytest.fixture
def slow_weights(monkeypatch, toy_scanner, detector, finder):
    """The detector's weights are loaded once the event is set."""
    come = threading.Event()

    def load(name, threads, beside):
        come.wait(PATIENCE)
        return detector

    monkeypatch.setattr(loading, "_load_detector", load)
    yield come
    come.set()


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("isolated", [True, False])
def test_closing_while_weights_load_ends_the_scan(slow_weights, two_faces, finder, isolated):
    scanner = Scanner(Settings(frames=2, threads=2, isolated=isolated))
    with ThreadPoolExecutor(1) as pool:
        scan = pool.submit(scanner.scan, two_faces)
        wait_until(lambda: finder.asked == 2)
        scanner.close()
        slow_weights.set()
        with pytest.raises(ScannerClosedError):
            scan.result(PATIENCE)


class Gate:
    """A finder that waits until it may find."""

    def __init__(self, finder):
        self.finder, self.open, self.asked = finder, threading.Event(), 0

    def find(self, image):
        self.asked += 1
        assert self.open.wait(PATIENCE)
        return self.finder.find(image)


@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize("frames", [2, 20])
def test_closing_in_the_middle_of_a_scan_ends_it(two_faces, detector, finder, frames, isolated):
    """Also where the scan waits for room: more frames are wanted than may be in hand."""
    gate = Gate(finder)
    scanner = Scanner(Settings(frames=frames, threads=1, isolated=isolated), detector, gate)
    with ThreadPoolExecutor(2) as pool:
        scan = pool.submit(scanner.scan_or_explain, two_faces)
        wait_until(lambda: gate.asked)
        time.sleep(0.3)  # The scan waits for its frames, or for room.
        closing = pool.submit(scanner.close)
        wait_until(lambda: scanner._closed)
        gate.open.set()
        closing.result(PATIENCE)
        with pytest.raises(ScannerClosedError):
            scan.result(PATIENCE)


def test_predictions_that_wait_for_a_thread_are_told_too(two_faces, detector, finder):
    begun, go_on = threading.Event(), threading.Event()
    predict = detector.predict

    def slowly(crops):
        begun.set()
        assert go_on.wait(PATIENCE)
        return predict(crops)

    detector.predict = slowly
    scanner = Scanner(Settings(frames=2, threads=1), detector, finder)
    with ThreadPoolExecutor(2) as pool:
        scan = pool.submit(scanner.scan, two_faces)
        assert begun.wait(PATIENCE)
        closing = pool.submit(scanner.close)
        wait_until(lambda: scanner._closed)
        go_on.set()
        closing.result(PATIENCE)
        with pytest.raises(ScannerClosedError):
            scan.result(PATIENCE)


def test_a_closed_scanner_says_so(two_faces, detector, finder):
    with Scanner(Settings(), detector, finder) as scanner:
        assert scanner.scan(two_faces).status == "ok"
    for scan in (scanner.scan, scanner.scan_or_explain):
        with pytest.raises(ScannerClosedError, match="was closed"):
            scan(two_faces)
    scanner.close()
