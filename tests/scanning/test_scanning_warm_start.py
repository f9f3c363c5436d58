"""What a scan starts before its command line is parsed, and what is taken over of it."""

import pytest

from unmask.media import Limits
from unmask.scanning import Scanner, Settings, warm_start
from unmask.scanning.warm_start import (
    Resources,
    WarmStart,
    faces_at_once,
    kinds_of,
    resources_for,
    scans_here,
)


class Decoding:
    """Stands in for processes."""

    def __init__(self, credentials):
        self.credentials, self.closed = credentials, False

    def close(self):
        self.closed = True


@pytest.fixture
def started(monkeypatch):
    """A warm start; credentials : whether its decoding process is ready for them."""
    monkeypatch.setattr(warm_start, "_start_decoding", Decoding)
    return lambda credentials: WarmStart(credentials, Resources(Decoding(credentials), "jrc's"))


@pytest.mark.parametrize(
    ("line", "here"),
    [
        ("clip.mp4", True),
        ("--json clip.mp4 --report out --detector=jrc", True),
        ("-", True),
        ("folder --output rows.jsonl", False),
        ("folder --output=rows.jsonl", False),
        ("--from list --workers 2", False),
        ("--help", False),
    ],
)
def test_what_looks_like_a_scan_of_this_process_is_told(line, here):
    assert scans_here(line.split()) is here
    if not here:
        assert WarmStart.guess(line.split()) is None


@pytest.mark.parametrize(
    ("line", "kinds", "faces"),
    [
        ("a.mp4", {"video"}, 2),
        ("a.MOV b.webm --json", {"video"}, 2),
        ("a.mp4 b.jpg", {"image", "video"}, 1),
        ("a.png", {"image"}, 1),
        ("folder", set(), 1),
    ],
)
def test_videos_alone_have_several_faces_to_score_at_a_time(line, kinds, faces):
    assert kinds_of(line.split()) == kinds and faces_at_once(kinds) == faces


def test_what_was_started_is_taken_once(started):
    warm, settings = started(True), Settings(evidence=True)
    first, second = resources_for(settings, warm), resources_for(settings, warm)
    assert first.decoding.credentials and not first.decoding.closed and first.loading == "jrc's"
    assert second.decoding is not first.decoding and second.loading is None


@pytest.mark.parametrize(
    "settings",
    [Settings(evidence=True), Settings(limits=Limits(packets=9)), Settings(isolated=False)],
    ids=["credentials", "limits", "no process"],
)
def test_a_process_that_does_not_fit_is_closed(started, settings):
    warm = started(False)
    wrong = warm._resources.decoding
    taken = resources_for(settings, warm)
    assert wrong.closed and taken.decoding is not wrong and taken.loading == "jrc's"
    assert (taken.decoding is None) is not settings.isolated


@pytest.mark.parametrize("settings", [Settings("some/folder"), Settings(threads=1)])
def test_what_was_loaded_is_taken_only_for_the_same_detector_and_threads(started, settings):
    taken = resources_for(settings, started(False))
    assert taken.loading is None and not taken.decoding.closed


def test_without_a_guess_the_process_gets_ready_at_once(started):
    assert resources_for(Settings(evidence=True), None).decoding.credentials


def test_a_scanner_closes_the_process_that_it_was_given(detector, finder):
    given = Decoding(False)
    with Scanner(Settings(), detector, finder, Resources(given)):
        assert not given.closed
    assert given.closed
