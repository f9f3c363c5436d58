"""Windows of sound: what is heard, and when."""

import struct

import numpy as np
import pytest
from PIL import Image

import media_toys
import sound_toys as toys
from unmask.media import (
    AudioSampling,
    DecodingProcesses,
    Limits,
    MediaError,
    Sampling,
    audio_decoding,
    open_media,
    video,
)
from unmask.media.audio import MAX_CHANNELS, RawAudio

PCM_SECONDS, LOSSY_SECONDS = 0.001, 0.025
KINDS = [
    ("clip.mkv", "pcm_s16le", 44_100, PCM_SECONDS),
    ("clip.mov", "pcm_s16le", 48_000, PCM_SECONDS),
    ("clip.avi", "pcm_s16le", 44_100, PCM_SECONDS),
    ("clip.mp4", "aac", 44_100, LOSSY_SECONDS),
    ("clip.mkv", "aac", 48_000, LOSSY_SECONDS),
    ("clip.ts", "aac", 48_000, LOSSY_SECONDS),
    ("clip.mp4", "libmp3lame", 44_100, LOSSY_SECONDS),
    # AVI has no place for the encoder's delay of 1,105 samples.
    ("clip.avi", "libmp3lame", 44_100, 1_105 / 44_100 + PCM_SECONDS),
    ("clip.mkv", "libopus", 48_000, LOSSY_SECONDS),
    ("clip.mp4", "libopus", 48_000, LOSSY_SECONDS),
]


def heard_at(chunk, rate=16_000):
    """Seconds of the loudest sample."""
    return chunk.start + int(np.abs(chunk.samples[0]).argmax()) / rate


@pytest.mark.parametrize(("name", "codec", "rate", "tolerance"), KINDS)
def test_clicks_are_heard_when_they_were_made(tmp_path, name, codec, rate, tolerance):
    path = toys.write(tmp_path / name, toys.clicks(4.0, rate, 2), rate, codec)
    with open_media(path) as media:
        assert (media.info.audio.rate, media.info.audio.channels) == (rate, 2)
        assert media.info.audio.duration == pytest.approx(4.0, abs=0.1)
        chunks = list(media.audio(AudioSampling(4, 0.9)))
    assert len(chunks) == 4
    for number, chunk in enumerate(chunks):
        assert chunk.samples.shape[0] == 1 and chunk.samples.dtype == np.float32
        assert heard_at(chunk) == pytest.approx(number + 0.5, abs=tolerance)


@pytest.mark.parametrize(("name", "codec", "rate", "tolerance"), KINDS)
def test_windows_that_are_sought_are_heard_when_they_were_made(
    tmp_path, monkeypatch, name, codec, rate, tolerance
):
    monkeypatch.setattr(audio_decoding, "_SEEK_BEYOND_SECONDS", 1.0)
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", 5.0)
    path = toys.write(tmp_path / name, toys.clicks(24.0, rate), rate, codec, seconds=24.0)
    with open_media(path) as media:
        chunks = list(media.audio(AudioSampling(3, 1.5)))
    assert len(chunks) == 3
    for chunk in chunks:
        assert chunk.samples.shape == (1, 24_000)
        assert (heard_at(chunk) - 0.5 + tolerance) % 1.0 <= 2 * tolerance


@pytest.mark.parametrize(("name", "codec", "tolerance"), [
    ("clip.mkv", "pcm_s16le", PCM_SECONDS), ("clip.mov", "pcm_s16le", PCM_SECONDS),
    ("clip.mp4", "aac", LOSSY_SECONDS), ("clip.ts", "aac", LOSSY_SECONDS), ("clip.mkv", "libopus", LOSSY_SECONDS),
])  # fmt: skip
@pytest.mark.parametrize(("sound", "pictures"), [(1.2, 0.0), (0.0, 1.2)])
def test_sound_and_frames_have_one_clock_whichever_begins_first(
    tmp_path, name, codec, tolerance, sound, pictures
):
    path = toys.write(tmp_path / name, toys.clicks(4.0, 48_000), 48_000, codec, sound, pictures)
    with open_media(path) as media:
        assert next(media.sample(Sampling(100))).time == 0.0
        chunks = list(media.audio(AudioSampling(2, 1.3)))
        assert media.info.audio.start == pytest.approx(sound - pictures, abs=0.03)
    assert chunks
    for chunk in chunks:
        assert (heard_at(chunk) - (0.5 + sound - pictures) + tolerance) % 1.0 <= 2 * tolerance


def test_a_tone_keeps_its_pitch_phase_and_height(tmp_path):
    path = toys.write(tmp_path / "clip.mov", toys.tone(4.0, 44_100, 440.0), 44_100)
    with open_media(path) as media:
        for chunk in media.audio(AudioSampling(3, 0.5, rate=22_050)):
            times = chunk.start + np.arange(chunk.samples.shape[1]) / 22_050
            expected = 0.5 * np.sin(2 * np.pi * 440 * times)
            assert chunk.samples.shape == (1, 11_025)
            assert np.abs(chunk.samples[0] - expected).max() < 0.01


def test_mono_is_the_mean_of_the_channels_and_as_is_all_of_them(tmp_path):
    samples = toys.tone(4.0, 48_000, 300.0, 2) * np.array([[1.0], [0.5]])
    path = toys.write(tmp_path / "clip.mov", samples, 48_000, "pcm_f32le")
    with open_media(path) as media:
        (both,) = media.audio(AudioSampling(1, 0.5, 48_000, "as_is"))
        (mono,) = media.audio(AudioSampling(1, 0.5, 48_000))
    place = round(both.start * 48_000)
    assert np.allclose(both.samples, samples[:, place : place + 24_000], atol=1e-6)
    assert np.allclose(mono.samples[0], both.samples.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("channels", [3, 6])
def test_more_channels_than_two(tmp_path, channels):
    samples = toys.tone(4.0, 48_000, 300.0, channels)
    path = toys.write(tmp_path / "clip.mkv", samples, 48_000)
    with open_media(path) as media:
        (chunk,) = media.audio(AudioSampling(1, 0.5, channels="as_is"))
    assert chunk.samples.shape == (channels, 8_000)


def test_samples_lie_between_minus_one_and_one_whatever_the_file_says():
    data = np.array([2.0, -3.0, np.nan, np.inf, 0.25, -np.inf], np.float32)
    chunk = RawAudio(0.0, 1, data.tobytes()).chunk("mono")
    assert chunk.samples.tolist() == [[1.0, -1.0, 0.0, 1.0, 0.25, -1.0]]


def test_windows_may_come_from_the_first_seconds_only():
    assert AudioSampling(2, 1.0, until=4.0).spans(-0.5, 100.0) == AudioSampling(2, 1.0).spans(-0.5, 4.0)
    assert AudioSampling(2, 1.0, until=4.0).spans(5.0, 100.0) == []
    assert AudioSampling(2, 1.0, until=400.0).spans(0.0, 10.0) == AudioSampling(2, 1.0).spans(0.0, 10.0)


def test_windows_are_spread_evenly_and_do_not_overlap():
    assert AudioSampling(2, 1.0).spans(0.0, 8.0) == [(1.5, 2.5), (5.5, 6.5)]
    assert AudioSampling(4, 3.0).spans(0.0, 9.0) == [(0.0, 3.0), (3.0, 6.0), (6.0, 9.0)]
    assert AudioSampling(4, 3.0).spans(1.0, 2.5) == [(1.0, 2.5)]
    assert AudioSampling(4, 3.0).spans(1.0, 1.0) == []


@pytest.mark.parametrize(
    "wrong",
    [{"windows": 0}, {"windows": 2000}, {"seconds": 0.0}, {"seconds": 1e6}, {"rate": 1}, {"channels": "all"}],
)
def test_an_order_for_sound_is_checked(wrong):
    with pytest.raises(ValueError, match="must be"):
        AudioSampling(**{"windows": 2, "seconds": 1.0} | wrong)


def test_a_file_without_sound_gives_none(tmp_path):
    path = media_toys.write_video(tmp_path / "clip.mp4")
    Image.new("RGB", (40, 30)).save(tmp_path / "still.png")
    for silent in (path, tmp_path / "still.png"):
        with (
            DecodingProcesses(Limits()) as processes,
            processes.open(silent) as there,
            open_media(silent) as here,
        ):
            for media in (there, here):
                assert media.info.audio is None
                assert list(media.audio(AudioSampling(2, 1.0))) == []


def test_sound_shorter_than_a_window_is_one_short_window(tmp_path):
    path = toys.write(tmp_path / "clip.mkv", toys.clicks(1.0, 16_000), 16_000)
    with open_media(path) as media:
        (chunk,) = media.audio(AudioSampling(3, 5.0))
    assert chunk.start == 0.0 and chunk.samples.shape[1] == pytest.approx(16_000, abs=64)


def test_the_process_that_decodes_gives_the_same(tmp_path):
    path = toys.write(tmp_path / "clip.mp4", toys.clicks(4.0, 44_100, 2), 44_100, "aac")
    order = AudioSampling(3, 0.5, channels="as_is")
    with DecodingProcesses(Limits()) as processes, processes.open(path) as there, open_media(path) as here:
        assert there.info == here.info
        for got, expected in zip(there.audio(order), here.audio(order), strict=True):
            assert got.start == expected.start and np.array_equal(got.samples, expected.samples)
        assert len(list(there.sample(2))) == 2  # It goes on with frames, and sound again.
        assert len(list(there.audio(order))) == 3


def test_frames_and_sound_can_be_read_in_turns(tmp_path):
    path = toys.write(tmp_path / "clip.mkv", toys.clicks(4.0, 16_000), 16_000)
    with open_media(path) as media:
        pairs = list(zip(media.sample(3), media.audio(AudioSampling(3, 0.5)), strict=True))
    assert len(pairs) == 3


def test_of_joined_videos_the_sound_follows_the_pictures(tmp_path):
    one = toys.write(tmp_path / "one.mp4", toys.clicks(4.0, 44_100), 44_100, "aac")
    path = tmp_path / "two.mp4"
    path.write_bytes(one.read_bytes() * 2)
    with open_media(path) as media:
        chunks = list(media.audio(AudioSampling(2, 0.95)))
        assert media.info.audio.duration == pytest.approx(8.0, abs=0.2)
    assert [chunk.start > 4.0 for chunk in chunks] == [False, True]


def test_missing_sound_is_silence_and_what_follows_keeps_its_time(tmp_path):
    """Packets without content: what they held is missing, and the clicks behind them are heard in time."""
    path = toys.write(tmp_path / "clip.ts", toys.clicks(4.0, 48_000), 48_000, "aac")
    data = bytearray(path.read_bytes())
    packets = [p for p in range(0, len(data), 188) if (data[p + 1] & 0x1F, data[p + 2]) == (1, 1)]
    for place in packets[len(packets) // 4 : len(packets) // 3]:
        data[place + 1], data[place + 2] = 0x1F, 0xFF
    path.write_bytes(data)
    with open_media(path) as media:
        *_, last = media.audio(AudioSampling(4, 0.95))
    assert heard_at(last) == pytest.approx(3.5, abs=LOSSY_SECONDS)


def with_wave_format(tmp_path, channels=2, rate=44_100):
    """An AVI file that states other channels or another rate than it was written with."""
    path = toys.write(tmp_path / "clip.avi", toys.clicks(2.0, 44_100, 2), 44_100, seconds=2.0)
    data = path.read_bytes()
    stated = struct.pack("<HHII", 1, 2, 44_100, 176_400)
    assert stated in data
    path.write_bytes(data.replace(stated, struct.pack("<HHII", 1, channels, rate, 176_400)))
    return path


@pytest.mark.parametrize(
    ("channels", "rate"),
    [
        (0, 44_100),
        (1000, 44_100),
        (65_535, 44_100),
        (17, 44_100),
        (2, 0),
        (2, 1),
        (2, 2**32 - 1),
        (2, 96_000),
    ],
)
@pytest.mark.parametrize("isolated", [False, True])
def test_sound_that_states_nonsense_is_an_error_or_less_sound(tmp_path, channels, rate, isolated):
    path = with_wave_format(tmp_path, channels, rate)
    with DecodingProcesses(Limits()) as processes:
        try:
            with (processes.open if isolated else open_media)(path) as media:
                assert len(list(media.sample(2))) == 2
                chunks = list(media.audio(AudioSampling(2, 0.5, channels="as_is")))
                assert len(chunks) <= 2 and all(len(chunk.samples) <= MAX_CHANNELS for chunk in chunks)
        except MediaError as error:
            assert error.status in ("unreadable", "unsupported", "too_large")


def test_an_absurd_duration_is_not_believed(tmp_path):
    path = toys.write(tmp_path / "clip.mp4", toys.clicks(4.0, 44_100), 44_100, "aac")
    data = bytearray(path.read_bytes())
    places = [place for place in range(len(data)) if data[place : place + 4] == b"mdhd"]
    struct.pack_into(">I", data, places[1] + 20, 0xFFFFFF00)  # Of the second track, the sound.
    path.write_bytes(data)
    with open_media(path) as media:
        chunks = list(media.audio(AudioSampling(4, 0.95)))
    assert [round(heard_at(chunk), 1) for chunk in chunks] == [0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize(
    ("name", "codec"), [("clip.mp4", "aac"), ("clip.mkv", "libopus"), ("clip.avi", "libmp3lame")]
)
def test_broken_bytes_cost_no_more_than_sound(tmp_path, name, codec):
    whole = toys.write(tmp_path / name, toys.clicks(4.0, 48_000), 48_000, codec).read_bytes()
    rng = np.random.default_rng(11)
    for _ in range(12):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 40):
            data[place] = int(rng.integers(256))
        path = tmp_path / f"broken-{name}"
        path.write_bytes(data[: int(rng.integers(len(data) // 2, len(data)))])
        try:
            with open_media(path) as media:
                for chunk in media.audio(AudioSampling(3, 0.5)):
                    assert np.isfinite(chunk.samples).all() and np.abs(chunk.samples).max() <= 1.0
        except MediaError:
            pass
