"""``unmask scan`` over many files: lines, resuming, lists, stopping, exit codes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from typer.testing import CliRunner

from toy_detectors import write_detector
from unmask.cli.main import build
from unmask.cli.progress import Lines
from unmask.report.schema import schema


@pytest.fixture
def run(toy_scanner, monkeypatch):
    """Scan in this process, with toy faces, into a pipe."""
    monkeypatch.delenv("COLUMNS", raising=False)  # Parallel test processes have it.
    return lambda *words: CliRunner().invoke(build(), ["scan", "--workers", "0", *map(str, words)])


@pytest.fixture
def folder(tmp_path, toys):
    """A fake, a real one, its copy, one without a face, and a broken one."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for name, colour in (("fake.png", toys.RED), ("real.png", toys.BLUE), ("twin.png", toys.BLUE)):
        Image.fromarray(toys.draw([((20, 40, 80, 110), colour)])).save(folder / name)
    Image.fromarray(toys.draw([])).save(folder / "empty.png")
    (folder / "broken.mp4").write_text("not a video")
    return folder


@pytest.fixture
def output(tmp_path):
    return tmp_path / "lines.jsonl"


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def by_name(rows):
    assert len({row["path"] for row in rows}) == len(rows)
    return {Path(row["path"]).name: row for row in rows}


def test_what_unmask_failed_on_is_said_and_tried_again(run, folder, output, toy_scanner):
    def fail(crops):
        raise RuntimeError("a bug")

    right, toy_scanner.predict = toy_scanner.predict, fail
    done = run(folder, "--output", output)
    statuses = {name: row["status"] for name, row in by_name(lines(output.read_text("utf-8"))).items()}
    assert statuses == {
        "fake.png": "failed",
        "real.png": "failed",
        "twin.png": "failed",
        "empty.png": "no_face",
        "broken.mp4": "unreadable",
    }
    assert done.exit_code == 1 and "3 failed" in done.stderr
    toy_scanner.predict = right
    done = run(folder, "--output", output, "--resume")
    rows = lines(output.read_text("utf-8"))
    assert [row["verdict"] for row in rows[5:]] == ["likely_fake", "likely_real", "likely_real"]
    assert done.exit_code == 1 and "3 failed" not in done.stderr
    assert run(folder, "--output", output, "--resume").exit_code == 1  # Of the broken one.
    assert lines(output.read_text("utf-8")) == rows


def test_every_line_is_a_result_and_says_what_it_is_of(run, folder, output):
    done = run(folder, "--output", output)
    rows = by_name(lines(output.read_text("utf-8")))
    assert {name: row["verdict"] or row["status"] for name, row in rows.items()} == {
        "fake.png": "likely_fake",
        "real.png": "likely_real",
        "twin.png": "likely_real",
        "empty.png": "no_face",
        "broken.mp4": "unreadable",
    }
    for row in rows.values():
        Draft202012Validator(schema()).validate(row)
        content = (folder / Path(row["path"]).name).read_bytes()
        assert row["batch"]["content"] == hashlib.sha256(content).hexdigest()
    assert rows["twin.png"]["batch"]["same_as"] == str(folder / "real.png")
    assert done.exit_code == 1 and done.stdout == ""
    assert "5 files: 2 likely real" in done.stderr and "4 scanned, 1 of a known content" in done.stderr


def test_a_second_run_does_nothing_twice(run, folder, output, toy_scanner):
    run(folder, "--output", output)
    before, scored = output.read_bytes(), len(toy_scanner.batches)
    assert "--resume" in str(run(folder, "--output", output).exception) and output.read_bytes() == before
    done = run(folder, "--output", output, "--resume")
    assert output.read_bytes() == before and len(toy_scanner.batches) == scored
    assert done.exit_code == 1 and "0 scanned" in done.stderr and "5 done before" in done.stderr
    assert run(folder, "--output", output, "--resume", "--fail-on", "likely_fake").exit_code == 3
    run(folder, "--output", output, "--resume", "--frames", 3)
    assert len(lines(output.read_text())) == 10 and len(toy_scanner.batches) == scored + 2


def test_whole_results_of_many_files(run, folder, tmp_path):
    done = run(folder, "--json", "--report", tmp_path / "report")
    assert [Path(r["path"]).name for r in json.loads(done.stdout)] == sorted(p.name for p in folder.iterdir())
    assert "likely fake" in (tmp_path / "report" / "index.html").read_text("utf-8")
    assert "twin.png" in run(folder).stdout


@pytest.mark.parametrize("columns", [None, "60"])
def test_a_table_that_is_piped_breaks_no_name(run, folder, monkeypatch, columns):
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    for more in range(12):  # Names were broken or not by their length alone.
        name = folder / f"{'x' * (60 + more)}.png"
        (folder / "empty.png").replace(name)
        assert (str(name) in run(folder).stdout) is (columns is None)
        name.replace(folder / "empty.png")


def test_lines_on_standard_output(run, folder):
    done = run(folder, "--output", "-")
    assert len(by_name(lines(done.stdout))) == 5


def test_paths_come_from_a_list(run, folder, tmp_path, output):
    listed = tmp_path / "list"
    listed.write_bytes(b"\0".join(os.fsencode(path) for path in (folder / "fake.png", folder / "gone.png")))
    done = run("--from", listed, "--output", output)
    rows = by_name(lines(output.read_text()))
    assert {name: row["status"] for name, row in rows.items()} == {"fake.png": "ok", "gone.png": "unreadable"}
    assert done.exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ["FOLDER", "--resume"],
        ["FOLDER", "--ray", "local"],
        ["FOLDER", "--output", "lines.jsonl", "--resume", "--json"],
        ["FOLDER", "--output", "lines.jsonl", "--ray", "local", "--report", "report"],
        ["FOLDER", "--output", "-", "--json"],
        ["FOLDER", "--from", "list"],
        ["FOLDER", "--output", "-", "--resume"],
        ["--from", "missing"],
        ["FOLDER", "--output", "missing/lines.jsonl"],
        [],
    ],
)
def test_wrong_usage(folder, tmp_path, monkeypatch, capsys, words):
    from unmask.cli.main import main

    monkeypatch.chdir(tmp_path)
    words = [str(folder) if word == "FOLDER" else word for word in words]
    monkeypatch.setattr("sys.argv", ["unmask", "scan", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and "Traceback" not in capsys.readouterr().err


def test_lines_of_progress():
    progress = Lines(100)
    for _ in range(40):
        progress.advance()
    assert progress.line(20.0) == "40 of 100 files, 2.0 files/s, 0 min left"
    assert Lines(None).line(1.0) == "0 files, 0.0 files/s"


@pytest.fixture
def portraits(tmp_path, astronaut):
    """Write small pictures of a real face, each with bytes of its own."""

    def write(count):
        folder = tmp_path / "portraits"
        folder.mkdir()
        face = Image.fromarray(astronaut[:256, 96:352]).resize((96, 96))
        for number in range(count):
            face.save(folder / f"{number:03}.png", pnginfo=_note(number))
        return folder

    return write


def _note(number):
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_text("number", str(number))
    return note


def start(folder, output, tmp_path, *words):
    command = [sys.executable, "-m", "unmask", "scan", str(folder), "--output", str(output), "--workers", "2"]
    command += ["--detector", str(tmp_path / "toy"), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_lines(output, count, process):
    until = time.monotonic() + 120
    while not output.exists() or output.read_bytes().count(b"\n") < count:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.01)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for workers in /proc")
def test_killed_three_times_every_file_is_done_once(portraits, output, tmp_path):
    """Files with a row are spoilt in place after each kill: reading one again would show."""
    write_detector(tmp_path / "toy")
    folder, count = portraits(150), 150
    seen = []
    for kill, at in enumerate((20, 60, 110)):
        process = start(folder, output, tmp_path, "--resume")
        wait_for_lines(output, at, process)
        workers = children(process.pid)
        time.sleep((0.003, 0.017, 0.031)[kill])
        process.kill()
        process.communicate()
        whole = output.read_bytes().rpartition(b"\n")[0].splitlines()
        assert whole[: len(seen)] == seen
        for line in whole[len(seen) :]:
            spoil(Path(json.loads(line)["path"]))
        seen = whole
        until = time.monotonic() + 20
        while any(map(is_alive, workers)):
            assert time.monotonic() < until, "workers outlive the killed run"
            time.sleep(0.05)
    process = start(folder, output, tmp_path, "--resume")
    _, said = process.communicate(timeout=200)
    rows = lines(output.read_text())
    assert process.returncode == 0, said
    assert len(by_name(rows)) == count and {row["status"] for row in rows} == {"ok"}
    assert output.read_bytes().splitlines()[: len(seen)] == seen
    assert f"{count - len(seen)} scanned, 0 of a known content, {len(seen)} done before" in said


def spoil(path):
    """Put zeros into a file, with the same size and time of change."""
    facts = path.stat()
    path.write_bytes(bytes(facts.st_size))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_order(portraits, output, tmp_path, number):
    write_detector(tmp_path / "toy")
    process = start(portraits(60), output, tmp_path)
    wait_for_lines(output, 3, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number and "stopping" in said and "Traceback" not in said
    written = len(lines(output.read_text()))
    assert 3 <= written < 60 and f"{written} scanned" in said


def test_a_reader_that_leaves_ends_a_run_quietly(portraits, tmp_path):
    write_detector(tmp_path / "toy")
    process = start(portraits(60), "-", tmp_path)
    first = process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    assert json.loads(first)["status"] == "ok"
    assert process.wait(60) == 141 and "Traceback" not in said and "Error" not in said
