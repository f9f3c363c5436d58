import inspect
import json
import re
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import unmask.detectors
from unmask.cli.evaluate import evaluate as verb
from unmask.cli.main import build
from unmask.detectors import DataSource
from unmask.evaluation.protocol import Options, evaluate
from unmask.statistics.intervals import Settings

FAST = Options(intervals=Settings(resamples=100))


@pytest.fixture
def rows(encode_jpeg):
    return [
        {
            "file": f"{n}.jpg",
            "label": ("real", "fake")[n % 2],
            "source": f"s{n // 2}",
            "split": ("train", "test")[n // 8],
            "data": encode_jpeg(100 + 3 * n),
        }
        for n in range(16)
    ]


@pytest.fixture
def trained(make_detector):
    return make_detector(data=(DataSource(name="Crops", terms="x"),))


def test_training_data_evaluated_warn_in_every_output(trained, make_crops, rows, tmp_path, monkeypatch):
    folder = make_crops("crops", rows)
    monkeypatch.setattr(unmask.detectors, "load_detector", lambda name: trained)
    words = [
        "evaluate",
        "x",
        str(folder),
        "--split",
        "train",
        "--resamples",
        "100",
        "--out",
        str(tmp_path / "out"),
    ]
    warning = "WARNING: brightness was trained on crops, and what was evaluated is its split train"
    table = CliRunner().invoke(build(), words)
    assert table.exit_code == 0, table.output
    assert warning in " ".join(table.output.split())
    assert json.loads(CliRunner().invoke(build(), [*words, "--json"]).stdout)["warnings"][0].startswith(
        warning
    )
    assert json.loads((tmp_path / "out" / "report.json").read_text())["warnings"][0].startswith(warning)
    assert f"**{warning}" in (tmp_path / "out" / "report.md").read_text()
    with Image.open(tmp_path / "out" / "plots" / "roc-crops.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    bottom = pixels[-len(pixels) // 8 :]
    assert ((bottom[..., 0] > 150) & (bottom[..., 1:].max(axis=-1) < 60)).any()


def test_a_set_without_splits_warns_and_another_split_does_not(trained, make_crops, rows):
    folder = make_crops("crops", rows)
    assert evaluate(trained, [folder], options=Options(split="test", intervals=FAST.intervals)).warnings == []
    whole = make_crops("all-crops", [{**row, "split": "", "dataset": "crops"} for row in rows])
    assert "a set without splits" in evaluate(trained, [whole], options=FAST).warnings[0]


def test_the_second_detectors_training_data_warn_too(detector, trained, make_crops, rows):
    options = Options(split="train", intervals=FAST.intervals)
    report = evaluate(detector, [make_crops("crops", rows)], options=options, against=trained)
    assert len(report.warnings) == 1


def test_validation_data_of_the_card_are_noted(make_detector, make_crops, rows):
    detector = make_detector(data=(DataSource(name="crops", terms="x", use="validation"),))
    for row in rows:
        row["split"] = "val"
    report = evaluate(detector, [make_crops("crops", rows)], options=FAST)
    assert report.warnings == []
    assert any("chose its threshold" in note for note in report.sets[0].notes)


def test_results_of_a_test_split_carry_the_cards_threshold(make_detector, make_crops, rows):
    for threshold in (0.45, 0.65):
        detector = make_detector(threshold=threshold)
        options = Options(split="test", intervals=FAST.intervals)
        report = evaluate(detector, [make_crops(f"crops{threshold}", rows)], options=options)
        assert {result["threshold"] for result in report.to_dict()["results"]} == {threshold}


def test_there_is_no_way_to_fit_on_an_evaluated_set():
    names = {*inspect.signature(evaluate).parameters, *inspect.signature(verb).parameters}
    names |= {field.name for field in fields(Options)}
    assert not [name for name in names if re.search("threshold|calib|fit|slope|band|select", name)]


def test_the_folder_holds_page_figures_rows_and_plots(detector, make_crops, rows, tmp_path):
    out = tmp_path / "out"
    for row in rows:
        row["split"] = ""
    rows[0]["data"] = b"broken"
    folders = [make_crops("my crops", rows[:8]), make_crops("my-crops", rows[8:])]
    (folders[1] / "12.jpg").unlink()
    options = Options(intervals=FAST.intervals, robustness=True, distortions=("jpeg",))
    evaluate(detector, folders, out, options)
    plots = {
        f"{kind}-my-crops{number}.png"
        for kind in ("roc", "reliability", "scores", "tippett", "entropy", "robustness")
        for number in ("", "-2")
    }
    assert {path.name for path in out.iterdir()} == {"report.md", "report.json", "predictions.csv", "plots"}
    assert {path.name for path in (out / "plots").iterdir()} == plots
    page = (out / "report.md").read_text()
    assert all(f"](plots/{name})" in page for name in plots)
    for path in (out / "plots").iterdir():
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            # A column of a paper, 3.5 inches wide, at 300 dots an inch.
            assert 900 < picture.width < 2400
    for name in ("report.md", "report.json", "predictions.csv"):
        assert str(tmp_path) not in (out / name).read_text(), name


def test_one_class_has_no_roc(detector, make_crops, rows, tmp_path):
    real = [{**row, "label": "real", "split": ""} for row in rows]
    evaluate(detector, [make_crops("real", real)], tmp_path / "out", FAST)
    assert {path.name for path in (tmp_path / "out" / "plots").iterdir()} == {
        "reliability-real.png",
        "scores-real.png",
    }
