"""Successive frames at each sampled moment."""

import numpy as np
import pytest
from PIL import Image

import media_toys as toys
from unmask.media import Burst, DecodingProcesses, Limits, Sampling, open_media, video
from unmask.media.bursts import BurstPlace, in_bursts, one_burst, plan_bursts, starts_of_bursts

RATE = 25


def seen(media, order):
    """(burst, place, number of the frame in the file) of each frame."""
    frames = list(media.sample(order))
    assert [frame.index for frame in frames] == list(range(len(frames)))
    return [(frame.burst, frame.place, round(frame.time * RATE)) for frame in frames]


def test_bursts_are_the_frames_at_or_after_each_tick_as_a_full_search_finds_them():
    rng = np.random.default_rng(5)
    for _ in range(50):
        times = np.cumsum(rng.uniform(0.02, 0.06, 200)).tolist()
        rate = float(rng.uniform(2, 15))  # Ticks are farther apart than frames.
        start, end = times[0], times[-1] + 0.04
        (burst,) = plan_bursts(times, [times[40]], Burst(6, rate), [(start, end)])
        ticks = [times[40] + number / rate for number in range(6)]
        assert burst == [min(time for time in times if time >= tick - 1e-6) for tick in ticks]


def test_bursts_of_a_higher_rate_than_the_video_are_successive_frames():
    times = [number / 10 for number in range(100)]
    (burst,) = plan_bursts(times, [3.05], Burst(4, 50.0), [(0.0, 10.0)])
    assert burst == [3.1, 3.2, 3.3, 3.4]


def test_a_burst_at_the_end_begins_earlier_and_none_overlap():
    times = [number / 10 for number in range(20)]
    bursts = plan_bursts(times, [0.5, 1.0, 1.9], Burst(5, 10.0), [(0.0, 2.0)])
    numbers = [[round(time * 10) for time in burst] for burst in bursts]
    assert numbers == [[5, 6, 7, 8, 9], [10, 11, 12, 13, 14], [15, 16, 17, 18, 19]]
    assert len(plan_bursts(times, [0.1 * number for number in range(9)], Burst(8, 10.0), [(0.0, 2.0)])) == 2
    assert plan_bursts(times[:3], [0.1], Burst(8, 10.0), [(0.0, 0.3)]) == [times[:3]]


def test_no_burst_reaches_into_another_part():
    times = [number / 10 for number in range(20)]
    bursts = plan_bursts(times, [0.9, 1.9], Burst(4, 10.0), [(0.0, 1.0), (1.0, 2.0)])
    assert [[round(time * 10) for time in burst] for burst in bursts] == [[6, 7, 8, 9], [16, 17, 18, 19]]


def test_starts_keep_their_moments_where_there_is_room():
    assert starts_of_bursts([1.0, 5.0], 0.0, 10.0, 2.0) == [1.0, 5.0]
    assert starts_of_bursts([9.0], 0.0, 10.0, 2.0) == [8.0]
    assert starts_of_bursts([0.0, 0.5], 0.0, 10.0, 2.0) == [0.0, 2.0]


def test_a_missing_frame_costs_its_burst_one_and_no_other_burst():
    frames = [(number / 10, number) for number in range(40) if number not in (4, 5, 6, 7)]
    got = list(in_bursts(frames, [[0.2, 0.3, 0.4, 0.5], [2.0, 2.1]], 0.1))
    assert got == [
        (0.2, 2, BurstPlace(0, 0)),
        (0.3, 3, BurstPlace(0, 1)),
        (2.0, 20, BurstPlace(1, 0)),
        (2.1, 21, BurstPlace(1, 1)),
    ]


def test_a_sought_burst_begins_at_its_time():
    frames = [(number / 10, number) for number in range(40)]
    assert [number for _, number in one_burst(frames, 0.75, Burst(3, 5.0))] == [8, 10, 12]
    assert [number for _, number in one_burst(frames, 3.85, Burst(3, 5.0))] == [39]


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"frames": 2000}, {"rate": 0.0}, {"rate": float("inf")}])
def test_an_order_for_a_burst_is_checked(wrong):
    with pytest.raises(ValueError, match="must be"):
        Burst(**{"frames": 4, "rate": 25.0} | wrong)


def test_bursts_are_bounded_together():
    with pytest.raises(ValueError, match="1024 at most"):
        Sampling(100, burst=Burst(16, 25.0))
    with pytest.raises(ValueError, match="must be off"):
        Sampling(1, every_frame=True, burst=Burst(2, 25.0))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.gif", "clip.webm"])
@pytest.mark.parametrize("isolated", [False, True])
def test_each_frame_says_its_burst_and_place(tmp_path, name, isolated):
    codec, pixels = {"gif": ("gif", "rgb8"), "webm": ("libvpx-vp9", "yuv420p")}.get(
        name.split(".")[1], ("libx264", "yuv420p")
    )
    options = {"g": "30", "bf": "3", "b_strategy": "0"} if codec == "libx264" else None
    path = toys.write_video(tmp_path / name, count=100, codec=codec, pixels=pixels, options=options)
    order = Sampling(2, burst=Burst(5, 25.0))
    with (
        DecodingProcesses(Limits()) as processes,
        (processes.open if isolated else open_media)(path) as media,
    ):
        got = seen(media, order)
        first, second = got[0][2], got[5][2]
        assert got == [(0, n, first + n) for n in range(5)] + [(1, n, second + n) for n in range(5)]
        assert abs(first - 25) <= 1 and abs(second - 75) <= 1
        assert [place for _, place, _ in seen(media, Sampling(2, near_keyframes=True, burst=Burst(4, 12.5)))] == [
            0, 1, 2, 3, 0, 1, 2, 3,
        ]  # fmt: skip


def test_long_videos_give_bursts_by_seeking(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", 5.0)
    monkeypatch.setattr(video.VideoMedia, "_in_order", lambda *_: pytest.fail("decoded in order"))
    path = toys.write_video(tmp_path / "long.mp4", count=500, options={"g": "50"})
    with open_media(path) as media:
        got = seen(media, Sampling(4, burst=Burst(5, 12.5)))
    assert [(burst, place) for burst, place, _ in got] == [(b, p) for b in range(4) for p in range(5)]
    numbers = np.array([number for *_, number in got]).reshape(4, 5)
    assert (np.diff(numbers) == 2).all()
    assert (np.abs(numbers[:, 0] - [62, 187, 312, 437]) <= 63).all()


def test_of_joined_videos_bursts_are_numbered_through(tmp_path):
    one = toys.write_video(tmp_path / "one.mp4", count=50)
    path = tmp_path / "two.mp4"
    path.write_bytes(one.read_bytes() * 2)
    with open_media(path) as media:
        got = seen(media, Sampling(2, burst=Burst(3, 25.0)))
    assert [(burst, place) for burst, place, _ in got] == [(b, p) for b in range(2) for p in range(3)]
    assert got[0][2] < 50 <= got[3][2]


@pytest.mark.parametrize("isolated", [False, True])
def test_a_still_has_no_burst_and_an_animation_has(tmp_path, isolated):
    picture = Image.new("RGB", (40, 30))
    picture.save(tmp_path / "still.png")
    others = [Image.new("RGB", (40, 30), (level, 0, 0)) for level in range(20, 200, 20)]
    picture.save(tmp_path / "moving.webp", save_all=True, append_images=others, duration=40)
    order = Sampling(2, burst=Burst(3, 25.0))
    with DecodingProcesses(Limits()) as processes:
        opened = processes.open if isolated else open_media
        with opened(tmp_path / "still.png") as media:
            (frame,) = media.sample(order)
            assert (frame.burst, frame.place) == (None, None)
        with opened(tmp_path / "moving.webp") as media:
            assert [(burst, place) for burst, place, _ in seen(media, order)] == [
                (b, p) for b in range(2) for p in range(3)
            ]


def test_without_bursts_frames_say_none(tmp_path):
    with open_media(toys.write_video(tmp_path / "clip.mp4")) as media:
        assert {(frame.burst, frame.place) for frame in media.sample(3)} == {(None, None)}
