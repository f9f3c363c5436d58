"""The command as a process: what a scan starts before its command line is read."""

import json
import subprocess
import sys
from dataclasses import fields

import pytest
import typer

from unmask.cli.main import build
from unmask.cli.many import ManyOptions
from unmask.scanning.warm_start import MULTI_PROCESS_OPTIONS


def test_every_option_of_many_files_is_known_where_the_arguments_are_guessed_from():
    known = typer.main.get_command(build(["scan"])).commands["scan"].params
    names = {field.name for field in fields(ManyOptions)} - {"keep"}
    options = [option for parameter in known if parameter.name in names for option in parameter.opts]
    assert len(options) == len(names) and set(options) < set(MULTI_PROCESS_OPTIONS)


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
        ("unmask.scanning.loading._import_first", "onnxruntime"),
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
