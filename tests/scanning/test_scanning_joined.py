"""Joined, cut and damaged recordings: each part counts, and what is damaged does not."""

import json

import av
import jsonschema
import pytest

from unmask.report import schema
from unmask.scanning import Settings, scan

FACE = (20, 40, 80, 110)


@pytest.fixture
def joined(make_video, toys, tmp_path):
    """A file of clips joined by ``cat``, 1.2 s each, by the colour of their face."""

    def join(name, *colours):
        clips = [
            make_video([toys.draw([(FACE, colour)])] * 12, f"{n}.{name}") for n, colour in enumerate(colours)
        ]
        path = tmp_path / f"joined.{name}"
        path.write_bytes(b"".join(clip.read_bytes() for clip in clips))
        return path

    return join


@pytest.mark.parametrize("name", ["ts", "mkv", "mp4", "flv", "avi"])
@pytest.mark.parametrize("isolated", [True, False])
def test_a_fake_part_is_found_wherever_it_lies(joined, toys, detector, finder, name, isolated):
    for colours in ((toys.BLUE, toys.RED), (toys.RED, toys.BLUE)):
        result = scan(joined(name, *colours), Settings(isolated=isolated), detector, finder)
        assert result.verdict == "likely_fake"
        assert result.coverage.duration == pytest.approx(2.4, abs=0.15)
        assert any(time < 1.2 for time in result.coverage.times)
        assert any(time > 1.2 for time in result.coverage.times)
        assert "2 parts" in result.detail or "2 videos" in result.detail
        jsonschema.validate(json.loads(json.dumps(result.to_dict())), schema())


@pytest.mark.parametrize("name", ["ts", "mp4"])
def test_of_many_parts_none_is_left_out(joined, toys, detector, finder, name):
    """The face has the same place in every part: it is a track of its own in each, and the fake one decides."""
    colours = [toys.BLUE] * 6
    colours[4] = toys.RED
    result = scan(joined(name, *colours), Settings(), detector, finder)
    scores = [frame.score for track in result.tracks for frame in track.frames]
    assert max(scores) > 0.8 > 0.2 > min(scores)
    assert len(result.tracks) == 6
    assert result.verdict != "likely_real"
    decisive = next(track for track in result.tracks if track.id == result.decisive_track)
    assert all(4.7 < frame.time < 6.1 for frame in decisive.frames)
    assert result.coverage.duration == pytest.approx(7.2, abs=0.1)


def test_frames_by_time_reach_beyond_the_length_that_the_header_states(joined, toys, detector, finder):
    result = scan(joined("mkv", toys.BLUE, toys.RED), Settings(every=0.2), detector, finder)
    assert result.coverage.times == pytest.approx([0.2 * number for number in range(12)], abs=0.06)
    assert result.coverage.longest_gap < 0.3


def test_damaged_frames_are_counted_in_the_result(make_video, toys, detector, finder):
    path = make_video([toys.draw([(FACE, toys.BLUE)])] * 24)
    with av.open(str(path)) as container:
        spans = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    place, size = spans[15]
    content[place : place + size] = b"\xff" * size
    path.write_bytes(content)
    result = scan(path, Settings(frames=24), detector, finder)
    assert result.status == "ok"
    assert result.coverage.frames_damaged >= 1
    assert f"{result.coverage.frames_damaged} damaged frame" in result.detail
    assert result.to_dict()["coverage"]["frames_damaged"] == result.coverage.frames_damaged
