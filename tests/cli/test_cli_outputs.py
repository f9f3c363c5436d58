"""Outputs of a scan that cannot be written: told before the work where that can be, and never at the others' cost."""

import io
import json
import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from unmask.cli.main import build, explain, main
from unmask.media import Limits, MediaError, spooled_to_file

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.fixture
def run(toy_scanner, finder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("unmask.faces.CenterFace", lambda *a, **k: finder)
    return lambda *words, **options: CliRunner().invoke(build(), ["scan", *map(str, words)], **options)


@pytest.fixture
def picture(tmp_path, toys):
    path = tmp_path / "face.png"
    Image.fromarray(toys.draw([((20, 40, 80, 110), toys.BLUE)])).save(path)
    return path


@contextmanager
def files_of_at_most(size):
    """Let writing fail beyond so many bytes in a file, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("option", ["--report", "--annotate"])
@pytest.mark.parametrize("place", ["file", "file/below", "link", "locked"])
def test_a_folder_that_cannot_be_used_is_told_before_the_scan(
    run, picture, tmp_path, toy_scanner, option, place
):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "at" / "all")
    (tmp_path / "locked").mkdir(mode=0o500)
    if place == "locked" and os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("the superuser may write everywhere")
    done = run(picture, option, tmp_path / place)
    message, code = explain(done.exception)
    assert code == 2 and message.startswith(f"{option}: cannot write into ") and "\n" not in message
    assert not toy_scanner.batches


def test_missing_parents_are_made(run, picture, tmp_path):
    done = run(picture, "--report", tmp_path / "a" / "b", "--annotate", tmp_path / "c" / "d")
    assert done.exit_code == 0
    assert (tmp_path / "a/b/index.html").is_file() and (tmp_path / "c/d/face.annotated.png").is_file()


def test_a_report_and_a_copy_that_fail_leave_the_rest(run, picture, make_video, toys, tmp_path):
    clip = make_video([toys.draw([((20, 40, 80, 110), toys.RED)])] * 4)
    out = tmp_path / "out"
    with files_of_at_most(600):
        done = run(picture, clip, "--report", out, "--annotate", out, "--json")
    assert done.exit_code == 1
    assert [row["status"] for row in json.loads(done.stdout)] == ["ok", "ok"]
    said = done.stderr.splitlines()
    assert [line.split(":")[0] for line in said] == ["unmask"] * 3 and "file too large" in said[0]
    assert said[1].startswith(f"unmask: not annotated: {picture}: the copy cannot be written: ")
    assert said[2].startswith(f"unmask: not annotated: {clip}: the copy cannot be written: ")
    assert not list(out.iterdir())


def test_a_report_that_is_there_stays_whole(run, picture, tmp_path):
    run(picture, "--report", tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with files_of_at_most(600):
        assert run(picture, "--report", tmp_path / "out").exit_code == 1
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_a_copy_that_unmask_itself_cannot_make_is_one_line(run, picture, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("no such\nlabel")

    monkeypatch.setattr("unmask.annotating.drawn", fail)
    done = run(picture, "--annotate", tmp_path / "out")
    assert done.exit_code == 1 and "likely real" in done.stdout
    assert done.stderr == f"unmask: not annotated: {picture}: internal error: ValueError: no such label\n"


@needs_full
def test_lines_that_cannot_be_written_end_the_run_with_one_line(run, picture, monkeypatch, capsys):
    monkeypatch.setattr(
        "sys.argv", ["unmask", "scan", str(picture), "--output", "/dev/full", "--workers", "0"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    lines = capsys.readouterr().err.splitlines()
    assert ended.value.code == 1 and lines[-1] == "unmask: '/dev/full': no space left on device"
    assert not any("internal" in line or "Traceback" in line for line in lines)


@needs_full
def test_lines_that_cannot_be_written_leave_the_rest(run, picture, tmp_path):
    out = tmp_path / "out"
    done = run(picture, "--output", "/dev/full", "--workers", 0, "--json", "--report", out)
    assert done.exit_code == 1 and json.loads(done.stdout)["status"] == "ok"
    assert (out / "index.html").is_file() and "unmask: '/dev/full': no space left on device\n" in done.stderr


def test_a_file_of_lines_that_fills_the_disk_keeps_whole_lines(run, picture, tmp_path):
    lines = tmp_path / "lines.jsonl"
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(picture.read_bytes() + bytes([number]))
    with files_of_at_most(3000):
        done = run(tmp_path, "--output", lines, "--workers", 0)
    message, code = explain(done.exception)
    assert code == 1 and message in (
        f"'{lines}': file too large",
        f"'{lines}': only a part of the line could be written; is the disk full?",
    )
    assert [json.loads(line)["status"] for line in lines.read_text().splitlines()] in (["ok"], ["ok"] * 2)


def test_standard_input_that_finds_no_room_is_one_row(run, picture):
    with files_of_at_most(200):
        done = run("-", picture, "--json", input=picture.read_bytes())
    rows = json.loads(done.stdout)
    assert done.exit_code == 1 and [row["status"] for row in rows][1] == "ok"
    assert rows[0]["status"] != "ok" and "temporary file" in rows[0]["detail"]
    assert "file too large" in rows[0]["detail"] and "internal" not in rows[0]["detail"]


def test_without_a_folder_for_temporary_files_a_stream_is_told(monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", none)
    monkeypatch.setattr("tempfile.tempdir", None)
    with (
        pytest.raises(MediaError, match="temporary file: no usable temporary directory"),
        spooled_to_file(io.BytesIO(b"x"), Limits()),
    ):
        pass


def test_standard_input_is_annotated(run, picture, two_faces, tmp_path):
    out = tmp_path / "out"
    done = run("-", "--annotate", out, "--json", input=picture.read_bytes())
    assert (done.exit_code, json.loads(done.stdout)["path"]) == (0, "-")
    assert done.stderr == f"annotated: {out / 'stdin.annotated.png'}\n"
    done = run("-", picture, "--annotate", out, input=two_faces.read_bytes())
    assert done.exit_code == 0
    made = {path.name for path in out.iterdir()}
    assert made == {"stdin.annotated.png", "stdin.annotated.mp4", "face.annotated.png"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://example.com/a.mp4?x=1&y",
         "https://example.com/a.mp4?x=1&y: addresses are not fetched; pipe the file: "
         "curl -L 'https://example.com/a.mp4?x=1&y' | unmask scan -"),
        ("HTTP://example.com/" + "a" * 300, "curl -L HTTP://example.com/aaa"),
        ("rtsp://camera/1", "rtsp://camera/1: addresses are not fetched; save it to a file, or pipe it"),
        ("s3://bucket/a.mp4", "curl -L URL | unmask scan -"),
        ("file:///home/a.mp4", "name its path, /home/a.mp4"),
    ],
)  # fmt: skip
def test_an_address_is_not_fetched_and_says_what_to_do(run, picture, given, said):
    message, code = explain(run(given).exception)
    assert code == 2 and said in message and "\n" not in message
    done = run(given, picture, "--json")
    rows = json.loads(done.stdout)
    assert [row["status"] for row in rows] == ["unreadable", "ok"] and done.exit_code == 1
    assert rows[0]["path"] == given
    assert "addresses are not fetched" in rows[0]["detail"] and "| unmask scan -" in rows[0]["detail"]


def test_a_file_that_is_there_is_no_address(run, picture, monkeypatch):
    monkeypatch.chdir(picture.parent)
    Path("http:").mkdir()
    picture.rename("http:/face.png")
    assert run("http:/face.png").exit_code == 0
    assert "no such file" in explain(run("C:/face.png").exception)[0]
