"""The verbs beside scan: demo, detectors, doctor."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from unmask import detectors
from unmask.cli import doctor, main
from unmask.cli.main import build
from unmask.demo import reference
from unmask.detectors import Prediction, processor
from unmask.faces import CenterFace


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *words: CliRunner().invoke(build(), [str(word) for word in words])


@pytest.fixture
def real_finder(toy_scanner, monkeypatch):
    from unmask.scanning import loading

    monkeypatch.setattr(loading, "_load_finder", lambda threads: CenterFace(threads=threads))


@pytest.mark.slow
def test_the_demo_writes_two_clips_and_a_report(run, real_finder, tmp_path):
    done = run("demo", "--out", tmp_path / "demo")
    assert done.exit_code == 0
    written = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert written == [
        "demo/blended.mp4", "demo/plain.mp4",
        "demo/report/index.html", "demo/report/manifest.json", "demo/report/scan.json",
    ]  # fmt: skip
    for result in json.loads((tmp_path / "demo/report/scan.json").read_text("utf-8")):
        coverage = result["coverage"]
        assert (result["status"], len(result["tracks"])) == ("ok", 1)
        assert coverage["frames_with_face"] == coverage["frames_sampled"] >= 2
    assert str(tmp_path / "demo/report/index.html") in done.stdout.replace("\n", "")


CARD = detectors.Card(
    name="toy",
    version="1",
    description="a toy [red]for[/red] tests",
    sha256="0" * 64,
    licence="CC0-1.0",
    crop_profile="wide",
    input_size=224,
    threshold=0.5,
    band=(0.4, 0.6),
    data=(detectors.DataSource(name="toys", terms="none"),),
)


FIGURES = {
    "validation": {
        "toy-faces": {"frame_auc": 0.954, "frame_auc_interval": [0.94, 0.96], "real": 1330, "fake": 7}
    }
}


def test_detectors_are_listed_with_their_question_and_figures(run, monkeypatch):
    monkeypatch.setattr(detectors, "installed", lambda: [CARD.model_copy(update={"metrics": FIGURES})])
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("detectors").stdout.splitlines()
    assert lines[1].split("  ") == ["toy 1", "Was a face swapped or re-enacted?", "0.954 toy-faces"]
    assert "unmask detectors NAME" in lines[-1]


def test_a_detector_s_card_is_shown_by_its_name(run, monkeypatch):
    monkeypatch.setattr(detectors, "load_card", lambda name: CARD.model_copy(update={"metrics": FIGURES}))
    monkeypatch.setenv("COLUMNS", "80")
    text = run("detectors", "toy").stdout
    assert "CC0-1.0" in text and "[red]for[/red]" in text and "faces cut as wide, 224 px" in text
    assert "toy-faces: AUC 0.954 (0.940 to 0.960), 1,330 real, 7 fake" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
    assert [card["name"] for card in json.loads(run("detectors", "toy", "--json").stdout)] == ["toy"]


def test_all_cards_are_printed_as_json(run, monkeypatch):
    monkeypatch.setattr(detectors, "installed", lambda: [CARD])
    assert json.loads(run("detectors", "--json").stdout) == [CARD.to_dict()]


def test_no_detector_is_said(run, monkeypatch):
    monkeypatch.setattr(detectors, "installed", list)
    assert "no detector is installed" in run("detectors").stdout


@pytest.mark.parametrize(
    ("absent", "found"),
    [
        ((), "train, serve, ray installed"),
        (("ray", "pandas"), "train, serve installed; not, or in part: ray"),
        (("torch", "fastapi", "ray"), "none installed; not, or in part: train, serve, ray"),
    ],
)
def test_the_doctor_lists_the_extras(monkeypatch, absent, found):
    monkeypatch.setattr(main, "EXTRAS", {name: main.EXTRAS[name] for name in ("train", "serve", "ray")})
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name in absent else object())
    (finding,) = doctor._extras()
    assert (finding.subject, finding.state, finding.found) == ("extras", "ok", found)


def test_the_doctor_tries_a_scan(run, real_finder):
    done = run("doctor")
    line = next(line for line in done.stdout.splitlines() if "self-test" in line)
    assert line.startswith("ok") and "one face was scanned" in line
    for subject in ("python", "onnxruntime", "processor", "pyav", "face finder", "isolation", "training"):
        assert f"{subject}: " in done.stdout


@pytest.mark.parametrize(
    ("held", "state", "said"),
    [
        ("landlock 4 + namespaces", "ok", []),
        ("landlock 3", "note", ["UDP", "TCP"]),
        ("namespaces", "note", ["read files"]),
        ("process", "note", ["read files", "UDP"]),
    ],
)
def test_the_doctor_says_what_confines_the_decoder(monkeypatch, held, state, said):
    from unmask.media import DecodingProcesses

    said_by_the_process = property(lambda self: held, lambda self, _: None)
    monkeypatch.setattr(DecodingProcesses, "isolation", said_by_the_process, raising=False)
    (finding,) = doctor._isolation()
    assert (finding.state, held in finding.found) == (state, True)
    assert all(words in finding.advice for words in said)


@pytest.mark.parametrize(
    ("recorded", "state", "said"),
    [
        (0.25, "ok", "bit by bit"),
        (0.25 + 2**-20, "note", "differs by 1e-06"),
        (0.5, "missing", "differs by 0.2"),
        (float("nan"), "missing", "differs by nan"),
        (None, "note", "is 0.25; none is recorded"),
    ],
)
def test_the_doctor_holds_a_logit_against_the_recorded_one(monkeypatch, recorded, state, said):
    class Constant:
        card = CARD

        def predict(self, inputs):
            crops = inputs["crops"]
            assert crops.shape == (1, 224, 224, 3) and crops.dtype == np.uint8
            return Prediction(np.full(1, 0.25, np.float32), {})

    monkeypatch.setattr(reference, "reference_logit", {CARD.sha256: recorded}.get)
    finding = doctor._reference_logit(Constant())
    assert (finding.state, said in finding.found) == (state, True), finding


def test_every_built_in_detector_has_its_logit_recorded():
    for name in detectors.built_in():
        recorded = reference.reference_logit(detectors.load_card(name).sha256)
        assert recorded == np.float32(recorded), name
        assert reference.is_explained(reference.portrait_logit(detectors.load_detector(name)), recorded)


@pytest.fixture
def no_self_test(monkeypatch):
    monkeypatch.setattr(doctor, "_self_test", list)


def test_what_is_missing_has_advice_and_ends_with_1(run, no_self_test, monkeypatch):
    monkeypatch.setattr(detectors, "built_in", dict)
    done = run("doctor")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("missing detectors"))
    assert lines[at + 1].strip().startswith("->")


def test_a_broken_part_is_a_finding_not_a_traceback(no_self_test, monkeypatch):
    def fall_over():
        raise ImportError("libfoo.so: cannot open\nshared object file")

    monkeypatch.setattr(doctor, "_pyav", fall_over, raising=True)
    findings = {finding.subject: finding for finding in doctor.examine()}
    assert findings["fall-over"].state == "missing"
    assert findings["fall-over"].found == "libfoo.so: cannot open shared object file"


def test_a_missing_training_extra_is_a_note(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "torch" else object())
    (finding,) = doctor._training()
    assert finding.state == "note" and 'pip install "unmask[train]"' in finding.advice


@pytest.mark.parametrize(
    ("cpuinfo", "flags"),
    [
        ("processor\t: 0\nflags\t\t: sse avx2 avx512_vnni\n", {"sse", "avx2", "avx512_vnni"}),
        ("Features\t: fp asimd asimddp\n", {"fp", "asimd", "asimddp"}),
        ("nothing of the kind\n", set()),
    ],
)
def test_instruction_sets_are_read(tmp_path, cpuinfo, flags):
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert processor.cpu_flags(tmp_path / "cpuinfo") == flags
    assert processor.cpu_flags(tmp_path / "absent") == set()


def test_a_processor_without_vnni_is_told_about(monkeypatch):
    monkeypatch.setattr(processor, "cpu_flags", lambda: frozenset({"avx2"}))
    (finding,) = doctor._processor()
    assert finding.state == "note" and "slower" in finding.advice
