"""The way of one file with a toy finder and a toy detector: what comes out, and how little depends on what."""

import json
from dataclasses import replace

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from unmask.faces import SEARCH_BUDGET, FaceSearch
from unmask.media import kind_by_name
from unmask.report.schema import schema
from unmask.scanning import Scanner, Settings, scan


def check(result):
    Draft202012Validator(schema()).validate(json.loads(json.dumps(result.to_dict())))
    return result


def test_every_face_has_a_track_and_the_most_suspicious_decides(two_faces, detector, finder):
    result = check(scan(two_faces, Settings(frames=8), detector, finder))
    assert (result.status, result.kind, result.verdict) == ("ok", "video", "likely_fake")
    assert [len(track.frames) for track in result.tracks] == [8, 8]
    red, blue = sorted(result.tracks, key=lambda track: track.score, reverse=True)
    assert red.score == pytest.approx(1 / (1 + np.exp(-190 / 60)), abs=0.01)
    assert blue.score == pytest.approx(1 / (1 + np.exp(190 / 60)), abs=0.01)
    # Two faces: each at prior odds of 2^(1/2) - 1, so that the file as a whole stays at even odds.
    odds = (2**0.5 - 1) * red.score / (1 - red.score)
    assert result.score == pytest.approx(odds / (1 + odds))
    assert result.interval[0] < result.score < result.interval[1]
    intervals = {subject.id: subject.interval for subject in result.opinions[0].subjects}
    assert result == replace(result, opinions=()).with_opinion_on_faces(intervals)
    assert (result.coverage.frames_sampled, result.coverage.frames_with_face) == (8, 8)
    assert result.coverage.duration == pytest.approx(2.0, abs=0.11)


def with_class_mix(toys, **more):
    calibration = {"slope": 1.0, "intercept": 0.0, "within_sd": 0.5, "prior": 0.5, "reals": 99, "fakes": 99}
    return toys.ColourDetector(calibration=calibration | more)


def test_one_face_has_a_likelihood_ratio_and_several_have_none(two_faces, make_video, finder, toys):
    one = make_video([toys.draw([((20, 40, 80, 110), (220, 30, 160))])] * 10, "one.mp4")
    (opinion,) = check(scan(one, Settings(frames=4), with_class_mix(toys), finder)).opinions
    assert opinion.lr.log10 == pytest.approx(np.log10(opinion.score / (1 - opinion.score)))
    assert opinion.lr.low < opinion.lr.log10 < opinion.lr.high and not opinion.lr.bounded
    (bounded,) = scan(
        one, Settings(frames=4), with_class_mix(toys, log10_lr_bounds=(-0.1, 0.1)), finder
    ).opinions
    assert (bounded.lr.log10, bounded.lr.bounded) == (0.1, True)
    (several,) = scan(two_faces, Settings(frames=4), with_class_mix(toys), finder).opinions
    assert several.lr is None
    (silent,) = scan(one, Settings(frames=4), toys.ColourDetector(), finder).opinions
    assert silent.lr is None and silent.to_dict()["lr"] is None


def test_a_face_that_a_gate_rejects_has_no_likelihood_ratio(make_video, finder, toys):
    tiny = make_video([toys.draw([((20, 40, 44, 66), toys.RED)])] * 4, "tiny.mp4")
    result = scan(tiny, Settings(frames=2), with_class_mix(toys), finder)
    assert result.verdict == "inconclusive" and result.opinions[0].lr is None


def test_boxes_times_and_errors_are_those_of_the_frames(two_faces, detector, finder):
    result = scan(two_faces, Settings(frames=4), detector, finder)
    moving = next(track for track in result.tracks if track.frames[0].box[0] < 150)
    for frame in moving.frames:
        assert frame.box[0] == pytest.approx(20 + 2 * frame.time * 10, abs=2)
        assert frame.face_confidence == 0.9
        assert frame.reconstruction_error == 0.25
        assert frame.score > 0.9


def test_an_image_is_one_frame(tmp_path, detector, finder, toys):
    path = tmp_path / "face.png"
    Image.fromarray(toys.draw([((20, 40, 80, 110), toys.BLUE)])).save(path)
    result = check(scan(path, Settings(), detector, finder))
    assert (result.kind, result.status, len(result.tracks)) == ("image", "ok", 1)
    coverage = {"duration": None, "frames_sampled": 1, "frames_with_face": 1, "frames_planned": 1}
    assert result.coverage.to_dict() == coverage | {
        "longest_gap": None,
        "times": [0.0],
        "frames_damaged": 0,
        "smallest_face": None,
    }
    assert result.score < 0.1
    assert result.path == str(path)


def test_a_picture_without_a_face_has_no_score(tmp_path, detector, finder, toys):
    path = tmp_path / "empty.png"
    Image.fromarray(toys.draw([])).save(path)
    result = check(scan(path, Settings(), detector, finder))
    assert (result.status, result.score, result.verdict, result.tracks) == ("no_face", None, None, ())
    assert result.was_read and detector.batches == []


def test_specks_are_no_faces(tmp_path, detector, finder, toys):
    path = tmp_path / "speck.png"
    Image.fromarray(toys.draw([((20, 40, 32, 52), toys.RED)])).save(path)
    assert scan(path, Settings(minimum_face=20), detector, finder).status == "no_face"
    assert scan(path, Settings(minimum_face=10), detector, finder).status == "ok"


def test_crops_are_scored_alone_and_threads_change_nothing(two_faces, toys, finder):
    results = []
    for threads in (1, 2, 5):
        detector = toys.ColourDetector()
        result = scan(two_faces, Settings(threads=threads, frames=8), detector, finder).to_dict()
        assert set(detector.batches) == {1} and len(detector.batches) == 16
        results.append({key: value for key, value in result.items() if key != "seconds"})
    assert results[0] == results[1] == results[2]


def crowd(toys, rows=3, columns=5):
    places = [(x, y) for y in range(rows) for x in range(columns)]
    return [((8 + 62 * x, 8 + 76 * y, 48 + 62 * x, 48 + 76 * y), toys.BLUE) for x, y in places]


def test_in_a_crowd_every_track_is_scored_and_the_work_is_bounded(make_video, detector, finder, toys):
    path = make_video([toys.draw(crowd(toys))] * 20)
    result = check(scan(path, Settings(frames=8, crops=40), detector, finder))
    assert len(result.tracks) == 15
    scored = [[frame.score is not None for frame in track.frames] for track in result.tracks]
    assert all(len(frames) == 8 and sum(frames) == 2 for frames in scored)
    assert len(detector.batches) == 30
    assert scored[0] == [False, False, True, False, False, False, True, False]


def test_even_with_few_crops_no_track_goes_without_a_score(make_video, detector, finder, toys):
    path = make_video([toys.draw(crowd(toys))] * 8)
    result = scan(path, Settings(frames=4, crops=5), detector, finder)
    assert len(result.tracks) == 15 and len(detector.batches) == 15


def test_beyond_the_bound_the_largest_faces_of_a_frame_count(tmp_path, detector, finder, toys):
    path = tmp_path / "three.png"
    squares = [((10, 10, 40, 40), toys.RED), ((60, 10, 140, 90), toys.BLUE), ((160, 10, 220, 70), toys.BLUE)]
    Image.fromarray(toys.draw(squares)).save(path)
    result = scan(path, Settings(faces=2), detector, finder)
    assert sorted(round(track.frames[0].box[0]) for track in result.tracks) == [60, 160]
    assert result.detail == "only the 2 largest of 3 faces were analysed"


def test_a_crowd_of_a_hundred_faces_is_judged_by_the_largest(tmp_path, detector, finder, toys):
    path = tmp_path / "crowd.png"
    places = [(x, y) for y in range(10) for x in range(10)]
    squares = [((8 + 62 * x, 8 + 62 * y, 48 + 62 * x, 48 + 62 * y + y), toys.BLUE) for x, y in places]
    Image.fromarray(toys.draw(squares, (640, 640))).save(path)
    result = check(scan(path, Settings(), detector, finder))
    assert (len(result.tracks), result.verdict) == (64, "likely_real")
    assert all(track.frames[0].score is not None for track in result.tracks)
    assert min(track.frames[0].box[1] for track in result.tracks) >= 194
    assert result.detail == "only the 64 largest of 100 faces were analysed"


class SearchingFinder:
    """Finds what the toy finder finds, and notes how thoroughly it was asked to search."""

    def __init__(self, finder, closer, smallest=30.2, bounded=False):
        self.finder, self.closer, self.smallest, self.bounded = finder, closer, smallest, bounded
        self.asked = []

    def find(self, image):
        raise AssertionError("search knows more")

    def search(self, image, effort="thorough", budget=1.0):
        self.asked.append((effort, budget))
        return FaceSearch(self.finder.find(image), self.smallest, self.closer, self.bounded)


def test_a_picture_is_searched_thoroughly_and_the_result_says_how_far(tmp_path, detector, finder, toys):
    path = tmp_path / "face.png"
    Image.fromarray(toys.draw([((20, 40, 80, 110), toys.BLUE)])).save(path)
    searching = SearchingFinder(finder, closer=True, bounded=True)
    result = check(scan(path, Settings(), detector, searching))
    assert searching.asked == [("thorough", SEARCH_BUDGET)]
    assert result.detail == "faces of less than 31 pixels were not searched for"
    assert result.coverage.to_dict()["smallest_face"] == 31
    assert scan(path, Settings(), detector, SearchingFinder(finder, closer=True)).detail is None


@pytest.mark.parametrize(("closer", "afterwards"), [(True, "sparing"), (False, "quick")])
def test_frames_share_a_budget_and_are_searched_less_once_faces_were_large(
    make_video, detector, finder, toys, closer, afterwards
):
    path = make_video([toys.draw([((20, 40, 80, 110), toys.GREEN)])] * 24)  # Not settled by the first pass.
    searching = SearchingFinder(finder, closer)
    scan(path, Settings(), detector, searching)
    assert [effort for effort, _ in searching.asked] == ["sparing"] * 2 + [afterwards] * 10
    assert {budget for _, budget in searching.asked} == {SEARCH_BUDGET / 12}


def test_even_many_frames_are_searched_a_little_closer(make_video, detector, finder, toys):
    searching = SearchingFinder(finder, closer=True, bounded=True)
    path = make_video([toys.draw([])] * 60)
    result = scan(path, Settings(frames=50), detector, searching)
    assert {budget for _, budget in searching.asked} == {0.6e6}
    assert (result.status, result.detail) == ("no_face", "faces of less than 31 pixels were not searched for")


def test_one_scanner_scans_many_files(two_faces, tmp_path, detector, finder):
    (tmp_path / "text.mp4").write_text("not a video")
    with Scanner(Settings(frames=2), detector, finder) as scanner:
        statuses = [scanner.scan(path).status for path in (two_faces, tmp_path / "text.mp4", two_faces)]
    assert statuses == ["ok", "unreadable", "ok"]


@pytest.mark.parametrize(
    "change",
    [
        {"frames": 0},
        {"frames": 1000},
        {"every": 0},
        {"seconds": -1},
        {"frames": 3, "every": 2},
        {"faces": 0},
        {"crops": 0},
        {"threads": 0},
        {"minimum_face": 0},
    ],
)
def test_settings_are_checked(change):
    with pytest.raises(ValueError):
        Settings(**change)


def test_a_result_has_the_path_as_it_was_given(two_faces, tmp_path, detector, finder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Scanner(Settings(frames=2), detector, finder) as scanner:
        paths = [scanner.scan(path).path for path in ("./two.mp4", ".//absent.mp4")]
    assert paths == ["./two.mp4", ".//absent.mp4"]


@pytest.mark.parametrize(
    ("name", "kind"), [("a.JPG", "image"), ("a.webp", "image"), ("a.mp4", "video"), ("a", "video")]
)
def test_a_name_suggests_a_kind(name, kind):
    assert kind_by_name(name) == kind


def test_a_cut_ends_a_track(make_video, detector, finder, toys):
    one, other = (toys.draw([((20, 40, 80, 110), toys.BLUE)]) for _ in range(2))
    one[:, 160:], other[:, 160:] = 80, 176
    result = scan(make_video([one] * 10 + [other] * 10), Settings(frames=8), detector, finder)
    assert [len(track.frames) for track in result.tracks] == [4, 4]
