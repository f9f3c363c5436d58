"""Damaged frames are left out, counted and said."""

from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

import media_toys as toys
from unmask.media import DecodingProcesses, Limits, MediaError, Sampling, open_media, video
from unmask.media.damage import DamageRecord, DamageTracker

KINDS = {
    "mp4": {"options": {"g": "15", "bf": "2"}},
    "ts": {"options": {"g": "15", "bf": "2"}},
    "mkv": {"options": {"g": "15", "bf": "0"}},
    "avi": {"codec": "mpeg4", "options": {"g": "15"}},
    "wmv": {"codec": "wmv2", "options": {"g": "15"}},
    "webm": {"codec": "libvpx-vp9", "options": {"g": "15", "lag-in-frames": "0"}},
    "mov": {"codec": "prores_ks", "pixels": "yuv422p10le"},
}


def moving(count):
    rng = np.random.default_rng(0)
    base = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize(
        (128, 96), Image.Resampling.BICUBIC
    )
    return [np.roll(np.asarray(base), shift, axis=1) for shift in range(count)]


def write(path, count=60, **settings):
    return toys.write_video(path, count, pictures=moving(count), width=128, height=96, **settings)


def damaged_copy(path, numbers):
    """Overwrite a stretch of the numbered packets where they lie in the file."""
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    for number in numbers:
        packet = packets[number]
        piece = packet[len(packet) // 4 : len(packet) // 4 + 32]
        place = content.index(piece)
        content[place : place + len(piece)] = np.random.default_rng(number).bytes(len(piece))
    broken = path.with_stem("broken")
    broken.write_bytes(content)
    return broken


@pytest.fixture
def whole_frames():
    """Compare frames with those of the undamaged file."""

    def compare(path, frames):
        with open_media(path) as media:
            clean = {
                round(frame.time, 2): frame.image for frame in media.sample(Sampling(1, every_frame=True))
            }
        errors = [np.abs(clean[round(f.time, 2)].astype(int) - f.image.astype(int)).mean() for f in frames]
        return max(errors) < 1

    return compare


@pytest.mark.parametrize(
    ("name", "seek_beyond"),
    [
        *((name, 60.0) for name in ("mp4", "ts", "mkv", "avi", "wmv")),
        ("mkv", 1.0),
        ("avi", 1.0),
        ("wmv", 1.0),
    ],
)
def test_damaged_frames_are_left_out_and_said(tmp_path, monkeypatch, whole_frames, name, seek_beyond):
    path = write(tmp_path / f"clip.{name}", **KINDS[name])
    broken = damaged_copy(path, [20, 21])
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", seek_beyond)
    with open_media(broken) as media:
        frames = list(media.sample(40))
        info = media.info
    monkeypatch.undo()
    assert whole_frames(path, frames)
    assert len(frames) >= 15
    assert max(frame.time for frame in frames) > 2
    assert info.damaged >= 1
    assert f"{info.damaged} damaged frame" in info.details[0]


def test_a_damaged_moment_is_followed_to_the_next_whole_frame(tmp_path):
    path = write(tmp_path / "clip.mp4", options={"g": "15", "bf": "0", "sc_threshold": "0"})
    broken = damaged_copy(path, [17, 18])
    with open_media(broken) as media:
        frames = list(media.sample(Sampling(3, near_keyframes=True)))
    assert len(frames) == 3
    assert frames[1].time >= 30 / 25 - 0.01


def test_where_all_behind_a_moment_is_damaged_what_is_whole_stands_in(tmp_path, whole_frames):
    path = write(tmp_path / "clip.mp4", options={"g": "250", "bf": "0"})
    broken = damaged_copy(path, [8])
    with open_media(broken) as media:
        frames = list(media.sample(Sampling(2, near_keyframes=True)))
        assert frames and whole_frames(path, frames)
        assert media.info.damaged > 0


def test_a_file_without_a_whole_frame_is_unreadable(tmp_path):
    path = write(tmp_path / "clip.avi", count=10, codec="mpeg4", options={"g": "250"})
    broken = damaged_copy(path, [0])
    with open_media(broken) as media, pytest.raises(MediaError, match="is damaged"):
        list(media.sample(2))


def test_packets_that_are_lost_on_the_way_are_damage(tmp_path):
    path = write(tmp_path / "clip.ts", options={"g": "15", "bf": "0", "crf": "5"})
    packets = [path.read_bytes()[start : start + 188] for start in range(0, path.stat().st_size, 188)]
    lost = len(packets) // 2
    path.write_bytes(b"".join(packets[:lost] + packets[lost + 3 :]))
    with open_media(path) as media:
        list(media.sample(60))
        assert 1 <= media.info.damaged <= 20


def test_whole_files_have_no_damage(tmp_path):
    extra = {
        "open.mp4": {"options": {"x264-params": "open-gop=1:keyint=12:bframes=3"}},
        "open.ts": {"options": {"x264-params": "open-gop=1:keyint=12:bframes=3"}},
        "hevc.mkv": {
            "codec": "libx265",
            "options": {"x265-params": "log-level=none:open-gop=1:keyint=12:bframes=3"},
        },
        "clip.mpg": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}},
        "frames.avi": {"codec": "mpeg4", "options": {"g": "12", "bf": "2"}},
    }
    for name, settings in {**{f"clip.{ending}": kind for ending, kind in KINDS.items()}, **extra}.items():
        with open_media(write(tmp_path / name, **settings)) as media:
            for sampling in (Sampling(4, near_keyframes=True), Sampling(5), Sampling(40)):
                assert len(list(media.sample(sampling))) == min(sampling.count, 60)
            assert (media.info.damaged, media.info.details) == (0, ())


def test_the_count_comes_out_of_the_confined_process_and_does_not_grow_by_looking_again(tmp_path):
    broken = damaged_copy(write(tmp_path / "clip.avi", **KINDS["avi"]), [20, 21])
    counts = []
    with DecodingProcesses(Limits()) as processes, processes.open(broken) as media:
        for _ in range(2):
            list(media.sample(40))
            counts.append(media.info.damaged)
    assert counts[0] == counts[1] > 0


def test_frames_that_a_decoder_marks_are_left_out_up_to_the_next_key_frame():
    record = DamageRecord()
    tracker = DamageTracker(record, delay=0)
    accepted = []
    for number in range(12):
        tracker.feed(float(number), number % 6 == 0, False)
        frame = SimpleNamespace(is_corrupt=number == 2, key_frame=number % 6 == 0)
        accepted.append(tracker.accepts(frame, float(number)))
    assert accepted == [True] * 2 + [False] * 4 + [True] * 6
    assert record.count == 4


def test_an_error_on_frames_before_the_entry_is_no_damage():
    record = DamageRecord()
    tracker = DamageTracker(record, delay=0)
    tracker.feed(3.0, True, False)
    tracker.feed(1.0, False, False)
    tracker.fail()
    assert record.count == 0 and not tracker.is_broken
