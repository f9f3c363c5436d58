"""Time stamps that start anew, jump or wrap; several videos in one file; lengths that are missing or wrong."""

from fractions import Fraction

import av
import numpy as np
import pytest

import media_toys as toys
from unmask.formats import probing
from unmask.formats.timeline import Timeline
from unmask.media import DecodingProcesses, Limits, Sampling, open_media, packets, video

DARK, BRIGHT = 30, 220
KINDS = {
    "ts": {},
    "m2ts": {"format": "mpegts", "container": {"mpegts_m2ts_mode": "1"}},
    "mpg": {"codec": "mpeg2video"},
    "vob": {"codec": "mpeg2video", "format": "vob"},
    "mkv": {},
    "webm": {"codec": "libvpx-vp9"},
    "avi": {"codec": "mpeg4"},
    "ogv": {"codec": "libvpx", "format": "ogg"},
    "flv": {},
    "wmv": {"codec": "wmv2"},
    "mp4": {},
    "fragments.mp4": {
        "container": {"movflags": "frag_keyframe+empty_moov+default_base_moof"},
        "options": {"g": "10"},
    },
}


def flat(*shades):
    return [np.full((48, 64, 3), shade, np.uint8) for shade in shades]


def write(path, shades, **settings):
    return toys.write_video(path, len(shades), pictures=flat(*shades), **settings)


def joined(folder, name, *clips, **settings):
    """One file of several clips, each of so many frames of one shade, as ``cat`` joins them."""
    path = folder / f"joined.{name}"
    parts = [
        write(folder / f"part{n}.{name}", [shade] * count, **settings)
        for n, (shade, count) in enumerate(clips)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def seen(media, sampling):
    """(time, whether the second half of the shades) of the sampled frames."""
    return [(frame.time, toys.brightness(frame) > 0.5) for frame in media.sample(sampling)]


@pytest.mark.parametrize("name", KINDS)
def test_of_joined_clips_each_is_sampled(tmp_path, name):
    path = joined(tmp_path, name, (DARK, 50), (BRIGHT, 75), **KINDS[name])
    with open_media(path) as media:
        evenly = seen(media, Sampling(10))
        assert [bright for _, bright in evenly] == [False] * 4 + [True] * 6
        assert [time for time, _ in evenly] == pytest.approx(np.arange(0.25, 5, 0.5), abs=0.17)
        assert {bright for _, bright in seen(media, Sampling(2, near_keyframes=True))} == {False, True}
        assert media.info.duration == pytest.approx(5.0, abs=0.2)
        (detail,) = media.info.details
        assert "joined" in detail or "parts" in detail or "header states 2.0 s" in detail
        assert media.info.damaged == 0


@pytest.mark.parametrize("name", ["ts", "mkv", "avi", "mp4", "flv", "mpg"])
def test_of_long_joined_clips_each_is_sampled(tmp_path, monkeypatch, name):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", 0.5)
    monkeypatch.setattr(probing, "_WHOLE_BYTES", 1000)
    settings = {"options": {"g": "5", "bf": "0"}, **KINDS[name]}
    path = joined(tmp_path, name, (DARK, 60), (BRIGHT, 40), **settings)
    with open_media(path) as media:
        assert media.info.duration == pytest.approx(4.0, abs=0.2)
        assert [bright for _, bright in seen(media, Sampling(10))] == [False] * 6 + [True] * 4


def test_no_part_is_left_out_however_short(tmp_path):
    shades = [DARK if number % 2 else BRIGHT for number in range(6)]
    path = joined(tmp_path, "ts", *((shade, 60 if number == 2 else 6) for number, shade in enumerate(shades)))
    with open_media(path) as media:
        assert [bright for _, bright in seen(media, Sampling(2, near_keyframes=True))] == [True, False] * 3
        assert len(seen(media, Sampling(8))) == 8
        assert len(seen(media, Sampling(3))) == 3  # A given number is not exceeded.


def test_frames_of_a_first_look_are_not_taken_again(tmp_path):
    for name in ("ts", "mp4"):
        path = joined(tmp_path, name, (DARK, 50), (BRIGHT, 50))
        with open_media(path) as media:
            first = [time for time, _ in seen(media, Sampling(2, near_keyframes=True))]
            second = [time for time, _ in seen(media, Sampling(12, near_keyframes=True, exclude=first))]
        assert not set(first) & set(second)
        assert len(first) + len(second) == 12
        assert max(second) > 3


def test_a_part_in_another_coding_that_the_decoder_refuses_is_said(tmp_path):
    parts = [
        write(tmp_path / "a.ts", [DARK] * 50),
        write(tmp_path / "b.ts", [BRIGHT] * 50, codec="mpeg2video"),
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with open_media(path) as media:
        assert seen(media, Sampling(6))
        assert media.info.duration == pytest.approx(4.0, abs=0.1)
        assert "no frame of 1 of its 2 parts" in media.info.details[-1]


@pytest.mark.parametrize("name", ["ts", "mp4"])
def test_orders_by_time_and_all_frames_of_joined_clips(tmp_path, name):
    path = joined(tmp_path, name, (DARK, 50), (BRIGHT, 50))
    with open_media(path) as media:
        every = seen(media, Sampling(256, every=0.5))
        assert [time for time, _ in every] == pytest.approx(np.arange(0, 4, 0.5), abs=0.05)
        assert [bright for _, bright in every] == [False] * 4 + [True] * 4
        assert not any(bright for _, bright in seen(media, Sampling(5, until=1.9)))
        assert any(bright for _, bright in seen(media, Sampling(5, until=3.0)))
        whole = seen(media, Sampling(1, every_frame=True))
        assert len(whole) == 100
        assert np.diff([time for time, _ in whole]) == pytest.approx(0.04, abs=0.001)


@pytest.mark.parametrize("name", ["ts", "m2ts", "mkv", "flv", "mp4", "mpg", "webm", "avi", "wmv"])
def test_a_jump_forward_is_no_length(tmp_path, name):
    times = [*range(25), *range(2525, 2550)]
    path = write(tmp_path / f"clip.{name}", [DARK] * 25 + [BRIGHT] * 25, times=times, **KINDS[name])
    with open_media(path) as media:
        whole = seen(media, Sampling(1, every_frame=True))
        assert [time for time, _ in whole] == pytest.approx(np.arange(50) / 25, abs=0.045)
        assert [bright for _, bright in seen(media, Sampling(10))].count(True) in (4, 5)
        assert media.info.duration == pytest.approx(2.0, abs=0.1)
        assert "2 parts" in media.info.details[0]


def test_frames_that_are_held_are_no_jump(tmp_path):
    times = [0, 30, 60, 61, 62, 90, 145]  # Up to 55 s on show.
    path = toys.write_video(tmp_path / "slides.mp4", count=len(times), times=times, rate=1)
    with open_media(path) as media:
        assert len(list(media.sample(12))) >= 5
        assert media.info.duration == pytest.approx(146, abs=1)
        assert "parts" not in str(media.info.details)


def test_ordinary_clips_have_no_detail(tmp_path):
    for name, settings in KINDS.items():
        with open_media(toys.write_video(tmp_path / f"clip.{name}", 40, **settings)) as media:
            list(media.sample(4))
            assert media.info.details == ()
            assert media.info.duration == pytest.approx(1.6, abs=0.1)


def placed_times(stamps, **settings):
    """Seconds of (pts, dts, is a key frame) in ticks of 0.04 s."""
    timeline = Timeline(0.04, 0.04, **settings)
    times = []
    for pts, dts, is_key in stamps:
        timeline.place(pts, dts, is_key)
        times.append(timeline.at(pts))
    return times, timeline


def test_the_time_line_of_frames_in_another_order_is_that_of_the_file():
    order = [
        (2, 0, True),
        (6, 1, False),
        (4, 2, False),
        (3, 3, False),
        (5, 4, False),
        (10, 5, True),
        (8, 6, False),
    ]
    times, timeline = placed_times(order, broadcast=True)
    assert times == [pts for pts, _, _ in order]
    assert not timeline.cuts


def test_a_clock_that_wraps_is_no_new_part():
    tick = 1 / 90_000
    timeline = Timeline(tick, 0.04, broadcast=True, wraps=True)
    times = []
    for number in range(100):
        stamp = (2**33 - 50 * 3600 + number * 3600) % 2**33
        timeline.place(stamp, stamp, number % 10 == 0)
        times.append(timeline.at(stamp))
    assert np.diff(times) == pytest.approx(3600)
    assert not timeline.cuts


def test_one_time_stamp_out_of_line_does_not_move_the_rest():
    stamps = [(n, n, n % 10 == 0) for n in range(40)]
    stamps[15] = (90_000, 15, False)
    times, _ = placed_times(stamps, broadcast=True)
    assert times[16:] == list(range(16, 40))


@pytest.mark.parametrize("offset", [95_442, 95_413])
def test_a_recording_over_the_wrap_of_the_clock(tmp_path, offset):
    path = toys.write_video(tmp_path / "clip.ts", 100, container={"output_ts_offset": str(offset)})
    with open_media(path) as media:
        assert [frame.time for frame in media.sample(4)] == pytest.approx([0.5, 1.5, 2.5, 3.5], abs=0.05)
        assert media.info.duration == pytest.approx(4.0, abs=0.05)
        assert not media.info.details


@pytest.mark.parametrize("name", ["clip.mkv", "clip.webm", "clip.m1v", "clip.flv", "fragments.mp4"])
def test_a_length_that_is_not_stated_is_measured(tmp_path, name):
    settings = {
        "clip.mkv": {"container": {"live": "1"}},
        "clip.webm": {"codec": "libvpx-vp9", "container": {"live": "1"}},
        "clip.m1v": {"codec": "mpeg1video", "format": "mpeg1video"},
        "clip.flv": {"container": {"flvflags": "no_duration_filesize"}},
        "fragments.mp4": KINDS["fragments.mp4"],
    }[name]
    path = toys.write_video(tmp_path / name, 60, **settings)
    with open_media(path) as media:
        assert media.info.duration == pytest.approx(2.4, abs=0.15)
        assert not media.info.details


def write_with_sound(path, frames, seconds, **settings):
    """A clip with so many frames, and so many seconds of silence."""
    with av.open(str(path), "w", **settings) as file:
        stream = file.add_stream("libx264", rate=25, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        track = file.add_stream("aac", rate=16000)
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(toys.grey_frame(number, frames), format="rgb24")
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
        for _ in range(round(seconds * 16000 / 1024)):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.rate = 16000
            file.mux(track.encode(sound))
        file.mux(track.encode())
    return path


@pytest.mark.parametrize("name", ["mkv", "flv", "mp4", "mov", "ts"])
@pytest.mark.parametrize(("frames", "seconds"), [(50, 70.0), (50, 20.0), (200, 1.0)])
def test_the_length_is_that_of_the_pictures(tmp_path, name, frames, seconds):
    path = write_with_sound(tmp_path / f"clip.{name}", frames, seconds)
    with open_media(path) as media:
        assert media.info.duration == pytest.approx(frames / 25, abs=0.2)
        times = [frame.time for frame in media.sample(4)]
    assert times == pytest.approx(np.array([1, 3, 5, 7]) * frames / 200, abs=0.1)


def test_a_long_ordinary_file_is_not_read_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", 2.0)
    monkeypatch.setattr(probing, "_WHOLE_BYTES", 1000)
    monkeypatch.setattr(probing, "_BYTE_PROBES", 16)
    monkeypatch.setattr(packets, "survey", lambda *_: pytest.fail("read as a whole"))
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(150)]
    for name in ("mp4", "mkv", "ts", "mpg"):
        settings = {"options": {"g": "3", "bf": "0"}, **KINDS[name]}
        path = toys.write_video(tmp_path / f"clip.{name}", 150, pictures=pictures, **settings)
        with open_media(path) as media:
            assert len(list(media.sample(4))) == 4


def test_what_sampling_finds_out_comes_out_of_the_confined_process(tmp_path):
    path = joined(tmp_path, "mkv", (DARK, 50), (BRIGHT, 75))
    with DecodingProcesses(Limits()) as processes, processes.open(path) as media:
        assert media.info.duration == pytest.approx(2.0, abs=0.2)
        assert len(list(media.sample(4))) == 4
        assert media.info.duration == pytest.approx(5.0, abs=0.2)
        assert "2 parts" in media.info.details[0]


@pytest.mark.parametrize("seconds", [0.5, 1.0, 5.0])
def test_few_frames_a_second_out_of_order_are_no_join(tmp_path, seconds):
    """Matroska states no decoding times: B-frames step back by as much as frames lie apart."""
    path = tmp_path / "slides.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "16"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        random = np.random.default_rng(0)
        for number in range(12):
            level = 60 if number < 6 else 190
            picture = np.clip(level + random.normal(0, 3, (64, 64, 3)), 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = round(25 * seconds * number), Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with open_media(path) as media:
        frames = list(media.sample(6))
        assert len(frames) == 6
        assert media.info.damaged == 0 and media.info.parts == ()
        assert media.info.duration == pytest.approx(11 * seconds, abs=1.1 * seconds)
        assert not any("part" in detail or "damaged" in detail for detail in media.info.details)
