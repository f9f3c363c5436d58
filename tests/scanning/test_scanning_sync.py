"""The detector of lips and sound on a real video: the way of a file, not its accuracy (it was trained on this one)."""

import av
import numpy as np
import pytest

from unmask.detectors import built_in
from unmask.report.page import page
from unmask.scanning import Settings, scan

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif("sync" not in built_in(), reason="the detector is not installed"),
]
SETTINGS = Settings(detector="sync", threads=1)


@pytest.fixture(scope="module")
def talking(data_root):
    path = data_root / "talking" / "LatentSync_demo1_video.mp4"
    if not path.exists():
        pytest.skip("no talking people")
    return path


def moved(source, target, seconds=0.0, sound=True):
    """Copy a video with its sound later, or without it."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        kept = [given.streams.video[0], *(given.streams.audio[:1] if sound else ())]
        streams = {stream.index: made.add_stream_from_template(stream) for stream in kept}
        for packet in given.demux(kept):
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                packet.pts += round(seconds / packet.time_base)
                packet.dts += round(seconds / packet.time_base)
            packet.stream = streams[packet.stream.index]
            made.mux(packet)
    return target


def windows_of(result):
    (opinion,) = result.opinions
    return [window for subject in opinion.subjects for window in subject.windows]


def offset_of(window):
    return next(measure.value for measure in window.measures if measure.name == "offset")


def test_sound_that_belongs_is_found_in_time(talking):
    result = scan(talking, Settings(detector="sync", threads=1, evidence=True))
    windows = windows_of(result)
    assert result.status == "ok" and result.opinions[0].question == "sound_belongs_to_face"
    assert [round(window.end - window.start) for window in windows] == [5, 5]
    assert all(abs(offset_of(window)) <= 0.16 for window in windows)
    assert result.verdict != "likely_fake"
    (clip, _) = result.evidence.clips
    assert {len(curve) for curve in clip.curves.values()} == {124}
    assert "Lips and sound" in page([result])


def test_sound_that_is_late_is_found_late(talking, tmp_path):
    result = scan(moved(talking, tmp_path / "late.mkv", 0.8), SETTINGS)
    in_time = scan(talking, SETTINGS)
    assert np.median([offset_of(window) for window in windows_of(result)]) == pytest.approx(0.8, abs=0.13)
    assert result.score > in_time.score and result.verdict != "likely_real"


def test_a_silent_video_is_not_judged(talking, tmp_path):
    result = scan(moved(talking, tmp_path / "silent.mkv", sound=False), SETTINGS)
    assert (result.status, result.detail) == ("no_face", "sync found no sound to judge")
    assert windows_of(result) == []
