"""Which frames a scan samples: few at first, more only where these do not settle the verdict."""

from queue import SimpleQueue

import numpy as np
import pytest

from toy_detectors import write_detector
from unmask.media import MediaInfo
from unmask.scanning import Scanner, Settings, loading, plan_passes, scan

FACE = (20, 40, 80, 110)


def clip(make_video, toys, colours):
    """2.4 s, one face, its colour as listed over the frames."""
    return make_video([toys.draw([(FACE, colour)]) for colour in colours])


def test_a_clear_case_is_settled_by_the_first_pass(make_video, toys, detector, finder):
    path = clip(make_video, toys, [toys.BLUE] * 24)
    coverage = scan(path, Settings(), detector, finder).coverage
    assert (coverage.frames_sampled, coverage.frames_planned) == (2, 12)
    assert coverage.longest_gap == pytest.approx(1.2, abs=0.11)


def test_an_undecided_case_is_sampled_again_between_the_frames_seen(make_video, toys, detector, finder):
    path = clip(make_video, toys, [toys.GREEN] * 24)  # A logit of 0: as likely real as fake.
    result = scan(path, Settings(), detector, finder)
    times = [frame.time for frame in result.tracks[0].frames]
    assert result.verdict == "inconclusive" and len(times) == 12
    assert np.allclose(np.diff(times), 0.2, atol=0.11)


def test_what_two_frames_leave_open_more_can_settle(make_video, toys, detector, finder):
    """Each frame speaks for the same with little weight: a logit of about -1."""
    result = scan(clip(make_video, toys, [(90, 30, 150)] * 24), Settings(), detector, finder)
    assert result.verdict == "likely_real" and result.coverage.frames_sampled == 12


def test_frames_that_disagree_are_followed_by_more(make_video, toys, detector, finder):
    """One frame of two speaks against the other; the pass that follows finds that it is no exception."""
    pictures = [toys.draw([((220, 40, 250, 70), colour)]) for colour in [toys.BLUE] * 12 + [toys.RED] * 12]
    for picture in pictures:
        picture[:, :160] = 80  # Beside it a change of the face's colour is no cut.
    path = make_video(pictures)
    assert scan(path, Settings(), detector, finder).coverage.frames_sampled == 12


def test_a_video_without_faces_is_sampled_again(make_video, toys, detector, finder):
    """The only face is on one frame, which the first pass does not take."""
    empty, face = toys.draw([]), toys.draw([(FACE, toys.RED)])
    path = make_video([empty] * 16 + [face] + [empty] * 7)
    result = scan(path, Settings(), detector, finder)
    assert result.status == "ok" and result.coverage.frames_with_face == 1


def test_a_given_number_is_neither_less_nor_more(make_video, toys, detector, finder):
    path = clip(make_video, toys, [toys.GREEN] * 24)
    coverage = scan(path, Settings(frames=5), detector, finder).coverage
    assert (coverage.frames_sampled, coverage.frames_planned) == (5, 5)


def test_a_frame_every_so_often_of_the_beginning(make_video, toys, detector, finder):
    path = clip(make_video, toys, [toys.BLUE] * 24)
    result = scan(path, Settings(every=0.5, seconds=1.7), detector, finder)
    assert [frame.time for frame in result.tracks[0].frames] == pytest.approx([0, 0.5, 1.0, 1.5], abs=0.06)
    assert result.coverage.longest_gap == pytest.approx(0.9, abs=0.11)
    assert result.coverage.frames_planned == 4


@pytest.mark.parametrize(
    ("colour", "settings", "told"),
    [
        ("BLUE", Settings(threads=1), [1 / 4, 2 / 4, 1]),
        ("GREEN", Settings(threads=1), [1 / 4, 2 / 4, *(0.5 + k / 20 for k in range(1, 11)), 1]),
        ("GREEN", Settings(threads=1, frames=4), [1 / 4, 2 / 4, 3 / 4, 1, 1]),
    ],
    ids=["settled", "sampled again", "as ordered"],
)
def test_progress_is_reported_pass_by_pass(make_video, toys, detector, finder, colour, settings, told):
    heard = []
    with Scanner(settings, detector, finder) as scanner:
        scanner.scan(clip(make_video, toys, [getattr(toys, colour)] * 24), heard.append)
    assert heard == pytest.approx(told)


@pytest.mark.parametrize(
    ("duration", "seconds", "counts"),
    [
        (10.0, None, [2, 12]),
        (None, None, [2, 12]),
        (20.0, None, [3, 12]),
        (100.0, None, [5, 20]),
        (9999.0, None, [8, 32]),
        (9999.0, 20.0, [3, 12]),
    ],
)
def test_longer_videos_get_more_frames(duration, seconds, counts):
    info = MediaInfo("video", 640, 480, duration)
    assert [one.count for one in plan_passes(Settings(seconds=seconds), info)] == counts


def test_a_detector_may_be_named_by_a_path(make_video, toys, finder, tmp_path):
    folder = write_detector(tmp_path / "toy", crop_profile="tight")
    result = scan(clip(make_video, toys, [toys.BLUE] * 4), Settings(detector=folder), finder=finder)
    assert result.status == "ok" and result.detector.name == "toy"


@pytest.mark.parametrize(("workers", "operators"), [(1, 1), (2, 2), (5, 2)])
def test_networks_share_two_threads_at_most_and_never_more_than_there_are(monkeypatch, workers, operators):
    asked = SimpleQueue()
    monkeypatch.setattr(loading, "_load_detector", lambda name, threads, beside: asked.put(threads))
    monkeypatch.setattr(loading, "_load_finder", asked.put)
    with Scanner(Settings(threads=workers, isolated=False)):
        assert [asked.get(timeout=30) for _ in range(2)] == [operators, operators]


def test_each_of_several_faces_has_one_thread_where_there_are_no_more(monkeypatch):
    asked = SimpleQueue()
    monkeypatch.setattr(loading, "_load_detector", lambda name, threads, beside: asked.put(threads))
    monkeypatch.setattr(loading, "_load_finder", asked.put)
    for threads, operators in ((1, 1), (2, 1), (4, 2)):
        loading.Loading("jrc", threads=threads, at_once=2)
        assert [asked.get(timeout=30) for _ in range(2)] == [operators, operators]


def test_scores_do_not_depend_on_the_number_of_threads_or_on_isolation(make_video, toys, finder):
    path = clip(make_video, toys, [toys.GREEN] * 12 + [toys.BLUE] * 12)
    results = []
    for settings in (Settings(threads=1), Settings(threads=3), Settings(isolated=False)):
        with Scanner(settings, toys.ColourDetector(), finder) as scanner:
            result = scanner.scan(path).to_dict()
        results.append({key: value for key, value in result.items() if key not in ("seconds", "isolation")})
    assert results[0] == results[1] == results[2]
