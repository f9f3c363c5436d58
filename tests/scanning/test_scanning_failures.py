"""What a scan says of files that it cannot read, and of its own parts when they fail."""

import json
import sys
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from unmask.detectors import DetectorError
from unmask.media import Limits, MediaError
from unmask.report import schema
from unmask.report.words import headline, meaning
from unmask.scanning import Scanner, Settings, scan, scanner


def test_text_named_mp4_is_unreadable(tmp_path, detector, finder):
    path = tmp_path / "text.mp4"
    path.write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    result = scan(path, Settings(), detector, finder)
    assert (result.status, result.kind, result.score) == ("unreadable", "video", None)
    assert len(result.detail.splitlines()) == 1 and "passwd" not in result.detail
    assert finder.asked == 0 and not result.was_read


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.touch()])
def test_missing_empty_and_folder_are_unreadable(tmp_path, detector, finder, make):
    path = tmp_path / "x.png"
    make(path)
    result = scan(path, Settings(), detector, finder)
    assert (result.status, result.kind) == ("unreadable", "image")


def test_a_stream_on_which_the_scan_itself_fails_is_told_as_a_file_is(
    two_faces, detector, finder, monkeypatch
):
    def fail(self, path, *_):
        raise ZeroDivisionError("odd")

    with Scanner(Settings(frames=2), detector, finder) as scanner:
        monkeypatch.setattr(Scanner, "scan", fail)
        with two_faces.open("rb") as stream:
            result = scanner.scan_stream(stream)
    assert (result.path, result.status) == ("-", "failed")
    assert result.detail == "internal error: ZeroDivisionError: odd"


def test_limits_are_passed_on(two_faces, detector, finder):
    result = scan(two_faces, Settings(limits=Limits(video_bytes=10)), detector, finder)
    assert result.status == "too_large" and not result.was_read


def test_the_json_says_what_confined_the_decoding(two_faces, tmp_path, detector, finder):
    (tmp_path / "text.mp4").write_text("not a video")
    with Scanner(Settings(frames=2), detector, finder) as scanner:
        results = [scanner.scan(two_faces), scanner.scan(tmp_path / "text.mp4")]
    for result in results:
        held = result.to_dict()["isolation"]
        assert held == "process" or {"landlock", "namespaces"} & set(held.split())
    here = scan(two_faces, Settings(frames=2, isolated=False), detector, finder)
    assert here.to_dict()["isolation"] is None and here == replace(results[0], seconds=here.seconds)


class Broken:
    """Media that yields some frames and then fails."""

    def __init__(self, media, good, error):
        self.media, self.info, self.good, self.error = media, media.info, good, error

    def __enter__(self):
        self.media.__enter__()
        return self

    def __exit__(self, *args):
        return self.media.__exit__(*args)

    def sample(self, count):
        for number, frame in enumerate(self.media.sample(count)):
            if number == self.good:
                raise self.error
            yield frame


@pytest.fixture
def break_after(monkeypatch):
    opened = scanner.open_media

    def arrange(good, error):
        monkeypatch.setattr(scanner, "open_media", lambda *a: Broken(opened(*a), good, error))

    return arrange


def test_an_unexpected_error_in_decoding_is_the_files_fault(two_faces, detector, finder, break_after):
    break_after(0, RuntimeError("demuxer\nfell over"))
    result = scan(two_faces, Settings(isolated=False), detector, finder)
    assert (result.status, result.detail) == ("unreadable", "could not be decoded (RuntimeError)")


def test_a_file_that_breaks_in_the_middle_is_judged_by_what_was_seen(
    two_faces, detector, finder, break_after
):
    break_after(3, MediaError("unreadable", "damaged"))
    result = scan(two_faces, Settings(frames=8, isolated=False), detector, finder)
    assert (result.status, result.detail) == ("ok", "only in part: damaged")
    assert result.coverage.frames_sampled == 3


def test_an_unknown_detector_is_an_error_of_the_callers(two_faces):
    with pytest.raises(DetectorError, match="nonesuch"):
        scan(two_faces, Settings(detector="nonesuch"))


def test_a_failing_detector_is_not_taken_for_a_bad_file(two_faces, detector, finder):
    def fail(crops):
        raise RuntimeError("weights on fire")

    detector.predict = fail
    with pytest.raises(RuntimeError, match="on fire"):
        scan(two_faces, Settings(), detector, finder)


@pytest.mark.parametrize("error", [RuntimeError("weights on\nfire"), MemoryError(), ValueError("a bug")])
def test_an_error_of_unmasks_own_is_called_its_own(two_faces, detector, finder, error):
    def fail(crops):
        raise error

    detector.predict = fail
    with Scanner(Settings(), detector, finder) as scanner:
        result = scanner.scan_or_explain(two_faces)
    assert (result.status, result.score, result.was_read) == ("failed", None, False)
    assert result.detail == f"internal error: {type(error).__name__}: {' '.join(str(error).split())}"
    assert result.seconds > 0
    Draft202012Validator(schema()).validate(json.loads(json.dumps(result.to_dict())))
    assert meaning(result) and headline(result) == "failed"


def test_a_process_for_decoding_that_cannot_start_is_not_the_files_fault(
    two_faces, detector, finder, monkeypatch
):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Scanner(Settings(), detector, finder) as scanner:
        assert scanner.scan_or_explain(two_faces).status == "failed"


def test_a_scanner_survives_a_failing_finder(two_faces, detector, finder):
    class Moody:
        calls = 0

        def find(self, image):
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError("not today")
            return finder.find(image)

    with Scanner(Settings(frames=4, threads=1), detector, Moody()) as scanner:
        with pytest.raises(RuntimeError, match="not today"):
            scanner.scan(two_faces)
        assert scanner.scan(two_faces).status == "ok"
