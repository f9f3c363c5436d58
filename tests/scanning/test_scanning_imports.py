"""Which heavy modules each process may load: what a process does not need costs its start, or its confinement."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from unmask.media import DecodingProcesses, Limits
from unmask.media.isolated import process

HEAVY = {
    "numpy",
    "onnxruntime",
    "torch",
    "torchvision",
    "av",
    "PIL",
    "cv2",
    "scipy",
    "sklearn",
    "pandas",
    "ray",
}
COMMAND = "from unmask.cli import command\ntry: command()\nexcept SystemExit: pass"


def heavy_after(code, *arguments):
    """The heavy modules that a fresh interpreter has loaded after some code."""
    listed = (
        f"import os, sys\nos._exit = lambda code: None\nsys.argv = ['unmask', *{list(arguments)!r}]\n{code}\n"
    )
    listed += f"print('LOADED', *[name for name in {sorted(HEAVY)!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("arguments", [["--help"], ["scan", "--help"], ["--version"]], ids=" ".join)
def test_help_loads_nothing_heavy(arguments):
    assert heavy_after(COMMAND, *arguments) == set()


@pytest.mark.parametrize("module", ["unmask", "unmask.scanning.scanner", "unmask.scanning.warm_start"])
def test_what_is_imported_before_a_scan_is_light(module):
    assert heavy_after(f"import {module}") == set()


def test_a_scan_leaves_decoding_and_training_to_others(make_video, toys):
    """An empty frame: a face is cut with PIL, nothing needs PyAV."""
    clip = make_video([toys.draw([])] * 4)
    assert heavy_after(COMMAND, "scan", str(clip)) == {"numpy", "onnxruntime", "PIL"}


def test_a_scan_without_a_report_renders_none(make_video, toys):
    """Its table needs neither the page nor the page's view of a result."""
    clip = make_video([toys.draw([])] * 4)
    rendering = {f"unmask.report.{name}" for name in ("page", "pictures", "schema", "timeline", "view")}
    code = f"{COMMAND}\nassert not {rendering!r} & set(sys.modules)"
    assert heavy_after(code, "scan", str(clip)) == {"numpy", "onnxruntime", "PIL"}


def test_a_report_and_its_record_need_no_statistics_library(make_video, toys, tmp_path):
    clip = make_video([toys.draw([])] * 4)
    loaded = heavy_after(COMMAND, "scan", str(clip), "--report", str(tmp_path / "report"))
    assert loaded == {"numpy", "onnxruntime", "PIL", "av"}  # The record names PyAV's libraries.


def test_the_report_needs_no_detector_and_no_face_finder():
    code = "import unmask.report\nassert not {'unmask.detectors', 'unmask.faces'} & set(sys.modules)"
    assert heavy_after(code) == {"numpy"}


def test_the_web_process_scans_nothing():
    pytest.importorskip("fastapi", reason="needs the extra [serve]")
    assert heavy_after("import unmask.serve.app, unmask.serve.server, unmask.serve.supervisor") == {"numpy"}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="libraries are read from /proc")
def test_the_process_that_decodes_loads_only_decoders(make_video, toys, tmp_path, monkeypatch):
    """Those of its libraries that lie in memory once it has decoded a video and a picture."""
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        process.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1]
    )
    picture = tmp_path / "face.png"
    Image.fromarray(toys.draw([])).save(picture)
    with DecodingProcesses(Limits()) as processes:
        for path in (make_video([toys.draw([])] * 4), picture):
            with processes.open(path) as media:
                assert len(list(media.sample(1))) == 1
        maps = Path(f"/proc/{started[0].pid}/maps").read_text()
    libraries = {Path(line.split(maxsplit=5)[-1]) for line in maps.splitlines()}
    loaded = {name for name in HEAVY for library in libraries if name in library.parts}
    assert len(started) == 1 and loaded == {"av", "PIL"}
