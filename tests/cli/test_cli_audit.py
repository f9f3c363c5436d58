import csv
import json
import shlex

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from unmask.cli.main import build


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(build(), ["audit", *map(str, words)])


@pytest.fixture
def folder(tmp_path):
    """Write 12 sources, a real and a fake picture each; fakes have another JPEG quality."""
    place = tmp_path / "set"
    place.mkdir()
    random = np.random.default_rng(0)
    with (place / "manifest.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label", "source"])
        for number in range(12):
            for label, quality in (("real", 90), ("fake", 70)):
                pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{label}{number}.jpg", quality=quality)
                rows.writerow([f"{label}{number}.jpg", label, f"s{number}"])
    return place


def test_tables_name_the_shortcut_first(run, folder):
    result = run(folder, "--resamples", 100)
    assert result.exit_code == 0, result.output
    assert result.stdout.index("jpeg_quality") < result.stdout.index("bytes")
    assert "serious" in result.stdout


def test_the_exit_code_follows_what_was_asked(run, folder):
    words = [folder, "--resamples", 100]
    assert run(*words, "--fail-on", "serious").exit_code == 3
    assert run(*words, "--fail-on", "notice").exit_code == 3
    assert run(*words, "--fail-on", "disaster").exit_code == 2
    (folder / "real0.jpg").write_bytes(b"no picture")
    assert run(*words).exit_code == 1
    # What was found outweighs what could not be opened, as in a scan.
    assert run(*words, "--fail-on", "serious").exit_code == 3


def test_json_and_files_say_the_same_and_the_command_repeats_it(run, folder, tmp_path):
    out = tmp_path / "out"
    result = run(folder, "--resamples", 100, "--seed", 3, "--json", "--out", out)
    report = json.loads(result.stdout)
    assert report == json.loads((out / "audit.json").read_text())
    assert report["findings"][0]["kind"] == "shortcut"
    assert report["facts"][0]["shortcut"] is True
    page = (out / "audit.md").read_text()
    assert "jpeg_quality" in page and report["command"] in page
    assert sorted(path.name for path in out.iterdir()) == [
        "audit.json",
        "audit.md",
        "copies.csv",
        "leaks.csv",
    ]
    words = shlex.split(report["command"])
    assert words[:2] == ["unmask", "audit"]
    again = json.loads(run(*words[2:], "--json").stdout)
    assert again == report


def test_wrong_use_is_one_line(run, folder, tmp_path):
    assert "no readable manifest.csv" in str(run(tmp_path).exception)
    assert "has no split 'test'" in str(run(folder, "--split", "test").exception)
    assert "no column 'camera'" in str(run(folder, "--column", "camera").exception)
    assert "no detector named 'nothing'" in str(run(folder, "--detector", "nothing").exception)


def test_names_of_files_are_escaped(run, folder):
    name = "[bold]a|b.jpg"
    (folder / "real1.jpg").rename(folder / name)
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("real1.jpg", name) + f"{name},fake,s1\n")
    result = run(folder, "--resamples", 100)
    assert result.exit_code == 0, result.output
    assert "[bold]a" in result.stdout
