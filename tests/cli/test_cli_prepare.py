"""The verb prepare: from a folder of clips to a set of crops, and its ways to be wrong."""

import pytest
from typer.testing import CliRunner

from unmask.cli.main import build, explain
from unmask.datasets import CropSet
from unmask.demo.clips import portrait, write_clip


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(build(), ["prepare", *map(str, words)])


@pytest.fixture
def clips(tmp_path):
    for name in ("train/real/a.mp4", "val/fake/a.mp4"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        write_clip(tmp_path / "set" / name, portrait(), (256, 256), seconds=0.4, frame_rate=10)
    return tmp_path / "set"


def test_real_faces_are_cut_by_worker_processes(run, clips, tmp_path):
    out = tmp_path / "out"
    done = run("folder", clips, "--out", out, "--frames", 2, "--workers", 1)
    assert done.exit_code == 0, done.output
    assert "4 crops of 2 videos (2 ok)" in done.stdout
    crops = CropSet.open(out)
    assert [(record.label, record.split) for record in crops] == [(0, "train")] * 2 + [(1, "val")] * 2
    for record in crops:
        eyes, mouth = record.landmarks[:2, 1].mean(), record.landmarks[3:, 1].mean()
        assert record.box[1] < eyes < mouth < record.box[3]


def test_only_a_part_is_prepared_and_unread_videos_count(run, clips, tmp_path):
    (clips / "val/fake/b.mp4").write_bytes(b"")
    (clips / "val/fake/a.mp4").unlink()
    done = run("folder", clips, "--out", tmp_path / "out", "--only", "split=val", "--workers", 1)
    assert done.exit_code == 1
    assert "0 crops of 1 videos (1 unreadable)" in done.stdout


@pytest.mark.parametrize(
    "condition, message",
    [
        ("split=test", "split here: 'train', 'val'"),
        ("colour=red", "not colour=red"),
        ("split", "not split"),
    ],
)
def test_a_part_that_is_not_there_is_wrong_usage(run, clips, tmp_path, condition, message):
    done = run("folder", clips, "--out", tmp_path / "out", "--only", condition)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_a_wrong_folder_is_one_line(run, clips, tmp_path):
    done = run("dfdc", clips, "--out", tmp_path / "out")
    message, code = explain(done.exception)
    assert code == 2
    assert "looks like folder" in message and "\n" not in message


def test_a_log_hears_of_its_start(run, clips, tmp_path):
    done = run("folder", clips, "--out", tmp_path / "out", "--frames", 1, "--workers", 1)
    assert done.stderr.splitlines()[0] == "unmask: out: 0 of 2 videos"
    again = run("folder", clips, "--out", tmp_path / "out", "--frames", 1, "--workers", 1)
    assert again.stderr.splitlines()[0] == "unmask: out: 2 of 2 videos"
