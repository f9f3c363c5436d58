"""Bombs, disguises and oddities through ``unmask scan --report``: one status each, no traceback, bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import hostile_files
from toy_detectors import write_detector
from unmask.report.schema import schema

MEGABYTES = 1000

# Says, when all is done, how much memory this process has had, and the largest of those that it started.
MEASURED = """
import re, resource, sys
from pathlib import Path
from unmask.cli.main import main
try:
    main()
finally:
    here = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
    there = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    Path(sys.argv[0]).write_text(f"{here} {there}")
"""


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """The results by name, what was printed on standard error, and the exit code."""
    if sys.platform != "linux":
        pytest.skip("measures memory by Linux's /proc")
    folder = tmp_path_factory.mktemp("hostile")
    inputs = folder / "inputs"
    inputs.mkdir()
    made = hostile_files.write_all(inputs)
    detector = write_detector(folder / "detector")
    program = f"import sys; sys.argv[0] = {str(folder / 'memory')!r}\n{MEASURED}"
    paths = [path for path, _ in made.values()]
    words = ["scan", *paths, "--json", "--detector", detector, "--report", folder / "report"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=folder,
    )
    results = {Path(row["path"]).name: row for row in json.loads(done.stdout)}
    memory = [int(kilobytes) / 1000 for kilobytes in (folder / "memory").read_text().split()]
    return made, results, done, memory, folder


def test_each_has_one_status_of_those_it_may_have(scanned):
    made, results, done, _, _ = scanned
    found = {name: (row["status"], row["detail"]) for name, row in results.items()}
    wrong = {name: got for name, got in found.items() if got[0] not in made[name][1]}
    assert not wrong
    assert found.keys() == made.keys()
    assert done.returncode == 1


def test_results_are_valid_and_never_blame_unmask(scanned):
    _, results, _, _, _ = scanned
    valid = Draft202012Validator(schema())
    for name, row in results.items():
        assert not list(valid.iter_errors(row)), name
        detail = row["detail"] or ""
        assert "\n" not in detail and "internal error" not in detail and "passwd" not in detail, name


def test_the_user_sees_no_traceback(scanned):
    _, _, done, _, folder = scanned
    assert done.stderr == f"report: {folder / 'report' / 'index.html'}\n"


def test_nothing_is_written_but_the_report(scanned):
    made, _, _, _, folder = scanned
    assert {path.name for path in folder.iterdir()} == {"inputs", "detector", "memory", "report"}
    assert {path.name for path in (folder / "inputs").iterdir()} == made.keys()


def test_names_are_escaped_in_the_report(scanned):
    page = (scanned[-1] / "report" / "index.html").read_text("utf-8")
    assert "second line &lt;b&gt;.mp4" in page and "second line <b>" not in page and "\x1b" not in page


def test_memory_of_each_process_is_bounded(scanned):
    _, _, _, memory, _ = scanned
    assert max(memory) < MEGABYTES, f"{memory[0]:.0f} MB for the scan, {memory[1]:.0f} MB for decoding"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything"
)
def test_a_file_that_may_not_be_read_is_unreadable(tmp_path):
    from unmask.media import MediaError, open_media

    path = tmp_path / "closed.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    path.chmod(0)
    with pytest.raises(MediaError, match="permission denied"):
        open_media(path)
