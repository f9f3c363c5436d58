"""The command as a process: what a scan starts before its command line is read."""

import json
import subprocess
import sys

import pytest

from unmask.cli import process
from unmask.cli.process import faces_at_once, scans_here, started_for


@pytest.fixture
def starts(monkeypatch):
    """What was started, instead of processes."""

    class Decoding:
        def __init__(self, credentials):
            self.credentials, self.closed = credentials, False

        def close(self):
            self.closed = True

    monkeypatch.setattr(process, "_start_decoding", Decoding)
    monkeypatch.setattr(process, "_started", [])


@pytest.mark.parametrize(
    ("line", "here"),
    [
        ("scan clip.mp4", True),
        ("scan --json clip.mp4 --report out --detector=jrc", True),
        ("scan -", True),
        ("scan folder --output rows.jsonl", False),
        ("scan folder --output=rows.jsonl", False),
        ("scan --from list --workers 2", False),
        ("scan --help", False),
        ("demo", False),
        ("", False),
    ],
)
def test_what_looks_like_a_scan_of_this_process_is_told(line, here):
    assert scans_here(line.split()) is here


@pytest.mark.parametrize(
    ("line", "faces"),
    [
        ("scan a.mp4", 2),
        ("scan a.MOV b.webm --json", 2),
        ("scan a.mp4 b.jpg", 1),
        ("scan a.png", 1),
        ("scan folder", 1),
    ],
)
def test_videos_alone_have_several_faces_to_score_at_a_time(line, faces):
    assert faces_at_once(line.split()) == faces


def test_what_was_started_is_handed_out_once_and_to_a_scan_that_it_fits(starts):
    process._started.append(process.Started(True, process._start_decoding(True), loading="jrc's"))
    first, loading = started_for(True, "jrc")
    assert first.credentials and not first.closed and loading == "jrc's"
    second, loading = started_for(True, "jrc")
    assert second is not first and loading is None


def test_what_does_not_fit_is_started_anew(starts):
    wrong = process._start_decoding(True)
    process._started.append(process.Started(True, wrong, loading="jrc's"))
    decoding, loading = started_for(False, "jrc")
    assert wrong.closed and not decoding.credentials and loading is None
    process._started.append(process.Started(False, process._start_decoding(False), loading="jrc's"))
    assert started_for(False, "some/folder")[1] is None


def test_another_detector_than_the_default_is_the_one_that_scores(tmp_path, make_video, toys):
    """However its option is written."""
    from toy_detectors import write_detector

    folder = write_detector(tmp_path / "toy")
    clip = make_video([toys.draw([])] * 4)
    for option in (["--detector", str(folder)], [f"--detector={folder}"]):
        command = [sys.executable, "-m", "unmask", "scan", "--json", *option, str(clip)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["detector"]["name"] == "toy" and done.stderr == ""


def test_wrong_usage_is_told_as_ever():
    command = [sys.executable, "-m", "unmask", "scan", "--frames", "0", "clip.mp4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "--frames" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("unmask.media.isolated.process.DecodingProcess.__init__", "unmask: no process for decoding"),
        ("unmask.loading._import_first", "onnxruntime"),
    ],
)
def test_what_cannot_be_started_in_advance_is_told_in_one_line(tmp_path, make_video, toys, broken, said):
    clip = make_video([toys.draw([])] * 4)
    code = (
        "import sys, importlib\n"
        f"*path, name = {broken!r}.split('.')\n"
        "def fail(*_):\n"
        "    from unmask.media import DecodingProcessError\n"
        "    if name == '__init__': raise DecodingProcessError('no process for decoding can be started: none')\n"
        "    raise ModuleNotFoundError('No module named onnxruntime', name='onnxruntime')\n"
        "place = importlib.import_module('.'.join(path[:-1] if name == '__init__' else path))\n"
        "place = place.DecodingProcess if name == '__init__' else place\n"
        "setattr(place, name, fail)\n"
        f"sys.argv = ['unmask', 'scan', {str(clip)!r}]\n"
        "from unmask.cli import command\n"
        "command()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode and said in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
