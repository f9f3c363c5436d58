"""Nothing is reported to anybody: no file of a library's telemetry appears, no name is looked up."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unmask.demo import portrait
from unmask.offline import SWITCHES

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path for folder in ("scripts", "benchmarks") for path in (ROOT / folder).glob("*.py"))
REPORTING = {"onnxruntime", "ray", "timm", "huggingface_hub", "lightning"}
FILES = 50


@pytest.fixture
def fresh(tmp_path):
    """An environment without a trace of earlier runs, and the folders in which new files would show."""
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES and name[:4] != "XDG_"}
    return kept | {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}


def files_of(environment):
    """What lies in the fresh folders, but unmask's own cache."""
    found = [path for name in ("HOME", "TMPDIR") for path in Path(environment[name]).rglob("*")]
    return [path for path in found if path.is_file() and "unmask" not in path.parts[-2:-1]]


def write_pictures(folder):
    """Small pictures; every tenth shows a face, so that the detector runs too."""
    folder.mkdir()
    face = portrait().crop((100, 20, 360, 280)).resize((96, 96))
    for number in range(FILES):
        picture = face.copy() if number % 10 == 0 else face.crop((0, 0, 16, 16))
        picture.putpixel((0, 0), (number, 0, 0))
        picture.save(folder / f"{number}.png")


@pytest.mark.parametrize(
    "code",
    [
        "import unmask, onnxruntime",
        "import unmask.offline, onnxruntime",
        "from unmask.faces import CenterFace; CenterFace(threads=1)",
        "from unmask.detectors import load_detector; load_detector('jrc', threads=1)",
        "import unmask.batch.cluster, unmask.serve.worker, onnxruntime",
    ],
)
def test_onnx_runtime_leaves_no_files(fresh, code):
    fresh["ORT_DISABLE_TELEMETRY"] = "0"  # What the environment said before is overruled.
    subprocess.run([sys.executable, "-c", code], env=fresh, check=True, timeout=60)
    assert files_of(fresh) == []


def test_the_switches_reach_processes_that_are_started(fresh):
    code = "import os, unmask; os.execvp('env', ['env'])"
    done = subprocess.run([sys.executable, "-c", code], env=fresh, check=True, capture_output=True, text=True)
    assert {f"{name}={value}" for name, value in SWITCHES.items()} <= set(done.stdout.splitlines())


def test_an_onnx_runtime_that_was_there_first_records_nothing_more(monkeypatch):
    import types

    from unmask.offline import disable_telemetry

    asked = []
    first = types.SimpleNamespace(disable_telemetry_events=lambda: asked.append(True))
    monkeypatch.setitem(sys.modules, "onnxruntime", first)
    disable_telemetry()
    monkeypatch.setitem(sys.modules, "onnxruntime", types.SimpleNamespace())
    disable_telemetry()
    assert asked == [True]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("options", [["--json"], ["--output", "-", "--workers", "1"]])
def test_a_scan_of_fifty_files_looks_up_no_name_and_connects_to_nobody(fresh, tmp_path, options):
    write_pictures(tmp_path / "pictures")
    trace = tmp_path / "trace"
    # Every process and thread that the scan starts is followed.
    strace = ["strace", "-f", "-qq", "-s", "200", "-o", str(trace), "-e", "trace=network,openat"]
    scan = [sys.executable, "-m", "unmask", "scan", str(tmp_path / "pictures"), *options]
    done = subprocess.run([*strace, *scan], env=fresh, capture_output=True, text=True, timeout=120)
    if "ptrace" in done.stderr.lower() and "not permitted" in done.stderr.lower():
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"status": ') == FILES and '"verdict": "' in done.stdout
    calls = trace.read_text(errors="replace").splitlines()
    assert any("unmask/scanning" in call for call in calls), "the trace shows nothing"
    assert [call for call in calls if reaches_out(call)] == []
    assert files_of(fresh) == []


def reaches_out(call):
    """Whether a line of strace is part of a name's look-up, or uses a socket that is not local."""
    if "openat(" in call:
        return re.search(r'"/etc/(resolv\.conf|hosts|host\.conf|gai\.conf)"', call) is not None
    return re.search(r"AF_(?!UNIX|LOCAL|UNSPEC)\w+|nscd", call) is not None


def test_what_reaches_out_is_told_from_what_does_not():
    assert reaches_out('7 connect(8, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}')
    assert reaches_out('7 connect(8, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT')
    assert reaches_out('7 openat(AT_FDCWD, "/etc/resolv.conf", O_RDONLY|O_CLOEXEC) = 3')
    assert not reaches_out("7 socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [3, 4]) = 0")
    assert not reaches_out('7 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3')


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_import_unmask_before_what_may_report(path):
    """The package's own modules are behind its first import; a script is not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    rooms = [name.split(".")[0] for node in ast.walk(tree) for name in sorted(imports(node))]
    reporting = [place for place, room in enumerate(rooms) if room in REPORTING]
    assert not reporting or "unmask" in rooms[: reporting[0]]


def imports(node):
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    return {node.module} if isinstance(node, ast.ImportFrom) and node.module else set()


def test_the_image_has_the_switches_too():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert all(f"{name}={value}" in text for name, value in SWITCHES.items())
