"""The log of scans: what it shows when it was changed, and what a crash or other writers leave of it."""

import hashlib
import json
import subprocess
import sys

import pytest

from unmask.records.custody import NOTHING_BEFORE, CustodyLog, check_chain
from unmask.records.errors import RecordError, RecordWriteError


@pytest.fixture
def log(tmp_path):
    """A log of four entries."""
    path = tmp_path / "custody.jsonl"
    written = CustodyLog(path)
    for number in range(4):
        written.append({"input": {"path": f"{number}.mp4", "sha256": str(number) * 64}})
    return path


def lines_of(path):
    return path.read_bytes().split(b"\n")[:-1]


def test_each_entry_has_the_hash_of_the_line_before_it(log):
    lines = lines_of(log)
    entries = [json.loads(line) for line in lines]
    before = [NOTHING_BEFORE, *(hashlib.sha256(line).hexdigest() for line in lines)]
    assert [entry["previous"] for entry in entries] == before[:-1]
    assert [entry["input"]["path"] for entry in entries] == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
    assert all(entry["time"].endswith("+00:00") for entry in entries)
    checked = check_chain(log)
    assert (checked.lines, checked.entries, checked.broken, checked.torn) == (4, 4, None, ())
    assert checked.last_sha256 == before[-1]


def test_a_changed_byte_is_named_by_its_line(log):
    whole = log.read_bytes()
    wrong = []
    for place in range(len(whole)):
        log.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        line, checked = whole[:place].count(b"\n") + 1, check_chain(log)
        # Without its line break the last line looks as if a crash had cut it off.
        if line not in (checked.broken, *(checked.torn if place == len(whole) - 1 else ())):
            wrong.append((place, line, checked))
    assert not wrong


@pytest.mark.parametrize(
    ("order", "broken"), [([0, 2, 3], 2), ([1, 2, 3], 1), ([0, 2, 1, 3], 2), ([0, 1, 1, 2], 3)]
)
def test_lines_removed_moved_or_repeated_break_the_chain(log, order, broken):
    lines = lines_of(log)
    log.write_bytes(b"".join(lines[number] + b"\n" for number in order))
    assert check_chain(log).broken == broken


@pytest.mark.parametrize("left", [1, 5, 40, 150])
def test_a_torn_line_stays_and_is_told(log, left):
    lines = lines_of(log)
    torn = b"\n".join(lines[:3]) + b"\n" + lines[3][:left]
    log.write_bytes(torn)
    assert (check_chain(log).broken, check_chain(log).torn) == (None, (4,))
    CustodyLog(log).append({"input": {}})
    assert log.read_bytes().startswith(torn + b"\n")
    entry = json.loads(lines_of(log)[-1])
    assert entry["after_torn_line"] is True
    assert entry["previous"] == hashlib.sha256(lines[2] + b"\n" + lines[3][:left]).hexdigest()
    CustodyLog(log).append({"input": {}})
    checked = check_chain(log)
    assert (checked.lines, checked.entries, checked.broken, checked.torn) == (6, 5, None, (4,))


def test_a_torn_line_counts_in_the_chain(log):
    lines = lines_of(log)
    log.write_bytes(b"\n".join(lines[:3]) + b"\n" + lines[3][:60])
    CustodyLog(log).append({"input": {}})
    log.write_bytes(log.read_bytes().replace(lines[3][:60], lines[3][:59]))
    assert check_chain(log).broken == 5


def test_a_line_without_its_break_is_whole(log):
    log.write_bytes(log.read_bytes()[:-1])
    CustodyLog(log).append({"input": {}})
    assert check_chain(log).broken is None and "after_torn_line" not in json.loads(lines_of(log)[-1])


def test_a_crash_at_the_first_line_is_survived(tmp_path):
    path = tmp_path / "custody.jsonl"
    path.write_bytes(b'{"schema": 1, "prev')
    CustodyLog(path).append({"input": {}})
    assert (check_chain(path).broken, check_chain(path).torn) == (None, (1,))


@pytest.mark.parametrize(
    ("content", "broken"),
    [(b"notes\n", 1), (b'{"schema": 2, "path": "a"}\nnotes\n', 2), (b"\x89PNG" * 100_000, 1)],
)
def test_a_strangers_file_is_left_alone(tmp_path, content, broken):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(RecordError, match="no log of scans"):
        CustodyLog(path)
    assert path.read_bytes() == content
    assert check_chain(path).broken == broken


def test_a_full_disk_is_one_line(log, monkeypatch):
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(RecordWriteError, match=r"custody\.jsonl.*no space left"):
        CustodyLog(log).append({})


def test_entries_of_several_writers_stand_in_one_chain(tmp_path):
    path = tmp_path / "custody.jsonl"
    code = (
        "import sys\nfrom pathlib import Path\nfrom unmask.records.custody import CustodyLog\n"
        "log = CustodyLog(Path(sys.argv[1]))\n"
        "for number in range(25): log.append({'writer': sys.argv[2], 'number': number})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "abcd"]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    checked = check_chain(path)
    assert (checked.entries, checked.broken) == (100, None)
    entries = [json.loads(line) for line in lines_of(path)]
    for name in "abcd":
        assert [entry["number"] for entry in entries if entry["writer"] == name] == list(range(25))
