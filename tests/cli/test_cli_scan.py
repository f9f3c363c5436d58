import inspect
import json
import os

import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from typer.testing import CliRunner

from unmask import scanning
from unmask.cli import scan
from unmask.cli.main import build, explain, main
from unmask.defaults import DETECTOR
from unmask.detectors import DetectorError
from unmask.report import schema


@pytest.fixture
def run(toy_scanner, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *words: CliRunner().invoke(build(), [str(word) for word in words])


@pytest.fixture
def inputs(tmp_path, two_faces, toys):
    """A folder with a fake, a real, a faceless and a broken input, and something else."""
    folder = tmp_path / "inputs"
    (folder / "deep").mkdir(parents=True)
    two_faces.rename(folder / "b.mp4")
    Image.fromarray(toys.draw([((20, 40, 80, 110), toys.BLUE)])).save(folder / "deep" / "A.PNG")
    Image.fromarray(toys.draw([])).save(folder / "empty.jpg")
    (folder / "z.mp4").write_text("not a video")
    (folder / "notes.txt").write_text("not for scanning")
    return folder


def test_one_file_gives_one_object(run, inputs):
    done = run("scan", "--json", inputs / "b.mp4")
    result = json.loads(done.stdout)
    Draft202012Validator(schema()).validate(result)
    assert (result["status"], result["verdict"], done.exit_code) == ("ok", "likely_fake", 0)
    assert result["path"] == str(inputs / "b.mp4")


ANCHOR = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n"


def test_facts_are_added_to_the_json_and_change_nothing_else(run, inputs, tmp_path):
    (tmp_path / "anchors.pem").write_text(ANCHOR)
    plain = json.loads(run("scan", "--json", inputs / "b.mp4").stdout)
    for words in (["--facts"], ["--trust-anchors", tmp_path / "anchors.pem"]):
        result = json.loads(run("scan", "--json", *words, inputs / "b.mp4").stdout)
        Draft202012Validator(schema()).validate(result)
        evidence = result.pop("evidence")
        assert (evidence["faces"], evidence["file"]["streams"][0]["codec"]) == ([], "h264")
        assert evidence["credentials"]["state"] in ("absent", "not_checked")
        assert result | {"seconds": 0} == plain | {"seconds": 0}


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_trust_anchors_that_are_none_are_wrong_usage(run, inputs, tmp_path, text):
    if text is not None:
        (tmp_path / "anchors.pem").write_text(text)
    done = run("scan", "--trust-anchors", tmp_path / "anchors.pem", inputs / "b.mp4")
    assert done.exit_code == 2 and "anchors.pem" in done.output


def test_a_dash_is_standard_input(toy_scanner, inputs):
    content = (inputs / "b.mp4").read_bytes()
    done = CliRunner().invoke(build(), ["scan", "--json", "-"], input=content)
    result = json.loads(done.stdout)
    assert (result["path"], result["status"], result["kind"], done.exit_code) == ("-", "ok", "video", 0)
    broken = CliRunner().invoke(build(), ["scan", "--json", "-"], input=b"hello")
    assert (json.loads(broken.stdout)["status"], broken.exit_code) == ("unreadable", 1)


@pytest.mark.parametrize(
    ("words", "times"), [(["--frames", 2], [0.5, 1.5]), (["--every", 0.8, "--seconds", 1.7], [0.0, 0.8, 1.6])]
)
def test_sampling_can_be_ordered(run, inputs, words, times):
    done = run("scan", "--json", *words, inputs / "b.mp4")
    frames = json.loads(done.stdout)["tracks"][0]["frames"]
    assert [frame["time"] for frame in frames] == pytest.approx(times, abs=0.06)


@pytest.mark.parametrize("words", [["--frames", 2, "--every", 1], ["--every", 0], ["--seconds", -1]])
def test_contradicting_orders_are_wrong_usage(run, inputs, words):
    assert run("scan", *words, inputs / "b.mp4").exit_code == 2


def test_a_folder_gives_a_sorted_list_of_its_media(run, inputs):
    done = run("scan", "--json", inputs)
    results = json.loads(done.stdout)
    assert [os.path.relpath(r["path"], inputs) for r in results] == [
        "b.mp4",
        "deep/A.PNG",
        "empty.jpg",
        "z.mp4",
    ]
    assert [r["status"] for r in results] == ["ok", "ok", "no_face", "unreadable"]
    assert done.exit_code == 1


def test_a_folder_of_one_file_gives_a_list_too(run, inputs):
    assert [r["status"] for r in json.loads(run("scan", "--json", inputs / "deep").stdout)] == ["ok"]


def test_no_face_was_read(run, inputs):
    done = run("scan", "--json", inputs / "empty.jpg")
    assert (json.loads(done.stdout)["score"], done.exit_code) == (None, 0)


def test_the_table_has_a_row_a_file(run, inputs):
    done = run("scan", inputs)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0][:2] == ["file", "verdict"]
    text = done.stdout
    assert "likely fake" in text and "likely real" in text and "no face" in text and "unreadable" in text


def test_a_report_is_written(run, inputs, tmp_path):
    run("scan", inputs / "b.mp4", "--report", tmp_path / "report")
    assert "likely fake" in (tmp_path / "report" / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [([], False), (["--stability"], True), (["--report"], True), (["--report", "--no-stability"], False)],
    ids=str,
)
def test_re_encodings_are_tried_on_request_and_for_a_report(run, inputs, tmp_path, words, wanted):
    folder = tmp_path / "report"
    given = [part for word in words for part in ([word, folder] if word == "--report" else [word])]
    result = json.loads(run("scan", "--json", *given, inputs / "b.mp4").stdout)
    assert (result["opinions"][0]["stability"] is not None) == wanted
    if "--report" in words:
        assert ("JPEG at quality 70" in (folder / "index.html").read_text("utf-8")) == wanted


def test_annotated_copies_are_written_of_what_was_read(run, inputs, tmp_path, monkeypatch, finder):
    monkeypatch.setattr("unmask.faces.CenterFace", lambda *a, **k: finder)
    done = run("scan", inputs, "--annotate", tmp_path / "copies")
    made = {path.name for path in (tmp_path / "copies").iterdir()}
    assert made == {"b.annotated.mp4", "A.annotated.png", "empty.annotated.png"}
    assert done.exit_code == 1 and done.stderr.count("annotated: ") == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["b.mp4", "--fail-on", "likely_fake"], 3),
        (["deep", "--fail-on", "likely_fake"], 0),
        (["deep", "--fail-on", "likely_fake", "--fail-on", "likely_real"], 3),
        ([".", "--fail-on", "likely_fake"], 3),
        (["z.mp4", "--fail-on", "likely_fake"], 1),
        (["b.mp4", "missing.mp4"], 1),
        (["missing.mp4"], 2),
        ([], 2),
        (["b.mp4", "--frames", "0"], 2),
        (["b.mp4", "--fail-on", "anything"], 2),
        (["b.mp4", "--detecter", "x"], 2),
    ],
)
def test_exit_codes(run, inputs, monkeypatch, words, code):
    monkeypatch.chdir(inputs)
    monkeypatch.setattr("sys.argv", ["unmask", "scan", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_strange_names_are_shown_harmless(run, two_faces):
    strange = two_faces.with_name("[red]a[bold]\n\x1b[2J\udcff.mp4")
    two_faces.rename(strange)
    done = run("scan", strange)
    assert "\x1b[2J" not in done.stdout and "[red]a[bold]\\n\\x1b[2J\\udcff.mp4" in done.stdout
    assert json.loads(run("scan", "--json", strange).stdout)["path"] == str(strange)


def test_an_empty_folder_is_said_to_be_empty(run, tmp_path):
    (tmp_path / "nothing").mkdir()
    done = run("scan", "--json", tmp_path / "nothing")
    assert (json.loads(done.stdout), done.exit_code) == ([], 0)
    assert "no images or videos" in done.stderr


def test_a_file_named_twice_is_scanned_once(run, inputs):
    results = json.loads(run("scan", "--json", inputs / "b.mp4", inputs / "b.mp4").stdout)
    assert len(results) == 1


def test_a_bug_in_one_file_spares_the_others(run, inputs, toy_scanner, monkeypatch):
    predict, calls = toy_scanner.predict, []

    def fail_once(crops):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("negative_log_likelihood")
        return predict(crops)

    toy_scanner.predict = fail_once
    results = json.loads(run("scan", "--json", inputs / "b.mp4", inputs / "deep").stdout)
    assert [r["status"] for r in results] == ["failed", "ok"]
    assert results[0]["detail"] == "internal error: RuntimeError: negative_log_likelihood"


def test_an_unknown_detector_is_one_line_and_wrong_usage(inputs, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["unmask", "scan", str(inputs / "b.mp4"), "--detector", "nonesuch"])
    with pytest.raises(SystemExit) as ended:
        main()
    error = capsys.readouterr().err
    assert ended.value.code == 2 and "nonesuch" in error and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (ModuleNotFoundError("no", name="torch.nn"), 'pip install "unmask[train]"', 2),
        (ModuleNotFoundError("no", name="ray"), 'pip install "unmask[ray]"', 2),
        (ModuleNotFoundError("no", name="numpy"), "internal error", 70),
        (DetectorError("no such\ndetector"), "no such detector", 2),
        (PermissionError(13, "Permission denied", "/a\x1b"), "/a\\x1b: Permission denied", 2),
        (ZeroDivisionError("oh"), "internal error: ZeroDivisionError: oh", 70),
    ],
)
def test_errors_are_one_line_with_a_hint(error, line, code):
    message, given = explain(error)
    assert line in message and given == code and len(message.splitlines()) == 1


def test_the_debug_switch_shows_the_traceback(inputs, monkeypatch):
    monkeypatch.setenv("UNMASK_DEBUG", "1")
    monkeypatch.setattr("sys.argv", ["unmask", "scan", str(inputs / "b.mp4"), "--detector", "nonesuch"])
    with pytest.raises(DetectorError):
        main()


def test_the_settings_reach_the_scan(run, inputs, monkeypatch):
    seen = []
    original = scanning.Scanner.__init__
    monkeypatch.setattr(
        scanning.Scanner,
        "__init__",
        lambda self, settings, **more: seen.append(settings) or original(self, settings, **more),
    )
    run("scan", "--frames", 3, "--detector", "some", inputs / "b.mp4")
    assert (seen[0].frames, seen[0].detector) == (3, "some")


def test_a_closed_folder_is_said_and_counts_as_unread(run, inputs, monkeypatch):
    look = os.scandir

    def refuse(folder):
        if os.fspath(folder).endswith("deep"):
            raise PermissionError(13, "Permission denied", os.fspath(folder))
        return look(folder)

    (inputs / "z.mp4").unlink()
    monkeypatch.setattr(os, "scandir", refuse)
    done = run("scan", "--json", inputs)
    assert [r["status"] for r in json.loads(done.stdout)] == ["ok", "no_face"]
    assert "cannot look into" in done.stderr and done.exit_code == 1


def test_defaults_are_those_of_the_settings():
    parameters = inspect.signature(scan.scan).parameters
    assert parameters["frames"].default == scanning.DEFAULTS.frames
    assert parameters["detector"].default is None and scanning.DEFAULTS.detectors == (DETECTOR,)


def test_files_in_folders_are_judged_by_content_where_their_ending_says_nothing(
    run, tmp_path, toys, two_faces
):
    folder = tmp_path / "inputs"
    folder.mkdir()
    two_faces.rename(folder / "clip")
    Image.fromarray(toys.draw([])).save(folder / "picture.download", "PNG")
    Image.fromarray(toys.draw([])).save(folder / "photo.jfif", "JPEG")
    (folder / "broken.m2ts").write_bytes(b"broken")
    done = run("scan", "--json", folder)
    assert [(r["path"].rpartition(os.sep)[2], r["status"]) for r in json.loads(done.stdout)] == [
        ("broken.m2ts", "unreadable"),
        ("clip", "ok"),
        ("photo.jfif", "no_face"),
        ("picture.download", "no_face"),
    ]
    assert "left out" not in done.stderr


@pytest.fixture
def mixed(tmp_path, toys):
    """A folder of one picture and nine things that are none, for five reasons."""
    folder = tmp_path / "mixed"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    Image.fromarray(toys.draw([])).save(folder / "picture.png")
    for name in ("notes.txt", "no ending", "deep/code.ts", ".hidden"):
        (folder / name).write_text("export const answer = 42;\n")
    (folder / "song").write_bytes(b"ID3\x04" + bytes(100))
    (folder / "voice.m4a").write_bytes(b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00" + bytes(100))
    (folder / "letter.pdf").write_bytes(b"%PDF-1.7\n")
    (folder / "empty.log").touch()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    return folder


LEFT_OUT = (
    "unmask: left out 9 files in folders: "
    "no image or video (4), sound only (2), a PDF document (1), the file is empty (1), a link to a folder (1)"
)


@pytest.mark.parametrize("words", [["--json"], ["--output", "-"], []])
def test_one_line_says_what_was_left_out_of_folders_and_why(run, mixed, words):
    done = run("scan", *words, mixed)
    (line,) = [line for line in done.stderr.splitlines() if "left out" in line]
    assert sorted(line.replace("folders: ", ", ").split(", ")) == sorted(
        LEFT_OUT.replace("folders: ", ", ").split(", ")
    )
    assert "left out" not in done.stdout and "picture.png" in done.stdout
    assert done.exit_code == 0


def test_what_is_no_plain_file_is_never_opened(run, mixed):
    os.mkfifo(mixed / "pipe")
    (mixed / "device").symlink_to("/dev/zero")
    line = run("scan", "--json", mixed).stderr
    assert "not a file but a named pipe (1)" in line and "not a file but a device (1)" in line


def test_a_file_that_is_named_is_never_left_out(run, mixed):
    done = run("scan", "--json", mixed, mixed / "notes.txt")
    assert [r["status"] for r in json.loads(done.stdout)] == ["no_face", "unreadable"]
    assert "left out 8 files" in done.stderr


def test_what_macos_writes_beside_files_is_left_out(run, mixed):
    (mixed / "._picture.png").write_bytes(b"\x00\x05\x16\x07" + bytes(50))
    assert len(json.loads(run("scan", "--json", mixed).stdout)) == 1


def test_a_list_leaves_nothing_out(run, mixed, tmp_path):
    (tmp_path / "list").write_text("".join(f"{mixed / name}\n" for name in ("notes.txt", "song", "deep")))
    done = run("scan", "--from", tmp_path / "list", "--output", tmp_path / "out.jsonl", "--workers", 0)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert sorted(row["status"] for row in rows) == ["unreadable", "unreadable", "unsupported"]
    assert done.exit_code == 1
