"""A report of two toy files, made by the command."""

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from toy_detectors import write_detector
from unmask.cli.main import build
from unmask.scanning import loading


@pytest.fixture
def run(monkeypatch, finder, tmp_path):
    """Run a command in a folder of its own, with the toy finder; the toy detector is the folder ``toy``."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(loading, "_load_finder", lambda threads: finder)
    monkeypatch.chdir(tmp_path)
    write_detector(tmp_path / "toy")
    return lambda *words, **more: CliRunner().invoke(build(), [str(word) for word in words], **more)


@pytest.fixture
def inputs(tmp_path, two_faces, toys):
    """A video and a picture, by paths relative to the working folder."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    two_faces.rename(folder / "a.mp4")
    Image.fromarray(toys.draw([((20, 40, 80, 110), toys.BLUE)])).save(folder / "b.png")
    return folder


@pytest.fixture
def report(run, inputs, tmp_path):
    """The folder of a report on both files."""
    done = run(
        "scan",
        "inputs",
        "--detector",
        "toy",
        "--report",
        "report",
        "--case",
        "2026/17 <b>",
        "--examiner",
        "N. N.",
    )
    assert done.exit_code == 0, done.output
    return tmp_path / "report"


@pytest.fixture
def verify(run):
    """Verify a report; gives its JSON and the exit code."""

    def verified(*words):
        done = run("verify", "report", "--json", *words)
        return json.loads(done.stdout), done.exit_code

    return verified
