"""``unmask enrol`` end to end, with a toy detector of redness that tells kinds by their colour."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from toy_detectors import write_detector, write_prototypes
from unmask.cli.main import build, explain


@pytest.fixture
def run(monkeypatch, toys, tmp_path):
    from unmask.scanning import loading

    monkeypatch.setattr(loading, "_load_finder", lambda threads: toys.SquareFinder())
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.platform", "linux")
    return lambda *words: CliRunner().invoke(build(), [str(word) for word in words])


@pytest.fixture
def detector(tmp_path):
    """Its detector of images is another one, redder still."""
    stills = write_detector(tmp_path / "stills", slope=0.02, offset=5.0, name="toy-stills")
    write_prototypes(stills)
    return write_prototypes(write_detector(tmp_path / "toy", slope=0.02, offset=4.0, stills=[str(stills)]))


def draw(toys, folder, colour, count):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        own = tuple(int(value) for value in rng.normal(colour, 4).clip(0, 255))
        Image.fromarray(toys.draw([((100, 60, 200, 160), own)])).save(folder / f"{number}.png")
    return folder


def test_a_kind_is_enrolled_found_by_a_scan_listed_and_forgotten(run, detector, tmp_path, toys):
    examples, others = (
        draw(toys, tmp_path / "a", (30, 220, 30), 7),
        draw(toys, tmp_path / "b", (30, 220, 30), 2),
    )
    real = draw(toys, tmp_path / "c", (40, 30, 220), 2)
    before = json.loads(run("scan", others, real, "--detector", detector, "--json").stdout)
    assert [one["verdict"] for one in before] == ["likely_real"] * 4
    assert {one["opinions"][0]["attribution"] for one in before} == {None}
    done = run("enrol", "greenish", examples, "--detector", detector)
    assert done.exit_code == 0, done.output
    assert "toy-enrolled knows greenish, from 7 examples" in done.output
    assert "hardly differ" not in done.output
    assert "greenish (7 examples)" in run("detectors", "toy-enrolled").output
    after = json.loads(run("scan", others, real, "--detector", "toy-enrolled", "--json").stdout)
    assert {one["detector"]["name"] for one in after} == {"toy-stills-enrolled"}
    assert [one["verdict"] for one in after[:2]] == ["likely_fake"] * 2
    assert [one["opinions"][0]["attribution"]["resembles"] for one in after[:2]] == ["greenish"] * 2
    assert [one["score"] for one in after[2:]] == pytest.approx(
        [one["score"] for one in before[2:]], abs=1e-3
    )
    assert "resembles greenish" in run("scan", others, "--detector", "toy-enrolled").output
    assert run("enrol", "--list", "--detector", detector).output == "greenish  (7 examples)\n"
    assert run("enrol", "--remove", "greenish", "--detector", detector).output == ""
    assert not list((tmp_path / "home").rglob("card.json"))


def test_too_few_examples_a_wrong_name_and_an_unknown_kind_are_refused_in_words(
    run, detector, tmp_path, toys
):
    few = draw(toys, tmp_path / "few", (30, 220, 30), 4)
    Image.fromarray(np.full((90, 90, 3), 128, np.uint8)).save(few / "nobody.png")
    refused = run("enrol", "greenish", few, "--detector", detector)
    assert explain(refused.exception) == ("4 of 5 files have a usable face; a kind needs at least 5", 2)
    assert "nobody.png: no usable face" in refused.output
    Image.fromarray(toys.draw([((100, 60, 200, 160), (30, 220, 30))])).save(few / "fifth.png")
    for name, words in {"A kind": "a name is of small letters", "painted": "knows painted already"}.items():
        assert words in explain(run("enrol", name, few, "--detector", detector).exception)[0]
    gone = run("enrol", "--remove", "greenish", "--detector", detector).exception
    assert "'greenish' is not enrolled for toy; enrolled: none" in explain(gone)[0]
    alike = run("enrol", "bluish", draw(toys, tmp_path / "alike", (0, 88, 250), 5), "--detector", detector)
    assert "hardly differ from real faces" in alike.output
    plain = write_detector(tmp_path / "plain", name="plain")
    assert "tells no kinds" in explain(run("enrol", "greenish", few, "--detector", plain).exception)[0]
