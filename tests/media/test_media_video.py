import struct

import av
import numpy as np
import pytest

import media_toys as toys
from unmask.media import Limits, MediaError, Sampling, decoding, open_media, video


def sampled(path, count=4, limits=None):
    with open_media(path, limits) as media:
        return list(media.sample(count))


@pytest.fixture
def decoded(monkeypatch):
    """How many frames came out at each step of decoding."""
    steps = []
    run = decoding.Decoder._run

    def counting(self, packet):
        frames = run(self, packet)
        steps.append(len(frames))
        return frames

    monkeypatch.setattr(decoding.Decoder, "_run", counting)
    return steps


CODINGS = {
    "mp4": {},
    "mkv": {},
    "ts": {},
    "flv": {},
    "mov": {"codec": "prores_ks", "pixels": "yuv422p10le"},
    "webm": {"codec": "libvpx-vp9"},
    "avi": {"codec": "mpeg4"},
    "mpg": {"codec": "mpeg2video"},
    "m1v": {"codec": "mpeg1video", "format": "mpeg1video"},
    "wmv": {"codec": "wmv2"},
    "ogv": {"codec": "libvpx", "format": "ogg"},
    "gif": {"codec": "gif", "pixels": "rgb8"},
}


@pytest.mark.parametrize("ending", CODINGS)
def test_frames_are_the_ones_at_the_stated_times(tmp_path, ending):
    path = toys.write_video(tmp_path / f"clip.{ending}", count=40, **CODINGS[ending])
    frames = sampled(path, 4)
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    middles = np.array([0.2, 0.6, 1.0, 1.4])
    times = np.array([frame.time for frame in frames])
    assert np.abs(times - middles).max() < 0.09
    seconds_per_shade = 39 / 25  # the last of 40 frames is white
    shades = np.array([toys.brightness(frame) for frame in frames])
    assert np.abs(shades * seconds_per_shade - times).max() < 0.08  # rgb8 and limited range round the shades
    assert all(frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8 for frame in frames)


@pytest.mark.parametrize("count", [1, 2, 30, 100])
def test_each_frame_comes_once_however_many_are_asked_for(tmp_path, count):
    path = toys.write_video(tmp_path / "clip.mp4", count=30)
    times = [frame.time for frame in sampled(path, count)]
    assert len(times) == min(count, 30)
    assert times == sorted(set(times))


def test_frames_that_no_other_frame_refers_to_are_not_decoded(tmp_path, decoded):
    """The saving is what the speed of a scan rests on: about half of the frames of usual H.264 are such."""
    path = toys.write_video(tmp_path / "clip.mp4", count=200, options={"bf": "3", "g": "250"})
    assert len(sampled(path, 8)) == 8
    assert sum(decoded) < 120


def test_groups_of_pictures_without_a_target_are_not_decoded(tmp_path, decoded):
    path = toys.write_video(tmp_path / "clip.mp4", count=200, options={"bf": "0", "g": "10"})
    frames = sampled(path, 2)
    assert [round(frame.time, 2) for frame in frames] == [2.0, 6.0]
    assert sum(decoded) <= 40


def test_a_stream_whose_frames_are_nearly_all_unreferenced_is_decoded_whole(tmp_path):
    path = toys.write_video(
        tmp_path / "clip.mp4",
        count=200,
        options={"bf": "16", "b-adapt": "0", "b-pyramid": "none", "g": "250"},
    )
    frames = sampled(path, 8)
    gaps = np.diff([frame.time for frame in frames])
    assert len(frames) == 8
    assert gaps.max() < 1.7  # 1 s when even


def test_variable_frame_rate_is_sampled_evenly_in_time(tmp_path):
    times = list(range(0, 20)) + list(range(20, 200, 10))  # 25 frames a second, then 2.5
    path = toys.write_video(tmp_path / "clip.mp4", count=len(times), times=times, options={"bf": "0"})
    assert [frame.time for frame in sampled(path, 4)] == pytest.approx([1.0, 3.0, 4.8, 6.8], abs=0.21)


def test_times_count_from_the_first_frame(tmp_path):
    times = list(range(50, 80))
    path = toys.write_video(tmp_path / "clip.ts", count=30, times=times)
    assert [frame.time for frame in sampled(path, 2)] == pytest.approx([0.3, 0.9], abs=0.05)


def test_no_duration_in_the_header(tmp_path):
    path = toys.write_video(tmp_path / "clip.mkv", container={"live": "1"})
    with open_media(path) as media:
        assert media.info.duration == pytest.approx(1.2, abs=0.05)
        assert media.info.frames is None
        assert len(list(media.sample(4))) == 4


@pytest.mark.parametrize("seconds", [0.01, 7.0, 3600.0])
def test_a_header_that_lies_about_its_duration(tmp_path, seconds):
    path = toys.write_video(tmp_path / "clip.mp4", count=30)
    content = bytearray(path.read_bytes())
    for box, place in ((b"mvhd", 16), (b"mdhd", 16)):
        start = content.index(box)
        scale = struct.unpack(">I", content[start + place : start + place + 4])[0]
        content[start + place + 4 : start + place + 8] = struct.pack(">I", int(scale * seconds))
    path.write_bytes(content)
    frames = sampled(path, 4)
    assert [frame.time for frame in frames] == pytest.approx([0.15, 0.45, 0.75, 1.05], abs=0.05)


def test_long_videos_are_sampled_by_seeking(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", 5.0)
    path = toys.write_video(tmp_path / "clip.mp4", count=300, options={"g": "20"})
    orders = []
    monkeypatch.setattr(video.VideoMedia, "_in_order", lambda *_: orders.append(1) or iter(()))
    frames = sampled(path, 4)
    assert not orders
    assert [frame.time for frame in frames] == pytest.approx([1.5, 4.5, 7.5, 10.5], abs=0.81)
    shades = np.array([toys.brightness(frame) for frame in frames])
    assert shades * 299 / 25 == pytest.approx([frame.time for frame in frames], abs=0.1)


def test_a_long_video_with_one_key_frame_gives_frames_all_over(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", 5.0)
    path = toys.write_video(tmp_path / "clip.mp4", count=300, options={"g": "1000", "bf": "0"})
    assert [frame.time for frame in sampled(path, 4)] == pytest.approx([1.5, 4.5, 7.5, 10.5], abs=1.6)


def test_a_long_video_that_was_cut_off_gives_frames_of_what_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", 5.0)
    path = toys.write_video(
        tmp_path / "clip.mp4", count=300, options={"g": "20"}, container={"movflags": "faststart"}
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    times = [frame.time for frame in sampled(path, 4)]
    assert len(times) == 4
    assert max(times) < 11
    assert np.ptp(np.diff(times)) < 0.5


@pytest.mark.parametrize(
    ("rotation", "corners"),
    [(0, "RGBK"), (90, "GKRB"), (180, "KBGR"), (270, "BRKG")],
)
def test_the_rotation_flag_turns_the_picture(tmp_path, rotation, corners):
    colours = {"R": (255, 0, 0), "G": (0, 255, 0), "B": (0, 0, 255), "K": (0, 0, 0)}
    stored = np.zeros((48, 64, 3), np.uint8)
    for name, (row, column) in zip("RGBK", [(0, 0), (0, 32), (24, 0), (24, 32)], strict=True):
        stored[row : row + 24, column : column + 32] = colours[name]
    path = toys.write_video(
        tmp_path / "clip.mp4", count=3, pictures=[stored] * 3, pixels="yuv444p", rotation=rotation
    )
    image = sampled(path, 1)[0].image
    height, width = image.shape[:2]
    assert (height, width) == ((64, 48) if rotation in (90, 270) else (48, 64))
    for name, (row, column) in zip(corners, [(1, 1), (1, 3), (3, 1), (3, 3)], strict=True):
        pixel = image[row * height // 4, column * width // 4]
        assert np.abs(pixel.astype(int) - colours[name]).max() < 40, name


def test_odd_sizes_keep_every_pixel(tmp_path):
    path = toys.write_video(tmp_path / "clip.mp4", width=65, height=49, pixels="yuv444p")
    assert sampled(path, 1)[0].image.shape == (49, 65, 3)


def test_sound_beside_the_pictures_is_ignored(tmp_path):
    path = toys.write_video(tmp_path / "clip.mp4", sound=True)
    assert len(sampled(path, 4)) == 4


def test_the_frames_own_size_is_held_against_the_limit(tmp_path):
    path = toys.write_video(tmp_path / "clip.mp4", width=128, height=64)
    with pytest.raises(MediaError, match="128x64") as caught:
        sampled(path, 1, Limits(video_side=100))
    assert caught.value.status == "too_large"


def test_work_ends_at_the_limit_with_the_frames_found_so_far(tmp_path):
    path = toys.write_video(tmp_path / "clip.mp4", count=100, options={"bf": "0", "g": "1000"})
    frames = sampled(path, 4, Limits(decoded_pixels=30 * 64 * 48))
    assert 1 <= len(frames) <= 3
    assert frames[-1].time < 3.0  # 1.2 s, and what the decoder's threads had in hand


def test_frames_come_lazily_and_sampling_can_stop_and_start_again(tmp_path):
    path = toys.write_video(tmp_path / "clip.mp4", count=30)
    with open_media(path) as media:
        assert next(media.sample(4)).index == 0
        assert [frame.index for frame in media.sample(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="count"):
            media.sample(0)


@pytest.mark.data
def test_real_clips_take_less_work_than_decoding_them(data_root, decoded):
    frames = sampled(data_root / "clips" / "yhffcuhhjy.mp4", 8)
    assert len(frames) == 8
    assert sum(decoded) < 200  # of 301
    with av.open(str(data_root / "clips" / "yhffcuhhjy.mp4")) as container:
        same = next(f for f in container.decode(video=0) if abs(f.time - frames[0].time) < 1e-3)
    assert np.array_equal(same.to_ndarray(format="rgb24"), frames[0].image)


@pytest.mark.parametrize("seek_beyond", [60.0, 0.5])
def test_the_decoder_reads_the_first_packet_before_it_jumps(tmp_path, monkeypatch, seek_beyond):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", seek_beyond)
    begun = []
    begin = decoding.Decoder.begin
    monkeypatch.setattr(
        decoding.Decoder, "begin", lambda self, packet: (begun.append(packet.pts), begin(self, packet))
    )
    options = {"x264-params": "keyint=5:scenecut=0:bframes=0"}
    path = toys.write_video(tmp_path / "keys.mp4", 60, options=options)
    with open_media(path, Limits()) as media:
        frames = list(media.sample(Sampling(3, near_keyframes=True)))
    assert begun == [0]
    for frame in frames:
        assert abs(toys.brightness(frame) - frame.time * 25 / 59) < 0.02


@pytest.mark.data
@pytest.mark.parametrize("seek_beyond", [60.0, 5.0])
def test_key_frames_of_an_old_x264_in_444_come_out_as_in_order(data_root, monkeypatch, seek_beyond):
    (path,) = (data_root / "ffpp-c23-val" / "original_sequences").rglob("210.mp4")
    with open_media(path, Limits()) as media:
        in_order = list(media.sample(Sampling(100)))
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", seek_beyond)
    with open_media(path, Limits()) as media:
        cheap = list(media.sample(Sampling(3, near_keyframes=True)))
    assert cheap[-1].time > 10
    for frame in cheap:
        near = min(in_order, key=lambda other: abs(other.time - frame.time))
        assert np.abs(frame.image.astype(int) - near.image).mean() < 25


@pytest.mark.parametrize("seek_beyond", [60.0, 0.1])
def test_frames_that_are_farther_apart_than_parts_are_taken_once(tmp_path, monkeypatch, seek_beyond):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", seek_beyond)
    path = toys.write_video(tmp_path / "slow.mp4", count=4, times=[0, 5, 10, 15])  # In 1/25 s.
    with open_media(path) as media:
        times = [frame.time for frame in media.sample(Sampling(2, near_keyframes=True))]
        times += [frame.time for frame in media.sample(Sampling(12, near_keyframes=True, exclude=times))]
    assert len({round(time, 3) for time in times}) == len(times)


@pytest.mark.parametrize("seek_beyond", [60.0, 5.0])
@pytest.mark.parametrize("name", ["held.mp4", "held.mkv", "held.avi"])
def test_a_picture_that_is_held_nearly_throughout_is_sampled(tmp_path, monkeypatch, name, seek_beyond):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", seek_beyond)
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = toys.write_video(tmp_path / name, count=2, times=[0, 250], codec=codec)
    for order in (Sampling(1), Sampling(2, near_keyframes=True), Sampling(12, near_keyframes=True)):
        with open_media(path) as media:
            assert [frame.time for frame in media.sample(order)] == [0.0]
    with open_media(path) as media:
        assert list(media.sample(Sampling(12, near_keyframes=True, exclude=[0.0]))) == []
