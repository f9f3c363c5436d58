"""Facts of the sound: held against what the files were written with."""

import struct

import numpy as np
import pytest

import sound_toys as toys
from unmask.media import AudioSampling, DecodingProcesses, Limits, open_media
from unmask.scanning import Settings, scan
from unmask.scanning.sound import sound_facts

RATE = 16_000


def noise(seconds, lead=0.0, trail=0.0, channels=1, level=0.1):
    """Noise with digital silence before and behind it, (channels, L)."""
    samples = level * np.random.default_rng(1).uniform(0.5, 1.0, (channels, round(seconds * RATE)))
    samples[:, : round(lead * RATE)] = 0
    samples[:, samples.shape[1] - round(trail * RATE) :] = 0
    return samples.astype(np.float32)


def facts_of(path):
    with open_media(path) as media:
        return sound_facts(media, media.facts())


@pytest.mark.parametrize("name", ["a.mkv", "a.mov", "a.avi"])
def test_silence_and_lengths_are_those_that_were_written(tmp_path, name):
    facts = facts_of(toys.write(tmp_path / name, noise(4.5, 0.75, 0.5), RATE))
    assert (facts.streams, facts.codec, facts.sample_rate, facts.channels) == (1, "pcm_s16le", RATE, 1)
    assert facts.leading_silence == pytest.approx(0.75, abs=0.002)
    assert facts.trailing_silence == pytest.approx(0.5, abs=0.002)
    assert facts.examined == pytest.approx(4.5, abs=0.002)
    assert facts.duration == pytest.approx(4.5, abs=0.05)
    # Matroska states the length of the whole file alone.
    assert facts.longer_by == (None if name == "a.mkv" else pytest.approx(0.5, abs=0.05))


def test_sound_that_begins_later_than_the_pictures(tmp_path):
    facts = facts_of(toys.write(tmp_path / "a.mkv", noise(3.0), RATE, sound_start=0.4))
    assert facts.start == pytest.approx(0.4, abs=0.002)
    assert facts.leading_silence == pytest.approx(0.0, abs=0.002)


@pytest.mark.parametrize(("level", "silent"), [(10 ** (-53 / 20), True), (10 ** (-42 / 20), False)])
def test_silence_is_what_stays_below_50_dbfs(tmp_path, level, silent):
    facts = facts_of(toys.write(tmp_path / "a.mkv", noise(2.0, level=level), RATE, seconds=2.0))
    expected = 2.0 if silent else 0.0
    assert facts.leading_silence == pytest.approx(expected, abs=0.002)
    assert facts.trailing_silence == pytest.approx(expected, abs=0.002)


def test_a_channel_that_speaks_alone_ends_the_silence(tmp_path):
    """Also where the mean of the channels is silent, because they are opposites."""
    samples = noise(2.0, 0.5, channels=2)
    samples[1] = -samples[0]
    facts = facts_of(toys.write(tmp_path / "a.mkv", samples, RATE, seconds=2.0))
    assert facts.channels == 2 and facts.leading_silence == pytest.approx(0.5, abs=0.002)


def test_of_long_sound_the_two_ends_are_decoded():
    sampling = AudioSampling(2, 10.0, ends=True)
    assert sampling.spans(1.0, 5.0) == [(1.0, 5.0)]
    assert sampling.spans(1.0, 19.0) == [(1.0, 19.0)]
    assert sampling.spans(1.0, 3000.0) == [(1.0, 11.0), (2990.0, 3000.0)]
    assert sampling.spans(1.0, 1.0) == []


@pytest.mark.slow
def test_of_a_long_file_silence_is_known_as_far_as_it_was_decoded(tmp_path):
    facts = facts_of(toys.write(tmp_path / "a.mkv", noise(70.0, 15.0, 2.0), RATE, seconds=70.0))
    assert facts.examined == pytest.approx(10.0, abs=0.002)
    assert facts.leading_silence == pytest.approx(10.0, abs=0.002)
    assert facts.trailing_silence == pytest.approx(2.0, abs=0.002)


def test_a_file_without_sound_has_no_facts_of_it(two_faces):
    assert facts_of(two_faces) is None


def test_the_confined_process_measures_the_same(tmp_path):
    path = toys.write(tmp_path / "a.mp4", noise(3.0, 0.5), RATE, "aac")
    with DecodingProcesses(Limits()) as processes, processes.open(path) as media:
        assert len(list(media.sample(2))) == 2
        assert sound_facts(media, media.facts()) == facts_of(path)


def test_sound_that_cannot_be_decoded_has_the_facts_of_its_header(tmp_path):
    path = toys.write(tmp_path / "a.mkv", noise(3.0), RATE, "aac")
    with open_media(path) as media:
        media.sounds = lambda sampling: iter([])
        facts = sound_facts(media, media.facts())
    assert (facts.codec, facts.leading_silence, facts.examined) == ("aac", None, None)


def test_edit_lists_are_told(tmp_path):
    """What FFmpeg writes for sound that begins 0.4 s late: a stretch of nothing, then all of it."""
    path = toys.write(tmp_path / "a.mov", noise(3.0), RATE, sound_start=0.4)
    with open_media(path) as media:
        edits = [edit for edit in media.facts().edits if edit.kind == "audio"]
    assert [edit.start for edit in edits] == [None, 0.0]
    assert [edit.seconds for edit in edits] == pytest.approx([0.4, 3.0], abs=0.05)


def test_edit_lists_of_broken_files_are_none(tmp_path):
    path = toys.write(tmp_path / "a.mov", noise(1.0), RATE, sound_start=0.4, seconds=1.0)
    data = path.read_bytes()
    place = data.index(b"elst") + 8
    for count in (0, 1_000_000):
        path.write_bytes(data[:place] + struct.pack(">I", count) + data[place + 4 :])
        with open_media(path) as media:
            assert len(media.facts().edits) <= 32


def test_a_scan_with_facts_tells_of_the_sound_and_is_otherwise_the_same(tmp_path, detector, finder):
    path = toys.write(tmp_path / "a.mov", noise(3.0, 0.5), RATE)
    plain = scan(path, Settings(frames=2), detector, finder)
    told = scan(path, Settings(frames=2, facts=True), detector, finder)
    assert told.evidence.sound.leading_silence == pytest.approx(0.5, abs=0.002)
    assert told.to_dict()["evidence"]["sound"]["codec"] == "pcm_s16le"
    assert told == plain or told.to_dict() | {"seconds": 0, "evidence": 0} == plain.to_dict() | {
        "seconds": 0,
        "evidence": 0,
    }
