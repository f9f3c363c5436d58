"""What a scanner keeps and what a file may want otherwise."""

from dataclasses import asdict, fields

import pytest

from unmask.media import MediaInfo
from unmask.scanning import ScannerSettings, ScanOptions, Settings, plan_passes, scanner
from unmask.scanning.scanner import Scanner


def test_settings_are_both_parts_in_one():
    names = [{field.name for field in fields(part)} for part in (ScannerSettings, ScanOptions, Settings)]
    assert names[0] | names[1] == names[2] and not names[0] & names[1]
    assert asdict(Settings()) == asdict(ScannerSettings()) | asdict(ScanOptions())


def test_the_places_of_arguments_stay():
    settings = Settings("toy", 5, None, 2.0, 30.0, 3, 7)
    assert settings == Settings(detector="toy", frames=5, seconds=2.0, minimum_face=30.0, faces=3, crops=7)


@pytest.mark.parametrize("options", [ScanOptions(frames=5), Settings(frames=5)])
def test_each_file_may_have_its_own_options(two_faces, detector, finder, options):
    with Scanner(Settings(frames=2), detector, finder) as one:
        counts = [one.scan(two_faces, settings=each).coverage.frames_sampled for each in (options, None)]
    assert counts == [5, 2]


def test_bounds_and_evidence_may_differ_from_file_to_file(two_faces, detector, finder):
    with Scanner(Settings(frames=2), detector, finder) as one:
        large = one.scan(two_faces, settings=ScanOptions(frames=2, minimum_face=65.0, evidence=True))
        assert one.scan(two_faces).evidence is None
    assert large.status == "ok" and len(large.tracks) == 2
    assert large.evidence.faces and large.evidence.credentials.state == "absent"


def test_what_belongs_to_the_scanner_may_not(two_faces, detector, finder):
    with Scanner(Settings(), detector, finder) as one, pytest.raises(ValueError, match=r"belong.* threads"):
        one.scan(two_faces, settings=Settings(threads=3))


class Longer:
    """A video whose header says less than there is."""

    def __init__(self, media):
        self.media, self.info, self.asked = media, MediaInfo("video", 320, 240, 1.0), []

    def __enter__(self):
        self.media.__enter__()
        return self

    def __exit__(self, *error):
        self.media.__exit__(*error)

    def sample(self, sampling):
        self.asked.append(sampling.count)
        yield from self.media.sample(sampling)
        self.info = self.media.info


def test_a_file_of_another_length_than_its_header_says_keeps_its_own_options(
    two_faces, detector, finder, monkeypatch
):
    opened = []

    def open_longer(*arguments, opens=scanner.open_media):
        opened.append(Longer(opens(*arguments)))
        return opened[-1]

    monkeypatch.setattr(scanner, "open_media", open_longer)
    with Scanner(Settings(isolated=False), detector, finder) as one:
        result = one.scan(two_faces, settings=ScanOptions(every=0.5))
    assert opened[0].asked == [2, 4]
    assert (result.coverage.frames_sampled, result.coverage.frames_planned) == (4, 4)


def test_a_pass_is_planned_for_what_a_file_wants():
    info = MediaInfo("video", 640, 480, 10.0)
    assert [each.count for each in plan_passes(ScanOptions(every=2.5), info)] == [4]
