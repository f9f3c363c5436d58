"""Standard streams that are closed, full or no longer read, through the command as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from toy_detectors import write_detector

pytestmark = pytest.mark.skipif(os.name == "nt", reason="redirects with a POSIX shell")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def unmask(redirect, *words, cwd=None, **environment):
    """Run the command with a shell's redirect; return (exit code, standard output, standard error)."""
    line = f'"$0" -m unmask "$@" {redirect}'
    done = subprocess.run(
        ["sh", "-c", line, sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
    )
    return done.returncode, done.stdout, done.stderr


def unread(*words, cwd=None):
    """Run the command with a standard output whose reader has gone; return (exit code, standard error)."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "unmask", *map(str, words)],
            stdout=writer, stderr=subprocess.PIPE, text=True, cwd=cwd,
        )  # fmt: skip
    finally:
        os.close(writer)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory, request):
    """A toy detector and a picture without a face."""
    folder = tmp_path_factory.mktemp("streams")
    write_detector(folder / "toy")
    Image.new("RGB", (64, 64), "grey").save(folder / "grey.png")
    return folder


SCAN = ("scan", "grey.png", "--detector", "toy")
# Written by rich, by typer, and at the end of a scan.
VERBS = [("scan", "--help"), ("--version",), SCAN]
CLOSED, FULL = "unmask: standard output is closed\n", "unmask: standard output: no space left on device\n"


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_closed_standard_output_is_one_line(folder, words):
    assert unmask(">&-", *words, cwd=folder) == (1, "", CLOSED)


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", VERBS[:2], ids=" ".join)
def test_a_full_standard_output_is_one_line(folder, words, unbuffered):
    assert unmask(">/dev/full", *words, cwd=folder, PYTHONUNBUFFERED=unbuffered) == (1, "", FULL)


@needs_full
@pytest.mark.parametrize("words", [("detectors",), SCAN, (*SCAN, "--output", "-", "--workers", "0")])
def test_results_into_a_full_standard_output_are_one_line(folder, words):
    assert unmask(">/dev/full", *words, cwd=folder) == (1, "", FULL)


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_reader_that_has_gone_is_no_error_and_no_unreadable_input(folder, words):
    assert unread(*words, cwd=folder) == (141, "")


@pytest.mark.parametrize(
    "redirect", ["2>&-", "<&-", "<&- 2>&-", pytest.param("2>/dev/full", marks=needs_full)]
)
def test_nothing_else_depends_on_closed_input_and_messages(folder, redirect):
    code, printed, said = unmask(redirect, *SCAN, cwd=folder)
    assert (code, said) == (0, "") and "no face" in printed


@pytest.mark.parametrize("words", [("no-such-verb",), ("audit", "no-such-set"), ("scan", "no-such-file")])
def test_wrong_usage_keeps_its_code_when_nobody_hears_of_it(folder, words):
    assert unmask("2>&-", *words, cwd=folder) == (2, "", "")


def test_with_all_streams_closed_lines_go_to_their_file(folder, tmp_path):
    lines = tmp_path / "lines.jsonl"
    words = (*SCAN, "--output", lines, "--workers", "0")
    assert unmask("<&- >&- 2>&-", *words, cwd=folder) == (0, "", "")
    assert lines.read_text().count("\n") == 1 and '"no_face"' in lines.read_text()


def test_a_file_never_takes_the_place_of_a_closed_stream(tmp_path):
    """What a library writes to descriptor 2 must not end up in a file of results."""
    program = (
        "import os, sys; sys.argv = ['unmask', '--version']\n"
        "from unmask.cli import command\n"
        "try: command()\n"
        "except SystemExit: pass\n"
        "with open('file', 'w') as file:\n"
        "    assert file.fileno() > 2\n"
        "    os.write(2, b'a message')\n"
    )
    (tmp_path / "program.py").write_text(program)
    subprocess.run(["sh", "-c", '"$0" program.py <&- >&- 2>&-', sys.executable], cwd=tmp_path, check=True)
    assert (tmp_path / "file").read_bytes() == b""


@needs_full
def test_fail_on_outweighs_an_output_that_is_full(folder, astronaut):
    Image.fromarray(astronaut[:256, 96:352]).save(folder / "face.png")
    words = ("scan", "face.png", "--detector", "toy")
    verdicts = [
        word for name in ("likely_fake", "likely_real", "inconclusive") for word in ("--fail-on", name)
    ]
    assert unmask(">/dev/full", *words, *verdicts, cwd=folder) == (3, "", FULL)
    assert unread(*words, *verdicts, cwd=folder) == (3, "")


def test_closed_input_is_an_input_that_cannot_be_read(folder):
    code, printed, said = unmask("<&-", "scan", "-", "--detector", "toy", cwd=folder)
    assert (code, said) == (1, "") and "unreadable" in printed
    words = ("scan", "--from", "-", "--output", "lines.jsonl", "--workers", "0", "--detector", "toy")
    code, printed, said = unmask("<&-", *words, cwd=folder)
    assert (code, printed) == (2, "") and said.endswith(
        "the list of paths cannot be read: bad file descriptor\n"
    )
    assert "Traceback" not in said


@needs_full
def test_a_key_that_was_not_printed_is_not_kept(folder):
    pytest.importorskip("sqlalchemy")
    words = ("keys", "--folder", "data")
    assert unmask(">/dev/full", *words, "add", "me", cwd=folder) == (1, "", FULL)
    assert unmask("", *words, "list", cwd=folder) == (0, "", "")
    assert unmask("", *words, "add", "me", cwd=folder)[0] == 0


def test_a_full_disk_is_no_bug():
    from unmask.cli.main import explain

    assert explain(OSError(28, "No space left on device")) == ("No space left on device", 1)
    assert explain(OSError(28, "No space left on device", "a\nb")) == ("a\\nb: No space left on device", 1)
    assert explain(PermissionError(13, "Permission denied", "file"))[1] == 2
    assert explain(OSError(107, "Transport endpoint is not connected"))[1] == 70
