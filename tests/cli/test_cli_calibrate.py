"""``unmask calibrate`` end to end, with a toy detector of redness."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from toy_detectors import write_detector
from unmask.cli.main import build, explain


@pytest.fixture
def run(monkeypatch, toys):
    from unmask.scanning import loading

    monkeypatch.setattr(loading, "_load_finder", lambda threads: toys.SquareFinder())
    return lambda *words: CliRunner().invoke(build(), [str(word) for word in words])


def draw(toys, path, red):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(toys.draw([((100, 60, 200, 160), (red, 30, 220))])).save(path)


@pytest.fixture
def detector(tmp_path):
    return write_detector(tmp_path / "toy", slope=0.02, offset=2.5, band=[0.45, 0.55])


@pytest.fixture
def reals(tmp_path, toys):
    for number, red in enumerate(np.linspace(0, 190, 39).astype(int)):
        draw(toys, tmp_path / "reals" / f"{number:02}.png", red)
    return tmp_path / "reals"


def test_the_new_detector_calls_as_few_real_files_fake_as_was_wished(run, detector, reals, tmp_path, toys):
    scanned = run("scan", reals, "--detector", detector, "--output", tmp_path / "log", "--workers", 0)
    assert scanned.exit_code == 0, scanned.output
    words = ["calibrate", detector, reals, "--fpr", "0.1,0.05"]
    here = run(*words, "--out", tmp_path / "here")
    assert here.exit_code == 0, here.output
    assert "toy-calibrated, fixed on 39 real files" in here.output
    assert "with 39 files no rate below 2.5 % can be promised" in here.output
    read = run(*words, "--scans", tmp_path / "log", "--out", tmp_path / "read")
    assert read.exit_code == 0, read.output
    cards = [json.loads((tmp_path / name / "card.json").read_text()) for name in ("here", "read")]
    assert cards[0]["threshold"] == pytest.approx(cards[1]["threshold"], abs=1e-6)
    assert cards[0]["lineage"]["rates"][1]["rate"] == 0.05
    again = run("scan", reals, "--detector", tmp_path / "here", "--json")
    results = json.loads(again.stdout)
    assert sum(one["score"] >= cards[0]["threshold"] for one in results) == 3
    assert sum(one["verdict"] == "likely_fake" for one in results) <= 3
    assert {one["detector"]["name"] for one in results} == {"toy-calibrated"}


def test_with_fakes_the_calibration_is_new(run, detector, reals, tmp_path, toys):
    for number, red in enumerate(np.linspace(120, 255, 20).astype(int)):
        draw(toys, tmp_path / "fakes" / f"{number}.png", red)
    done = run("calibrate", detector, reals, "--fakes", tmp_path / "fakes", "--out", tmp_path / "new")
    assert done.exit_code == 0, done.output
    assert "fixed on 39 real files and 20 fakes" in done.output
    calibration = json.loads((tmp_path / "new" / "card.json").read_text())["calibration"]
    assert (calibration["prior"], calibration["reals"], calibration["fakes"]) == (0.5, 39, 20)
    assert calibration["slope"] != 2.0
    assert run("scan", reals / "00.png", "--detector", tmp_path / "new").exit_code == 0


def test_wrong_usage_is_one_line(run, detector, reals, tmp_path):
    for rates in ("0", "1.5", "five", ""):
        assert run("calibrate", detector, reals, "--fpr", rates, "--out", tmp_path / "new").exit_code == 2
    few = run("calibrate", detector, reals, "--fpr", "0.01", "--out", tmp_path / "new")
    assert explain(few.exception) == (
        "with 39 files no rate below 2.5 % can be promised; 1 % needs at least 99",
        2,
    )
    same = run("calibrate", detector, reals, "--out", detector)
    assert "holds a detector already" in explain(same.exception)[0]
    assert not (tmp_path / "new").exists()  # Nothing of it is left where the command is refused.


def test_progress_counts_all_real_files_together(run, detector, reals, tmp_path):
    files = sorted(reals.iterdir())
    done = run("calibrate", detector, *files, "--out", tmp_path / "new")
    assert done.exit_code == 0, done.output
    assert next(line for line in done.stderr.splitlines() if " of " in line) == "unmask: real: 0 of 39 files"
    assert "0 of 1 " not in done.stderr


def test_the_card_of_a_calibrated_detector_says_what_it_comes_from(run, detector, reals, tmp_path):
    assert run("calibrate", detector, reals, "--fpr", "0.1", "--out", tmp_path / "new").exit_code == 0
    text = " ".join(run("detectors", tmp_path / "new").stdout.split())
    assert "calibrated from toy 1, on 39 real files" in text
    assert "promises at most 10 % of real files called fake" in text
    assert "calibrated from" not in run("detectors", detector).stdout


def test_calibrating_needs_no_torch():
    rooms = "unmask.cli.calibrate, unmask.gating.fitting, unmask.gating.recalibration, unmask.gating.labelled_faces"
    code = f"import sys, {rooms}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
