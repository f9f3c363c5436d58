"""``unmask verify`` and the options of ``unmask scan`` that leave something to verify."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from unmask.cli.main import build, explain
from unmask.records.custody import CustodyLog
from unmask.report import ScanResult


@pytest.fixture
def run(toy_scanner, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return lambda *words, **more: CliRunner().invoke(build(), [str(word) for word in words], **more)


@pytest.fixture
def pictures(tmp_path, toys):
    """Three pictures, two of the same content."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in (("a.png", toys.RED), ("b.png", toys.BLUE), ("c.png", toys.RED)):
        Image.fromarray(toys.draw([((20, 40, 80, 110), colour)])).save(folder / name)
    return folder


def entries(path="log.jsonl"):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


@pytest.mark.parametrize("words", [[], ["--workers", 0], ["--output", "out.jsonl", "--workers", 0]])
def test_each_scan_has_a_line(run, pictures, words):
    assert run("scan", "pictures", "--custody-log", "log.jsonl", *words).exit_code == 0
    found = {entry["input"]["path"]: entry for entry in entries()}
    assert sorted(found) == ["pictures/a.png", "pictures/b.png", "pictures/c.png"]
    first, other, same = (found[name] for name in sorted(found))
    assert first["verdict"] == "likely_fake" and other["verdict"] == "likely_real"
    assert first["result_sha256"] == same["result_sha256"] != other["result_sha256"]
    assert first["input"]["sha256"] == same["input"]["sha256"]
    assert len({entry["settings_sha256"] for entry in entries()}) == 1
    done = run("verify", "log.jsonl")
    assert (done.exit_code, "3 lines, the chain holds" in done.stdout) == (0, True)


def test_an_emptied_log_proves_nothing(run, tmp_path):
    (tmp_path / "log.jsonl").touch()
    done = run("verify", tmp_path / "log.jsonl")
    assert (done.exit_code, "empty: no scan is recorded" in done.stdout) == (1, True)


def test_the_log_grows_and_a_report_has_a_line_too(run, pictures):
    run("scan", "pictures/a.png", "--custody-log", "log.jsonl")
    run("scan", "pictures/b.png", "--custody-log", "log.jsonl", "--frames", 3, "--report", "report")
    first, second, report = entries()
    assert first["settings_sha256"] != second["settings_sha256"]
    assert (report["event"], report["folder"]) == ("report", "report") and len(
        report["manifest_sha256"]
    ) == 64
    assert run("verify", "log.jsonl").exit_code == 0


def test_standard_input_and_what_cannot_be_read_have_lines(run, pictures):
    run("scan", "-", "--custody-log", "log.jsonl", input=(pictures / "a.png").read_bytes())
    run("scan", "-", "--custody-log", "log.jsonl", input=b"no picture")
    run("scan", "pictures/a.png", "missing.png", "--custody-log", "log.jsonl")
    found = entries()
    assert [entry["status"] for entry in found] == ["ok", "unreadable", "ok", "unreadable"]
    assert found[0]["input"]["sha256"] == found[2]["input"]["sha256"]
    assert (found[3]["input"]["sha256"], found[3]["input"]["path"]) == (None, "missing.png")


def test_a_broken_log_is_named_by_its_line(run, pictures, tmp_path):
    run("scan", "pictures", "--custody-log", "log.jsonl")
    log = tmp_path / "log.jsonl"
    log.write_text(log.read_text().replace("likely_real", "likely_fake"))
    done = run("verify", "log.jsonl", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["broken"], found["equal"], found["kind"]) == (3, 2, False, "custody_log")
    assert "line 2: BROKEN: it was changed" in run("verify", "log.jsonl").stdout


def test_a_cut_off_end_is_told(run, pictures, tmp_path):
    run("scan", "pictures", "--custody-log", "log.jsonl")
    log = tmp_path / "log.jsonl"
    log.write_bytes(log.read_bytes()[:-30])
    done = run("verify", "log.jsonl")
    assert done.exit_code == 1 and "line 3: cut off by a crash" in done.stdout
    assert run("scan", "pictures/a.png", "--custody-log", "log.jsonl").exit_code == 0
    assert run("verify", "log.jsonl").exit_code == 0


def test_a_strangers_file_is_no_log(run, pictures, tmp_path):
    (tmp_path / "notes.txt").write_text("notes\n")
    done = run("scan", "pictures", "--custody-log", "notes.txt")
    assert explain(done.exception)[1] == 2 and (tmp_path / "notes.txt").read_text() == "notes\n"


def test_a_log_that_takes_no_line_ends_the_run(run, pictures, monkeypatch):
    monkeypatch.setattr(CustodyLog, "__init__", lambda self, path: setattr(self, "path", path))
    done = run("scan", "pictures", "--custody-log", "missing/log.jsonl")
    message, code = explain(done.exception)
    assert code == 1 and message.startswith("--custody-log: 'missing/log.jsonl': no such file")


def test_case_data_needs_a_report_and_has_a_limit(run, pictures):
    assert run("scan", "pictures", "--case", "1").exit_code == 2
    assert run("scan", "pictures", "--report", "report", "--exhibit", "x" * 201).exit_code == 2
    done = run("scan", "pictures/a.png", "--report", "report", "--exhibit", "x\n\u202e" + "y" * 190)
    assert done.exit_code == 0
    assert "x\\n\\u202eyyy" in (pictures.parent / "report" / "index.html").read_text("utf-8")


def test_case_data_is_in_no_line(run, pictures):
    run(
        "scan",
        "pictures",
        "--report",
        "report",
        "--case",
        "SECRET-1",
        "--output",
        "out.jsonl",
        "--workers",
        0,
    )
    run("scan", "pictures", "--report", "other", "--output", "plain.jsonl", "--workers", 0)
    assert "SECRET-1" not in Path("out.jsonl").read_text("utf-8")
    keys = {line["batch"]["scan"] for name in ("out.jsonl", "plain.jsonl") for line in entries(name)}
    assert len(keys) == 1


def test_a_file_that_changes_while_it_is_scanned_is_not_recorded_as_scanned(
    run, pictures, toy_scanner, monkeypatch
):
    predict = toy_scanner.predict

    def meanwhile(inputs):
        (pictures / "a.png").write_bytes(b"other")
        return predict(inputs)

    monkeypatch.setattr(toy_scanner, "predict", meanwhile)
    run("scan", "pictures/a.png", "--custody-log", "log.jsonl")
    (entry,) = entries()
    assert (entry["status"], entry["input"]["sha256"]) == ("unreadable", None)


@pytest.mark.parametrize(
    "words",
    [
        ["verify"], ["verify", "log.jsonl", "--no-scan"], ["verify", "log.jsonl", "--input", "a"],
    ],
)  # fmt: skip
def test_wrong_usage(run, pictures, words):
    run("scan", "pictures/a.png", "--custody-log", "log.jsonl")
    assert run(*words).exit_code == 2


@pytest.mark.parametrize("words", [["missing"], ["pictures"]])
def test_what_is_no_record_is_wrong_usage(run, pictures, words):
    assert explain(run("verify", *words).exception)[1] == 2


def test_a_file_that_is_no_log_is_not_blamed_on_crashes(run, tmp_path):
    (tmp_path / "notes.txt").write_text("notes\nmore\nmore\n")
    done = run("verify", "notes.txt")
    assert done.exit_code == 3 and "line 1: BROKEN: it is no entry" in done.stdout
    assert "crash" not in done.stdout


@pytest.mark.data
def test_a_real_clip_gives_the_same_to_the_bit(data_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = data_root / "clips" / "lwbsza.mpg"
    done = CliRunner().invoke(build(), ["scan", str(clip), "--report", "report"])
    assert done.exit_code == 0
    done = CliRunner().invoke(build(), ["verify", "report", "--json"])
    verified = json.loads(done.stdout)
    assert (done.exit_code, verified["scans"][0]["state"], verified["page_made_again"]) == (0, "equal", True)
    written = json.loads((tmp_path / "report" / "scan.json").read_text())
    assert ScanResult.from_dict(written[0]).status == "ok"
