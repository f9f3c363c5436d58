import json
import shlex

import pytest
from typer.testing import CliRunner

import unmask.detectors
from unmask.cli.main import build


@pytest.fixture
def run(monkeypatch, detector):
    monkeypatch.setattr(unmask.detectors, "load_detector", lambda name: detector)
    return lambda *words: CliRunner().invoke(build(), ["evaluate", *map(str, words)])


@pytest.fixture
def folder(make_crops, encode_jpeg):
    rows = [
        {
            "file": f"{n}.jpg",
            "label": ("real", "fake")[n % 2],
            "source": f"s{n // 2}",
            "data": encode_jpeg(100 + 3 * n),
        }
        for n in range(12)
    ]
    return make_crops("crops", rows)


def test_json_holds_figures_and_the_command_that_repeats_them(run, folder, tmp_path):
    first = run("brightness", folder, "--json", "--resamples", 100, "--out", tmp_path / "out")
    assert first.exit_code == 0, first.output
    report = json.loads(first.stdout)
    assert report["detector"]["name"] == "brightness"
    assert report["results"][0]["metrics"]["auc"]["value"] == pytest.approx(21 / 36)
    words = shlex.split(report["command"])
    assert words[:3] == ["unmask", "evaluate", "brightness"]
    again = json.loads(run(*words[2:], "--json").stdout)
    assert again["results"] == report["results"]
    assert (tmp_path / "out" / "predictions.csv").is_file()


def test_table_and_remarks_are_printed(run, folder):
    result = run("brightness", folder, "--resamples", 100, "--limit", 6)
    assert result.exit_code == 0, result.output
    assert "AUC" in result.stdout
    assert "only 6 of 12 items: a trial, no result" in result.stdout.replace("\n", " ")


def test_wrong_options_are_wrong_usage(run, folder):
    assert run("brightness").exit_code == 2
    assert run("brightness", folder, "--limit", 0).exit_code == 2


def test_the_command_repeats_every_option(run, folder):
    words = ["--against", "other", "--distortion", "jpeg", "--distortion", "blur", "--resamples", 100]
    first = run("brightness", folder, *words, "--json")
    assert first.exit_code == 0, first.output
    report = json.loads(first.stdout)
    assert report["robustness"][0]["means"].keys() == {"jpeg", "blur"}
    again = json.loads(run(*shlex.split(report["command"])[2:], "--json").stdout)
    for part in ("results", "calibration", "robustness", "comparisons"):
        assert again[part] == report[part]


def test_tables_of_comparison_calibration_and_robustness_are_printed(run, folder):
    result = run("brightness", folder, "--resamples", 100, "--against", "other", "--distortion", "resize")
    assert result.exit_code == 0, result.output
    for title in (
        "brightness minus brightness",
        "calibration of brightness, before -> after",
        "robustness of brightness: mean AUC",
    ):
        assert title in result.output
    wrong = run("brightness", folder, "--distortion", "blurry")
    assert "did you mean 'blur'" in str(wrong.exception)
