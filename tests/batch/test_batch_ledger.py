"""Each file gets one row, each content one scan, in any number of runs."""

import json
from pathlib import Path

import pytest

from unmask.batch import Fingerprint, fingerprint


def row(path, seen, key="key", status="ok", verdict="likely_real"):
    batch = {
        "content": seen.content,
        "bytes": seen.bytes,
        "modified": seen.modified,
        "scan": key,
        "same_as": None,
    }
    return {
        "schema": 1,
        "path": str(path),
        "status": status,
        "verdict": verdict,
        "seconds": 2.0,
        "batch": batch,
    }


def lines(log_path):
    return [json.loads(line) for line in log_path.read_text().splitlines()]


@pytest.fixture
def file(tmp_path):
    def make(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path, fingerprint(path, 1000)

    return make


def test_a_second_run_finds_the_file_done_without_reading_it(open_ledger, file, monkeypatch):
    path, seen = file("a.png", "a")
    ledger = open_ledger()
    assert not ledger.is_done(path) and ledger.claim(path, seen)
    ledger.finish(path, seen, row(path, seen))
    ledger = open_ledger()
    monkeypatch.setattr(Path, "open", None)
    assert ledger.not_done([path]) == []
    assert ledger.outcomes == {("ok", "likely_real"): 1} and ledger.done_before == 1


def test_a_touched_file_of_the_same_content_is_done(open_ledger, file, log_path):
    path, seen = file("a.png", "a")
    ledger = open_ledger()
    ledger.claim(path, seen)
    ledger.finish(path, seen, row(path, seen))
    touched = Fingerprint(seen.content, seen.bytes, 5.0)
    assert not open_ledger().claim(path, touched)
    assert len(lines(log_path)) == 1


def test_a_file_on_which_unmask_failed_is_never_done(open_ledger, file, log_path):
    path, seen = file("a.png", "a")
    twin, twins = file("b.png", "a")
    ledger = open_ledger()
    ledger.claim(path, seen)
    ledger.finish(path, seen, row(path, seen, status="failed", verdict=None))
    # Within one run the same content is not tried again and again.
    assert not ledger.claim(twin, twins) and lines(log_path)[1]["status"] == "failed"
    assert ledger.outcomes == {("failed", None): 2}
    ledger = open_ledger()
    assert not ledger.is_done(path) and not ledger.is_done(twin) and not ledger.known_contents()
    assert ledger.claim(path, seen)
    ledger.finish(path, seen, row(path, seen))
    assert not ledger.claim(twin, twins) and lines(log_path)[3]["status"] == "ok"
    ledger = open_ledger()
    assert ledger.not_done([path, twin]) == [] and ledger.outcomes == {("ok", "likely_real"): 2}
    assert len(lines(log_path)) == 4


def test_a_file_that_could_not_be_read_and_then_failed_is_never_done(open_ledger, file):
    missing, nothing = Path("missing.png"), Fingerprint()
    ledger = open_ledger()
    assert ledger.claim(missing, nothing)
    ledger.finish(missing, nothing, row(missing, nothing, status="failed", verdict=None))
    assert open_ledger().claim(missing, nothing)


def test_a_changed_file_is_scanned_again(open_ledger, file):
    path, seen = file("a.png", "a")
    ledger = open_ledger()
    ledger.claim(path, seen)
    ledger.finish(path, seen, row(path, seen))
    path, seen = file("a.png", "other")
    ledger = open_ledger()
    assert not ledger.is_done(path) and ledger.claim(path, seen)


def test_another_key_is_another_scan(open_ledger, file):
    path, seen = file("a.png", "a")
    ledger = open_ledger()
    ledger.claim(path, seen)
    ledger.finish(path, seen, row(path, seen))
    ledger = open_ledger("another key")
    assert ledger.of_other_scans == 1 and not ledger.is_done(path) and ledger.claim(path, seen)


def test_copies_of_a_known_content_refer_to_it(open_ledger, file, log_path):
    (path, seen), (copy, seen_copy) = file("a.png", "a"), file("b.png", "a")
    ledger = open_ledger()
    ledger.claim(path, seen)
    ledger.finish(path, seen, row(path, seen))
    ledger = open_ledger()
    assert not ledger.claim(copy, seen_copy)
    written = lines(log_path)[1]
    assert (
        written["path"] == str(copy) and written["batch"]["same_as"] == str(path) and written["seconds"] == 0
    )
    assert {**written, "path": "", "seconds": 0, "batch": 0} == {**row("", seen), "seconds": 0, "batch": 0}
    assert ledger.copies == {str(copy): str(path)} and ledger.scanned == 0


def test_copies_wait_for_the_one_in_hand(open_ledger, file, log_path):
    (path, seen), (copy, seen_copy) = file("a.png", "a"), file("b.png", "a")
    ledger = open_ledger()
    assert ledger.claim(path, seen) and not ledger.claim(copy, seen_copy)
    assert lines(log_path) == []
    assert ledger.finish(path, seen, row(path, seen)) == []
    assert [line["path"] for line in lines(log_path)] == [str(path), str(copy)]


def test_those_that_waited_are_looked_at_anew_when_the_content_was_gone(open_ledger, file):
    (path, seen), (copy, seen_copy) = file("a.png", "a"), file("b.png", "a")
    ledger = open_ledger()
    assert ledger.claim(path, seen) and not ledger.claim(copy, seen_copy)
    changed = row(path, Fingerprint(), status="unreadable", verdict=None)
    assert ledger.finish(path, seen, changed) == [copy]
    assert ledger.claim(copy, seen_copy)
    assert ledger.release(copy, seen_copy) == [] and ledger.claim(path, seen)


def test_what_cannot_be_read_has_one_row_until_it_can(open_ledger, file, log_path):
    missing = Path(log_path.parent, "missing.png")
    for _ in range(2):
        ledger = open_ledger()
        assert not ledger.is_done(missing)
        if ledger.claim(missing, Fingerprint()):
            ledger.finish(
                missing, Fingerprint(), row(missing, Fingerprint(), status="unreadable", verdict=None)
            )
    assert len(lines(log_path)) == 1 and ledger.outcomes == {("unreadable", None): 1}
    path, seen = file("missing.png", "here now")
    assert ledger.claim(path, seen)


def test_a_million_would_fit(open_ledger, log_path):
    """The index holds hashes, not rows: below 1 kB a row."""
    import tracemalloc

    with log_path.open("w") as file:
        for number in range(2000):
            seen = Fingerprint(f"{number:064x}", number, 1.5)
            file.write(
                json.dumps(row(f"/some/long/path/{number}.png", seen) | {"padding": "x" * 2000}) + "\n"
            )
    tracemalloc.start()
    ledger = open_ledger()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(ledger.known_contents()) == 2000 and size / 2000 < 1000
