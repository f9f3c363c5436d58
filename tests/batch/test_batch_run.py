"""Runs over many files: every file once, errors, stopping, streams."""

import json
import os
import signal
import threading

import pytest
import worker_scanners

import toys
from unmask.batch import Fingerprint, IsolatedScanner, ListedPaths, Stop, StreamedPaths, run
from unmask.batch.paths import listed_in, split_paths
from unmask.report import DetectorInfo
from unmask.scanning import Settings

TOY = DetectorInfo("colour", "1", "0" * 64, "tight")


def rows(log_path):
    return [json.loads(line) for line in log_path.read_text().splitlines()]


def workers(count=2):
    return [IsolatedScanner(Settings(), TOY, make_scanner=worker_scanners.troubled) for _ in range(count)]


class Recorder:
    """Stands in for a scanner; counts what it is asked."""

    def __init__(self, scan):
        self.looked, self.scanned, self.closed = [], [], False
        self._scan = scan

    def fingerprint(self, path):
        self.looked.append(path)
        return Fingerprint(path.read_text() if path.exists() else None)

    def scan(self, path, seen):
        self.scanned.append(path)
        return self._scan(path), seen

    def abort(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def result_of(toy_scanner, make_image):
    """Return a real result under any name."""
    from dataclasses import replace

    from unmask.scanning import scan

    one = scan(make_image("one.png"))
    return lambda path: replace(one, path=str(path))


def test_two_workers_write_one_row_a_file(make_image, open_ledger, log_path):
    paths = [make_image(f"{n}.png", n, toys.RED if n % 2 else toys.BLUE) for n in range(6)]
    twins = [make_image(f"twin{n}.png", 0, toys.BLUE) for n in range(3)]
    bad = [make_image("crash.png", 99), log_path.parent / "missing.png"]
    ledger = open_ledger()
    run(ListedPaths([*paths, *twins, *bad]), ledger, workers())
    done = {row["path"]: row for row in rows(log_path)}
    assert len(rows(log_path)) == len(done) == 11
    assert [done[str(p)]["verdict"] for p in paths] == ["likely_real", "likely_fake"] * 3
    same = [done[str(p)]["batch"]["same_as"] for p in [paths[0], *twins]]
    assert same.count(None) == 1 and {done[str(p)]["score"] for p in [paths[0], *twins]} == {
        done[str(paths[2])]["score"]
    }
    assert [done[str(p)]["status"] for p in bad] == ["failed", "unreadable"]
    assert ledger.scanned == 8 and len(ledger.copies) == 3
    again = open_ledger()
    assert again.not_done([*paths, *twins, *bad]) == bad
    run(ListedPaths(bad), again, workers(1))
    # What ended its workers is tried again.
    assert [row["path"] for row in rows(log_path)[11:]] == [str(bad[0])] and again.scanned == 1


def test_the_first_error_ends_the_run_and_closes_all(tmp_path, open_ledger, result_of):
    def fail(path):
        if path.name == "7":
            raise MemoryError(path)
        return result_of(path)

    for number in range(20):
        (tmp_path / f"{number}").write_text(str(number))
    scanners = [Recorder(fail), Recorder(fail)]
    with pytest.raises(MemoryError):
        run(ListedPaths(sorted(tmp_path.glob("[0-9]*"))), open_ledger(), scanners)
    assert all(scanner.closed for scanner in scanners)


def test_a_stop_finishes_what_is_in_hand(tmp_path, open_ledger, log_path, result_of):
    for number in range(20):
        (tmp_path / f"{number}").write_text(str(number))
    stop = Stop()

    def ask_after_three(path):
        if len(scanner.scanned) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            assert threading.Event().wait(0.3) is False
        return result_of(path)

    scanner = Recorder(ask_after_three)
    before = signal.getsignal(signal.SIGTERM)
    with stop.listening():
        run(ListedPaths(sorted(tmp_path.glob("[0-9]*"))), open_ledger(), [scanner], stop)
    assert len(scanner.scanned) == len(rows(log_path)) == 3 and stop.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_request_or_time_drops_what_is_in_hand(make_image, open_ledger, log_path):
    hang = make_image("hang.png")
    for stop, asked in ((Stop(), 2), (Stop(grace=0.1), 1)):
        scanners = workers(1)
        scanners[0].fingerprint(hang)
        timers = [threading.Timer(0.3 + 0.3 * n, stop.ask, [signal.SIGINT]) for n in range(asked)]
        for timer in timers:
            timer.start()
        run(ListedPaths([hang]), open_ledger(), scanners, stop)
        assert rows(log_path) == [] and stop.signal == signal.SIGINT


def test_rows_are_written_while_the_stream_is_open(tmp_path, open_ledger, log_path, result_of):
    reader, writer = os.pipe()
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    arrived = threading.Event()
    ledger = open_ledger()
    ledger.on_done = arrived.set
    thread = threading.Thread(target=run, args=(StreamedPaths(reader), ledger, [Recorder(result_of)]))
    thread.start()
    for number, name in enumerate("ab", start=1):
        os.write(writer, os.fsencode(tmp_path / name) + b"\n")
        assert arrived.wait(10)
        arrived.clear()
        assert len(rows(log_path)) == number
    os.close(writer)
    thread.join(10)
    assert not thread.is_alive()


def test_lists_are_split_at_lines_or_at_zeros(tmp_path):
    assert [str(p) for p in split_paths([b"a b\n\nc\xff", b"d\ne"])] == ["a b", "c\udcffd", "e"]
    assert [str(p) for p in split_paths([b"a\nb\0c", b"\0", b"d\n\0"])] == ["a\nb", "c", "d\n"]
    (tmp_path / "list").write_text("x\ny\n")
    assert [str(p) for p in listed_in(tmp_path / "list")] == ["x", "y"]
