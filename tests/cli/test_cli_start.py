"""The command line starts quickly and drags nothing heavy along."""

import json
import os
import resource
import subprocess
import sys

import pytest

from unmask.cli.main import VERBS


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    ).stdout


@pytest.mark.alone
def test_help_is_quick():
    # The aim is half a second of wall time on an idle machine. Processor time, best of three, is what a busy
    # machine disturbs least; the bound leaves room for a slow one.
    used = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "unmask", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(used) < 1.0


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_without_torch(verb):
    code = (
        f"import sys; sys.argv = ['unmask', {verb!r}, '--help']\n"
        "from unmask.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: print('CODE', end.code, 'torch' in sys.modules)"
    )
    assert python(code).splitlines()[-1] == "CODE 0 False"


def test_the_package_offers_its_public_names_lazily():
    code = "import unmask; print(unmask.scan.__name__, unmask.ScanResult.__name__, sorted(unmask.__all__))"
    assert python(code).startswith("scan ScanResult")


def test_an_unknown_name_is_an_attribute_error():
    import unmask

    with pytest.raises(AttributeError, match="scam"):
        _ = unmask.scam


def test_a_narrow_encoding_does_not_end_the_run():
    code = (
        "import sys; sys.argv = ['unmask', '--version']\n"
        "from unmask.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print('\\u00e9\\udcff')"
    )
    assert python(code, PYTHONIOENCODING="ascii").splitlines()[-1] == "\\xe9\\udcff"


def test_a_scan_that_ends_at_once_leaves_its_output_and_its_exit_code(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    command = [sys.executable, "-m", "unmask", "scan"]
    many = [str(tmp_path / "text.mp4")] + [str(tmp_path / f"absent-{number}.mp4") for number in range(400)]
    done = subprocess.run([*command, "--json", *many], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == ""
    results = json.loads(done.stdout)
    assert len(done.stdout) > 1 << 17  # More than a pipe holds.
    assert [result["status"] for result in results] == ["unreadable"] * 401
    done = subprocess.run([*command, "--frames", "0", many[0]], capture_output=True, text=True)
    assert done.returncode == 2 and "--frames" in done.stderr
    done = subprocess.run([*command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--fail-on" in done.stdout
