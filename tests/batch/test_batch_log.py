"""The log stays whole whatever happens to its writer, and touches nobody else's file."""

import io
import json
import os
import subprocess
import sys

import pytest

from unmask.batch import BatchError, open_log, unnamed_log

ROWS = [{"schema": 1, "path": f"{number}\udcff.png", "long": "x" * (70_000 * number)} for number in range(3)]


def test_rows_come_back_with_their_offsets(log_path):
    with open_log(log_path, resume=False) as log:
        offsets = [log.append(row) for row in ROWS]
        assert [log.read(offset) for offset in reversed(offsets)] == ROWS[::-1]
    assert [json.loads(line) for line in log_path.read_text().splitlines()] == ROWS
    with open_log(log_path, resume=True) as log:
        assert list(log.rows()) == list(zip(offsets, ROWS, strict=True))


@pytest.mark.parametrize("cut", [1, 5, 12, 20, 69_000, 70_030])
def test_a_torn_end_is_cut_off_and_the_rest_kept(log_path, cut):
    with open_log(log_path, resume=False) as log:
        for row in ROWS[:2]:
            log.append(row)
    whole = log_path.read_bytes()
    first = whole.index(b"\n") + 1
    log_path.write_bytes(whole[: first + cut])
    with open_log(log_path, resume=True) as log:
        assert [row for _, row in log.rows()] == ROWS[:1]
        log.append(ROWS[1])
    assert log_path.read_bytes() == whole


def test_zeros_that_a_lost_block_leaves_are_cut_off(log_path):
    with open_log(log_path, resume=False) as log:
        log.append(ROWS[0])
    whole = log_path.read_bytes()
    log_path.write_bytes(whole + bytes(500))
    with open_log(log_path, resume=True) as log:
        assert len(list(log.rows())) == 1
    assert log_path.read_bytes() == whole


@pytest.mark.parametrize(
    "text", ["my diary\n", "my diary", '{"schema": 1, "no": "path"}\n{"schema": 1}\n', "[]\n"]
)
def test_a_strangers_file_is_left_alone(log_path, text):
    log_path.write_text(text)
    with open_log(log_path, resume=True) as log, pytest.raises(BatchError, match="line 1 of"):
        list(log.rows())
    assert log_path.read_text() == text


def test_a_broken_line_with_lines_after_it_is_not_mended(log_path):
    log_path.write_text('{"schema": 1, "path": "a"}\n{"schema": 1, "pa\n{"schema": 1, "path": "b"}\n')
    before = log_path.read_bytes()
    with open_log(log_path, resume=True) as log, pytest.raises(BatchError, match="line 2"):
        list(log.rows())
    assert log_path.read_bytes() == before


def test_results_are_not_written_over_unless_resumed(log_path):
    log_path.write_text('{"schema": 1, "path": "a"}\n')
    with pytest.raises(BatchError, match="--resume"):
        open_log(log_path, resume=False)
    open_log(log_path, resume=True).close()


def test_one_writer_at_a_time(log_path):
    pytest.importorskip("fcntl")
    code = f"""
from pathlib import Path
from unmask.batch import BatchError, open_log
try: open_log(Path({str(log_path)!r}), True)
except BatchError as error: print(error)
"""
    with open_log(log_path, resume=False):
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "another run" in said
    open_log(log_path, resume=True).close()


def test_a_full_disk_leaves_whole_lines(log_path, monkeypatch):
    log = open_log(log_path, resume=False)
    log.append(ROWS[0])

    class Full:
        def __getattr__(self, name):
            return getattr(file, name)

        def write(self, data):
            return file.write(data[:10])

    file, log._file = log._file, Full()
    with pytest.raises(BatchError, match="full"):
        log.append(ROWS[1])
    log.close()
    assert [json.loads(line) for line in log_path.read_bytes().splitlines()] == ROWS[:1]


def test_what_is_no_file_takes_lines_and_remembers_them_for_the_run():
    echo = io.BytesIO()
    with unnamed_log(echo) as log:
        offsets = [log.append(row) for row in ROWS]
        assert log.read(offsets[1]) == ROWS[1]
    assert [json.loads(line) for line in echo.getvalue().splitlines()] == ROWS
    with pytest.raises(BatchError, match="needs a file"):
        open_log(None, resume=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_cannot_be_resumed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BatchError, match="needs a file"):
        open_log(tmp_path / "pipe", resume=True)
