"""What a log hears of long work: a line at the start of a stage and one a minute, by a clock that the test turns."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from unmask.cli import progress
from unmask.cli.main import build
from unmask.cli.progress import Lines, StageLines, rate, reported, time_left


class Clock:
    """Gives a time that moves when told, or by `step` seconds with each look at it."""

    def __init__(self, step=0.0):
        self.time, self.step = 1000.0, step

    def __call__(self):
        self.time += self.step
        return self.time


@pytest.fixture
def clock():
    return Clock()


def test_a_line_at_the_start_and_one_a_minute(clock, capsys):
    lines = Lines(600, clock=clock)
    lines.begin()
    for _ in range(181):
        clock.time += 1
        lines.advance()
    assert capsys.readouterr().err.splitlines() == [
        "unmask: 0 of 600 files",
        "unmask: 60 of 600 files, 1.0 files/s, 9 min left",
        "unmask: 120 of 600 files, 1.0 files/s, 8 min left",
        "unmask: 180 of 600 files, 1.0 files/s, 7 min left",
    ]


def test_what_was_done_before_does_not_count_for_the_rate(clock, capsys):
    tell = StageLines("videos", clock)
    tell("set", 900, 1000)
    clock.time += 600
    tell("set", 910, 1000)
    assert capsys.readouterr().err.splitlines() == [
        "unmask: set: 900 of 1000 videos",
        "unmask: set: 910 of 1000 videos, 1.0 videos/min, 90 min left",
    ]


def test_each_stage_has_its_own_lines_also_when_it_begins_anew(clock, capsys):
    tell = StageLines(clock=clock)
    for name, done in (("a", 0), ("a", 5), ("b", 0), ("b", 10), ("a", 0), ("a", 1)):
        clock.time += 20
        tell(name, done, 10)
    assert capsys.readouterr().err.splitlines() == [
        "unmask: a: 0 of 10", "unmask: b: 0 of 10", "unmask: b: 10 of 10, 30.0/min", "unmask: a: 0 of 10",
    ]  # fmt: skip


def test_the_end_of_a_stage_is_told_unless_it_took_no_time(clock, capsys):
    tell = StageLines("files", clock)
    for name, seconds in (("real", 2), ("fake", 1)):
        for done in range(5):
            tell(name, done, 4)
            clock.time += seconds
    assert capsys.readouterr().err.splitlines() == [
        "unmask: real: 0 of 4 files", "unmask: real: 4 of 4 files, 30.0 files/min", "unmask: fake: 0 of 4 files",
    ]  # fmt: skip


def test_nothing_done_in_a_minute_is_said_too(clock, capsys):
    tell = StageLines(clock=clock)
    for _ in range(2):
        tell("steps", 3, 10)
        clock.time += 61
    tell("steps", 3, 10)
    assert capsys.readouterr().err.splitlines()[1:] == ["unmask: steps: 3 of 10, 0.0/s"] * 2


@pytest.mark.parametrize(
    ("speed", "text"),
    [
        (0, "0.0 files/s"), (2.04, "2.0 files/s"), (0.5, "30.0 files/min"), (1 / 1200, "3.0 files/h"),
        (1e-5, "0.04 files/h"),
    ],
)  # fmt: skip
def test_rates_show_a_digit(speed, text):
    assert rate(speed, "files") == text


def test_long_times_are_in_hours():
    assert (time_left(20), time_left(5400), time_left(3 * 3600)) == (
        "0 min left", "90 min left", "3.0 h left",
    )  # fmt: skip


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_sees_bars_and_a_log_lines(monkeypatch, terminal):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", stream)
    with reported("videos") as tell:
        for done in (1, 3, 5):
            tell("[set]", done, 5)
    shown = stream.getvalue()
    assert "[set]" in shown and ("5/5" in shown) == terminal
    assert terminal or shown == "unmask: [set]: 1 of 5 videos\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_copy_says_how_much_of_it_is_done(monkeypatch, terminal, two_faces, toy_scanner, finder, tmp_path):
    from unmask import faces
    from unmask.cli.copies import Copies
    from unmask.scanning import Settings, scan

    monkeypatch.setattr(faces, "CenterFace", lambda: finder)
    result = scan(two_faces, Settings(frames=2))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(progress, "_now", Clock(30.0))
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", stream)
    Copies(tmp_path / "copies").write(two_faces, result)
    shown = stream.getvalue()
    assert "annotating two.mp4" in shown and "annotated: " in shown
    if terminal:
        assert " 0%" in shown
    else:
        told = [line for line in shown.splitlines() if " of 100 %" in line]
        assert told[0].startswith("unmask: annotating two.mp4: ") and len(told) == 20


def test_what_is_to_be_quiet_is(monkeypatch, capsys):
    with reported(visible=False) as tell:
        tell("set", 0, 5)
    assert capsys.readouterr().err == ""


@pytest.fixture
def run(monkeypatch):
    """Run a command by a clock on which half a minute passes with each thing that is done; give the messages."""
    monkeypatch.setattr(progress, "_now", Clock(30.0))

    def run(*words):
        done = CliRunner().invoke(build(), [str(word) for word in words])
        assert done.exit_code in (0, 1), done.output
        return [line.removeprefix("unmask: ") for line in done.stderr.splitlines()]

    return run


def test_many_files(run, toy_scanner, tmp_path, toys):
    for number in range(5):
        Image.fromarray(toys.draw([]) + np.uint8(number)).save(tmp_path / f"{number}.png")
    said = run("scan", tmp_path, "--output", tmp_path / "lines.jsonl", "--workers", 0)
    assert said[0] == "2 of 5 files, 2.0 files/min, 2 min left" and said[1].startswith("4 of 5 files, ")


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Make the folder of a toy set and its recipe the present one."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "training"))
    from training_toys import toy_recipes

    monkeypatch.chdir(tmp_path)
    toy_recipes(tmp_path)
    return tmp_path


def test_evaluate_and_audit(run, faces):
    from toy_detectors import write_detector

    write_detector(faces / "toy", crop_profile="tight")
    said = run("evaluate", "toy", "faces", "--split", "val", "--resamples", 100)
    assert said[0] == "faces: 0 of 8 items" and said[1].startswith("faces: 2 of 8 items, 2.0 items/min, ")
    said = run("audit", "faces", "--resamples", 100)
    assert said[0] == "faces: files: 0 of 32 items" and said[1].startswith("faces: files: 2 of 32 items, ")


def test_caching_and_training(run, faces, monkeypatch):
    from training_toys import TOY, toy_trunk

    from unmask.training import loop, maps

    monkeypatch.setattr(maps, "CHUNK", 4)
    monkeypatch.setattr(loop, "trunk_reference", lambda _: TOY)
    monkeypatch.setattr(maps, "open_trunk", lambda _: toy_trunk())
    said = run("train", "toy.yaml", "data.root=.", "optimiser.steps=4", "data.train.0.views=2")
    assert said[0] == "caching faces (training), view 1 of 2: 0 of 24"
    assert said[1].startswith("caching faces (training), view 1 of 2: 8 of 24, ")
    assert "caching faces (training), view 2 of 2: 0 of 24" in said
    assert "caching faces (validation): 0 of 8" in said
    steps = [line for line in said if line.startswith("training toy, steps: ")]
    assert steps[0] == "training toy, steps: 0 of 4" and steps[1].startswith("training toy, steps: 2 of 4, ")


def test_exporting(run, monkeypatch):
    pytest.importorskip("torch")

    def export(folder, out, others, report):
        for done in range(4):
            report("rebuilding", done, 4)
        return folder

    monkeypatch.setattr("unmask.training.export.export", export)
    assert run("export", "run") == [
        "rebuilding: 0 of 4 crops",
        "rebuilding: 2 of 4 crops, 2.0 crops/min, 1 min left",
    ]
