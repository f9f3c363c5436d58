"""A report with its manifest: what stands in it, that a change of any byte is named, and that a scan gives it again."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

import unmask
from unmask.cli.main import explain
from unmask.records import rescanning
from unmask.records.digests import exact_sha256, result_sha256
from unmask.records.manifest import read_manifest
from unmask.report import ScanResult


def states(verified):
    return {one["path"]: one["state"] for one in verified["files"] if one["state"] != "equal"}


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_the_manifest_names_all_that_went_in_and_came_out(report, inputs):
    manifest = json.loads((report / "manifest.json").read_text())
    assert manifest["schema"] == 1 and manifest["case"]["case"] == "2026/17 <b>"
    for file in manifest["files"]:
        content = (report / file["path"]).read_bytes()
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert [file["path"] for file in manifest["files"]] == ["index.html", "scan.json"]
    for one, name in zip(manifest["inputs"], ("a.mp4", "b.png"), strict=True):
        content = (inputs / name).read_bytes()
        assert (one["path"], one["from_report"]) == (f"inputs/{name}", f"../inputs/{name}")
        assert (one["sha256"], one["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    (toy,) = manifest["detectors"]
    assert toy["name"] == "toy" and set(toy["weights"]) == {"model.onnx"}
    assert {"numpy", "onnxruntime", "av", "libavcodec", "pillow"} <= set(manifest["environment"]["libraries"])
    assert manifest["environment"]["unmask"] == unmask.__version__
    assert manifest["settings"]["detector"] == "toy" and manifest["settings"]["limits"]["packets"] > 0
    assert manifest["started"] <= manifest["ended"] <= manifest["made"]
    assert manifest["command"].startswith("unmask scan --report report --detector toy --case '2026/17 <b>'")
    page = (report / "index.html").read_text()
    assert len(manifest["pictures"]) == len(set(re.findall('data:image/[a-z]+;base64,[^"]+', page)))


def test_the_results_hashes_are_those_of_lines(report, run):
    run("scan", "inputs", "--detector", "toy", "--output", "lines.jsonl", "--workers", 0, "--stability")
    lines = [json.loads(line) for line in Path("lines.jsonl").read_text(encoding="utf-8").splitlines()]
    recorded = json.loads((report / "scan.json").read_text())
    inputs = read_manifest(report).manifest.inputs
    assert [result_sha256(line) for line in lines] == [one.result_sha256 for one in inputs]
    assert [result_sha256(line) for line in recorded] == [one.result_sha256 for one in inputs]
    assert not any("case" in line for line in lines)


def test_exact_hashes_see_what_is_rounded_in_json(report):
    result = ScanResult.from_dict(json.loads((report / "scan.json").read_text())[0])
    moved = unmask.report.ScanResult(
        **{**result.__dict__, "score": result.score + 1e-12, "interval": (0.0, 1.0)}
    )
    same = unmask.report.ScanResult(**{**result.__dict__, "interval": (0.0, 1.0)})
    assert result_sha256(moved.to_dict()) == result_sha256(same.to_dict())
    assert exact_sha256(moved) != exact_sha256(same)


def test_an_untouched_report_is_equal_to_the_bit(report, verify, run):
    verified, code = verify()
    assert code == 0 and verified["equal"] and verified["page_made_again"] is True
    assert [one["state"] for one in verified["scans"]] == ["equal", "equal"] and states(verified) == {}
    lines = run("verify", "report").stdout
    assert "inputs/a.mp4: scanned again, equal to the bit" in lines and "byte for byte" in lines


@pytest.mark.parametrize("name", ["index.html", "scan.json", "manifest.json"])
def test_one_changed_byte_of_each_file_is_named(report, verify, name):
    size = (report / name).stat().st_size
    for place in (0, size // 3, size // 2, size - 40, size - 1):
        flip(report / name, place)
        verified, code = verify("--no-scan")
        assert (states(verified), code) == ({name: "changed"}, 3)
        flip(report / name, place)
    assert verify("--no-scan")[1] == 0


def test_a_changed_picture_is_named_by_its_number(report, verify):
    page = (report / "index.html").read_text()
    second = list(dict.fromkeys(re.findall(r"base64,[A-Za-z0-9+/=]+", page)))[1]
    (report / "index.html").write_text(page.replace(second, second[:100] + "AAAA" + second[104:]))
    verified, _ = verify("--no-scan")
    (page_check,) = [one for one in verified["files"] if one["path"] == "index.html"]
    assert re.fullmatch(r"changed or missing of its \d+ pictures: 2", page_check["detail"])


def test_missing_and_added_files_are_named(report, verify):
    (report / "scan.json").unlink()
    (report / "notes.txt").write_text("added")
    verified, code = verify()
    assert (states(verified), code) == ({"scan.json": "missing", "notes.txt": "added"}, 3)
    # Verdicts and scores are still compared, by their hashes.
    assert {one["state"] for one in verified["scans"]} == {"equal"}


def test_what_was_beside_the_report_is_not_called_added(run, inputs, verify):
    run("scan", "inputs/b.png", "--detector", "toy", "--report", "inputs")
    shutil.move("inputs", "report")
    assert verify()[1] == 0


def test_a_report_is_verified_where_it_was_moved_to(report, tmp_path, monkeypatch, verify):
    (tmp_path / "case").mkdir()
    for name in ("report", "inputs", "toy"):
        shutil.move(tmp_path / name, tmp_path / "case")
    monkeypatch.chdir(tmp_path / "case")
    assert verify()[1] == 0


def test_what_is_elsewhere_can_be_named(report, tmp_path, verify):
    (tmp_path / "inputs" / "a.mp4").rename(tmp_path / "other.mp4")
    (tmp_path / "toy").rename(tmp_path / "moved")
    verified, code = verify()
    assert code == 1 and "toy" in verified["scans"][0]["detail"]
    verified, code = verify("--detector", "moved")
    assert code == 1 and [one["state"] for one in verified["scans"]] == ["not_checked", "equal"]
    assert verify("--detector", "moved", "--input", "other.mp4")[1] == 0


def test_a_named_file_is_never_passed_over(report, verify, run, inputs, tmp_path):
    (tmp_path / "other").mkdir()
    changed = tmp_path / "other" / "b.png"
    shutil.copy(inputs / "b.png", changed)
    assert verify("--input", changed)[1] == 0
    changed.write_bytes(changed.read_bytes() + b"0")
    verified, code = verify("--input", changed)
    assert code == 3 and [one["state"] for one in verified["scans"]] == ["equal", "differs"]
    assert "another file" in verified["scans"][1]["why"][0]
    stranger = changed.rename(tmp_path / "other" / "c.png")
    message, code = explain(run("verify", "report", "--input", stranger).exception)
    assert code == 2 and "none of the report's files" in message


def test_another_file_differs_and_is_told(report, verify, toys, make_video, inputs):
    make_video([toys.draw([((20, 40, 80, 110), toys.BLUE)])] * 20, "inputs/a.mp4")
    verified, code = verify()
    one, other = verified["scans"]
    assert (one["state"], other["state"], code) == ("differs", "equal", 3)
    fields = {each["field"]: each for each in one["differences"]}
    assert (fields["verdict"]["recorded"], fields["verdict"]["now"]) == ("likely_fake", "inconclusive")
    assert fields["score"]["by"] == pytest.approx(abs(fields["score"]["recorded"] - fields["score"]["now"]))
    assert one["why"][0].startswith("another file: sha256")


def test_a_changed_result_is_told_from_a_changed_scan(report, verify):
    text = (report / "scan.json").read_text()
    (report / "scan.json").write_text(text.replace('"likely_fake"', '"likely_real"'))
    verified, code = verify()
    assert code == 3 and verified["scans"][0]["why"][0].startswith("scan.json, which was changed")


def test_other_libraries_and_weights_are_named_as_reasons(report, verify, monkeypatch, tmp_path):
    now = rescanning.environment()
    libraries = now.libraries | {"numpy": "1.0"}
    monkeypatch.setattr(
        rescanning, "environment", lambda: type(now)(**{**now.__dict__, "libraries": libraries})
    )
    card = json.loads((tmp_path / "toy" / "card.json").read_text())
    card["calibration"]["slope"] = 1.0
    (tmp_path / "toy" / "card.json").write_text(json.dumps(card))
    verified, code = verify()
    why = verified["scans"][0]["why"]
    assert code == 3 and verified["page_made_again"] is None
    assert why[0].startswith("another card (toy 1 then, toy 1 now)") and "numpy" in why[1]
    assert [one["kind"] for one in verified["changes"]] == ["weights", "libraries"]


def test_last_bits_count(report, verify, monkeypatch):
    monkeypatch.setattr(rescanning, "exact_sha256", lambda result: "0" * 64)
    verified, code = verify()
    assert code == 3 and "not to the bit" in verified["scans"][0]["detail"]


def test_a_scan_from_standard_input_needs_its_file(run, inputs, verify):
    content = (inputs / "b.png").read_bytes()
    done = run("scan", "-", "--detector", "toy", "--report", "report", input=content)
    assert done.exit_code == 0
    assert verify()[1] == 1
    assert verify("--input", "inputs/b.png")[1] == 0


def test_unreadable_inputs_are_part_of_the_record(run, inputs, verify):
    (inputs / "z.mp4").write_text("no video")
    assert run("scan", "inputs", "--detector", "toy", "--report", "report").exit_code == 1
    verified, code = verify()
    assert code == 0 and len(verified["scans"]) == 3


def test_reports_of_several_processes_have_one_too(run, inputs, verify, monkeypatch):
    done = run("scan", "inputs", "--detector", "toy", "--report", "report", "--workers", 0)
    assert done.exit_code == 0
    assert verify()[1] == 0


def test_a_report_that_is_not_finished_has_no_manifest(inputs, run, tmp_path, monkeypatch):
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("unmask.records.making.environment", lambda: (_ for _ in ()).throw(full))
    assert run("scan", "inputs", "--detector", "toy", "--report", "report").exit_code == 1
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["index.html", "scan.json"]


def test_a_folder_without_a_manifest_is_wrong_usage(run, tmp_path):
    done = run("verify", tmp_path)
    assert done.exit_code == 1 and "holds no manifest.json" in str(done.exception)


def test_a_manifest_may_name_no_file_outside_its_folder(report, verify, tmp_path):
    (tmp_path / "outside").write_text("x")
    manifest = json.loads((report / "manifest.json").read_text())
    manifest["files"] += [{"path": "../outside", "sha256": "0" * 64, "bytes": 1}]
    (report / "manifest.json").write_text(json.dumps(manifest))
    verified, code = verify("--no-scan")
    assert (states(verified), code) == ({"manifest.json": "changed", "../outside": "missing"}, 3)


@pytest.mark.parametrize("text", ["[]", "{}", "", "null", '{"schema": 1, "files": 3}', "[" * 100_000])
def test_any_other_manifest_counts_as_changed(report, verify, text):
    (report / "manifest.json").write_text(text)
    verified, code = verify()
    assert (states(verified), code) == ({"manifest.json": "changed"}, 3)


def test_a_manifest_cannot_ask_for_decoding_in_this_process(report, verify, monkeypatch):
    manifest = json.loads((report / "manifest.json").read_text())
    manifest["settings"] |= {"isolated": False, "threads": 100_000}
    (report / "manifest.json").write_text(json.dumps(manifest))
    used, scanner = [], rescanning.Scanner
    monkeypatch.setattr(rescanning, "Scanner", lambda settings: used.append(settings) or scanner(settings))
    verified, _ = verify()
    assert [one["state"] for one in verified["scans"]] == ["equal", "equal"]
    assert [(settings.isolated, settings.threads) for settings in used] == [(True, None)]


@pytest.mark.parametrize(
    "settings", [{"frames": -1}, {"limits": 3}, {"of_a_later_version": 1}, {"detector": "gone"}]
)
def test_settings_that_cannot_be_used_are_told(report, verify, settings):
    manifest = json.loads((report / "manifest.json").read_text())
    manifest["settings"] |= settings
    (report / "manifest.json").write_text(json.dumps(manifest))
    verified, code = verify()
    assert code == 3 and {one["state"] for one in verified["scans"]} == {"not_checked"}
    assert all(one["detail"] for one in verified["scans"])
