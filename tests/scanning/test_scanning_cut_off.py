"""A face that the picture's edge cuts off has no part in the verdict beside a whole one, and the result says so."""

import pytest
from PIL import Image

from toy_detectors import write_detector
from unmask.report.view import result_view
from unmask.scanning import Scanner, Settings

CUT, WHOLE = (0, 40, 40, 120), (150, 60, 230, 140)


@pytest.fixture
def scanner(tmp_path, finder):
    with Scanner(Settings(str(write_detector(tmp_path / "toy")), frames=2), finder=finder) as scanner:
        yield scanner


def set_aside(result):
    return [any(reason.effect == "sets_aside" for reason in track.reasons) for track in result.tracks]


def test_an_image_is_judged_by_its_whole_face(toys, scanner, tmp_path):
    Image.fromarray(toys.draw([(CUT, toys.RED), (WHOLE, toys.BLUE)])).save(tmp_path / "two.png")
    result = scanner.scan(tmp_path / "two.png")
    cut, whole = result.tracks
    assert cut.score > 0.5 > whole.score
    assert (result.decisive_track, result.score) == (whole.id, pytest.approx(whole.score))
    assert set_aside(result) == [True, False]
    remarks = [face.remarks for face in result_view(result).faces]
    assert ("cut off by the picture's edge, so it does not count",) in remarks


def test_the_only_whole_face_has_a_likelihood_ratio(toys, finder, tmp_path):
    calibration = {"slope": 1.0, "intercept": 0.0, "within_sd": 0.5, "prior": 0.5, "reals": 99, "fakes": 99}
    Image.fromarray(toys.draw([(WHOLE, toys.BLUE)])).save(tmp_path / "one.png")
    Image.fromarray(toys.draw([(CUT, toys.RED), (WHOLE, toys.BLUE)])).save(tmp_path / "two.png")
    with Scanner(Settings(), toys.ColourDetector(calibration=calibration), finder=finder) as scanner:
        one, two = (scanner.scan(tmp_path / name) for name in ("one.png", "two.png"))
    assert two.opinions[0].lr == one.opinions[0].lr is not None
    assert result_view(two).basis.startswith(
        "It rests on Face 2, the only face that the picture's edge does not cut off"
    )


def test_each_of_several_opinions_says_so(toys, finder, tmp_path):
    Image.fromarray(toys.draw([(CUT, toys.RED), (WHOLE, toys.BLUE)])).save(tmp_path / "two.png")
    first, second = (str(write_detector(tmp_path / name, name=name)) for name in ("one", "other"))
    with Scanner(Settings(first, further_detectors=(second,)), finder=finder) as scanner:
        view = result_view(scanner.scan(tmp_path / "two.png"))
    named = [[subject.name for subject in opinion.subjects] for opinion in view.opinions]
    assert named == [["Face 1, cut off by the picture's edge, so it does not count", "Face 2"]] * 2


def test_the_only_face_counts_although_it_is_cut_off(toys, scanner, tmp_path):
    Image.fromarray(toys.draw([(CUT, toys.RED)])).save(tmp_path / "one.png")
    result = scanner.scan(tmp_path / "one.png")
    assert (result.decisive_track, set_aside(result)) == (0, [False])


def test_so_is_a_video(toys, scanner, make_video):
    result = scanner.scan(make_video([toys.draw([(CUT, toys.RED), (WHOLE, toys.BLUE)])] * 8))
    assert set_aside(result).count(True) == 1 and result.score < 0.5
