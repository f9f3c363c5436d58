"""Face clips, with and without sound, and windows of sound."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from unmask.detectors import AudioWindows, ClipSound, FaceClips
from unmask.evidence import SearchOptions, extractor_of, find_faces
from unmask.faces import cut, profile, smooth_squares
from unmask.media import AudioSampling, Burst, Frame, Sampling

CLIPS = FaceClips(crop_profile="tight", size=32, frames=5, rate=10.0)
WITH_SOUND = CLIPS.model_copy(update={"audio": ClipSound(rate=1000, seconds=0.5)})
WINDOWS = AudioWindows(rate=1000, seconds=2.0)
PLANNED = [Sampling(3, near_keyframes=True, until=9.0), Sampling(12, near_keyframes=True)]


def info(kind="video", audio=True):
    return SimpleNamespace(kind=kind, duration=10.0, audio=object() if audio else None)


def chunk(start, samples):
    return SimpleNamespace(start=start, samples=np.asarray(samples, np.float32)[None])


@pytest.fixture
def burst(toys):
    """A red face that moves by 3 pixels a frame, and a blue one that is gone on the last frame."""
    frames = []
    for number in range(5):
        squares = [((20 + 3 * number, 40, 80 + 3 * number, 110), toys.RED)]
        squares += [((200, 120, 260, 190), toys.BLUE)] if number < 4 else []
        frames.append(Frame(number, 2 + number / 10, toys.draw(squares)))
    return frames


def ends(frames, finder):
    options = SearchOptions("thorough", 1e6)
    return [find_faces(frame, lambda: finder, options) for frame in (frames[0], frames[-1])]


def test_a_clip_follows_the_face_from_the_first_frame_to_the_last(burst, finder):
    moment = extractor_of(CLIPS).extract(burst, (), ends(burst, finder))
    (unit,) = moment.units
    assert unit.place.box == (20, 40, 80, 110) and unit.face.box == unit.place.box
    assert (unit.place.start, unit.place.end) == (2.0, pytest.approx(2.4))
    wanted = [
        cut(frame.image, (20 + 3 * n, 40, 80 + 3 * n, 110), profile("tight"), 32)
        for n, frame in enumerate(burst)
    ]
    # The last bits of an interpolated box move no pixel by more than rounding.
    np.testing.assert_allclose(unit.inputs["clips"].astype(int), wanted, atol=1)
    assert set(unit.inputs) == {"clips"} and unit.measures["side"] == 70


def test_a_burst_that_is_too_short_has_no_clip(burst, finder):
    assert extractor_of(CLIPS).extract(burst[:4], (), ends(burst[:4], finder)).units == ()


@pytest.mark.parametrize(("after", "clips"), [((80, 176), 1), ((176, 80), 0)])
def test_no_clip_lies_on_both_sides_of_a_cut(toys, finder, after, clips):
    frames = []
    for number in range(5):
        image = toys.draw([((20, 40, 80, 110), toys.RED)])
        image[:120, 100:], image[120:, 100:] = (80, 176) if number < 3 else after
        frames.append(Frame(number, number / 10, image))
    assert len(extractor_of(CLIPS).extract(frames, (), ends(frames, finder)).units) == clips


def test_clips_are_asked_for_where_their_cost_does_not_count():
    wants = extractor_of(CLIPS).wants
    assert wants(info(), PLANNED, 0).frames == Sampling(4, until=9.0, burst=Burst(5, 10.0))
    assert wants(info(), [Sampling(7, every=0.5)], 0).frames == Sampling(7, burst=Burst(5, 10.0))
    assert wants(info(), [Sampling(256)], 0).frames.count == 1024 // 5
    assert wants(info(), PLANNED, 1) is None and wants(info("image"), [Sampling(1)], 0) is None
    assert wants(info(audio=False), PLANNED, 0).sound is None


def test_a_clip_with_sound_has_the_sound_from_its_first_frame_on(burst, finder):
    samples = np.sin(np.arange(3000) / 7)
    sound = [chunk(0.0, samples[:1500]), chunk(1.0, samples[1000:])]
    (unit,) = extractor_of(WITH_SOUND).extract(burst, sound, ends(burst, finder)).units
    np.testing.assert_allclose(unit.inputs["sound"], samples[2000:2500].astype(np.float32))
    assert unit.measures["loudness"] == pytest.approx(10 * np.log10(np.mean(samples[2000:2500] ** 2)))
    assert {"side", "detail"} < set(unit.measures)


def test_a_clip_whose_sound_is_missing_is_none(burst, finder):
    extractor, found = extractor_of(WITH_SOUND), ends(burst, finder)
    assert extractor.extract(burst, [], found).units == ()
    assert extractor.extract(burst, [chunk(0.0, np.zeros(2240))], found).units == ()
    (unit,) = extractor.extract(burst, [chunk(0.0, np.ones(2260))], found).units
    assert unit.inputs["sound"].sum() == 260 and unit.inputs["sound"].shape == (500,)


def test_a_silent_file_has_no_clips_with_sound_and_no_windows():
    for spec in (WITH_SOUND, WINDOWS):
        assert extractor_of(spec).wants(info(audio=False), PLANNED, 0) is None
        assert extractor_of(spec).wants(info(), PLANNED, 1) is None


def test_the_sound_of_a_short_file_is_read_whole_and_of_a_long_one_around_the_bursts():
    extractor = extractor_of(WITH_SOUND)
    assert extractor.wants(info(), PLANNED, 0).sound == AudioSampling(1, 120.0, 1000, until=9.0)
    long = SimpleNamespace(kind="video", duration=600.0, audio=object())
    wanted = extractor.wants(long, [Sampling(5, near_keyframes=True)], 0)
    assert wanted.sound == AudioSampling(4, 2.0, 1000)
    moments, windows = wanted.frames.moments(0.0, 600.0), wanted.sound.spans(0.0, 600.0)
    assert len(moments) == len(windows) == 4
    for moment, (low, high) in zip(moments, windows, strict=True):
        assert low <= moment and moment + 0.5 <= high


def test_a_window_of_sound_is_a_unit():
    extractor = extractor_of(WINDOWS)
    assert extractor.wants(info(), PLANNED, 0).sound == AudioSampling(8, 2.0, 1000, until=9.0)
    assert extractor.wants(info(), PLANNED, 0).frames is None
    moments = [extractor.extract((), [chunk(start, np.full(2000, 0.1))]) for start in (0.0, 4.0)]
    (unit,) = moments[1].units
    np.testing.assert_allclose(unit.inputs["sound"], np.full(2000, 0.1, np.float32))
    assert (unit.place.start, unit.place.end, unit.place.box) == (4.0, 6.0, None)
    assert unit.measures == {"loudness": pytest.approx(-20.0)}
    (subject,) = extractor.subjects(moments)
    assert (subject.kind, len(subject.units)) == ("sound", 2)


def test_the_end_of_a_window_is_filled_with_silence_and_half_of_it_must_be_there():
    extractor = extractor_of(WINDOWS)
    (unit,) = extractor.extract((), [chunk(1.0, np.ones(1500))]).units
    assert unit.inputs["sound"].sum() == 1500 and unit.inputs["sound"].shape == (2000,)
    assert (unit.place.start, unit.place.end) == (1.0, 2.5)
    assert extractor.extract((), [chunk(1.0, np.ones(900))]).units == ()
    (silent,) = extractor.extract((), [chunk(1.0, np.zeros(2500))]).units
    assert silent.measures == {"loudness": -120.0} and silent.inputs["sound"].shape == (2000,)


def test_a_face_that_is_searched_between_is_followed_smoothly_and_may_be_missed(toys, finder):
    closely = CLIPS.model_copy(update={"search_every": 2, "frames": 9})
    extractor, options = extractor_of(closely), SearchOptions("thorough", 1e6)
    assert list(extractor.searched(9)) == [0, 2, 4, 6, 8] and list(extractor_of(CLIPS).searched(9)) == [0, 8]
    path = [20, 20, 20, 26, 32, 38, 44, 44, 44]  # No straight line.
    frames = [Frame(n, n / 10, toys.draw([((x, 40, x + 60, 110), toys.RED)])) for n, x in enumerate(path)]
    found = [find_faces(frames[n], lambda: finder, options) for n in extractor.searched(9)]
    missed = [replace(each, faces=()) for each in found]
    found[2] = missed[2]
    (unit,) = extractor.extract(frames, (), found).units
    assert unit.place.box == (20, 40, 80, 110)
    faces = [found[number].faces[0].face for number in (0, 1, 3, 4)]
    squares = smooth_squares([0, 2, 6, 8], faces, 9).tolist()
    wanted = [
        cut(frame.image, square, profile("tight"), 32) for frame, square in zip(frames, squares, strict=True)
    ]
    np.testing.assert_array_equal(unit.inputs["clips"], wanted)
    assert extractor.extract(frames, (), [found[0], *missed[1:4], found[4]]).units == ()


def test_a_short_video_has_a_shorter_clip_where_the_card_allows_it(burst, finder):
    shorter = WITH_SOUND.model_copy(
        update={"frames": 10, "least_frames": 4, "audio": ClipSound(rate=1000, seconds=1.0)}
    )
    short = SimpleNamespace(kind="video", duration=0.5, audio=object())
    assert extractor_of(shorter).wants(short, PLANNED, 0).frames.burst == Burst(5, 10.0)
    (unit,) = extractor_of(shorter).extract(burst, [chunk(0.0, np.ones(9000))], ends(burst, finder)).units
    assert unit.inputs["clips"].shape == (5, 32, 32, 3) and unit.inputs["sound"].shape == (500,)
    assert [tensor.least for tensor in shorter.tensors] == [4, 400]
    for tensor in shorter.tensors:
        tensor.checked(unit.inputs[tensor.name][None])
    with pytest.raises(ValueError, match=r"sound must be \(N, 400 to 1000\) float32"):
        shorter.tensors[1].checked(unit.inputs["sound"][None, :399])


def test_beside_sound_a_slower_video_is_brought_to_the_rate_of_the_card(toys, finder):
    frames = [Frame(n, n / 8, toys.draw([((20 + n, 40, 80 + n, 110), toys.RED)])) for n in range(5)]
    extractor = extractor_of(WITH_SOUND)
    (unit,) = extractor.extract(frames, [chunk(0.0, np.ones(9000))], ends(frames, finder)).units
    assert unit.inputs["clips"].shape[0] == 5
    # At 0, 0.1, 0.2, 0.3 and 0.4 s the frames of 0, 0.125, 0.25, 0.25 and 0.375 s are nearest.
    assert extractor._on_grid(frames) == [0, 1, 2, 2, 3]
    slow = [Frame(n, n / 4, frames[n].image) for n in range(5)]
    assert extractor_of(WITH_SOUND).extract(slow, [chunk(0.0, np.ones(9000))], ends(slow, finder)).units == ()
    for least, clips in ((8.0, 1), (9.0, 0)):
        demanding = extractor_of(WITH_SOUND.model_copy(update={"least_rate": least}))
        found = demanding.extract(frames, [chunk(0.0, np.ones(9000))], ends(frames, finder)).units
        assert len(found) == clips
