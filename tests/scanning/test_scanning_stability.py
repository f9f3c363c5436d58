"""On request the decisive frames of a scan are scored again after re-encodings."""

from dataclasses import replace

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from toys import RED, draw
from unmask.distortions.reencodings import REENCODINGS
from unmask.report import ScanResult, schema
from unmask.scanning import Scanner, Settings, stability

STABLE = Settings(frames=6, stability=True)


@pytest.fixture
def clip(make_video):
    return make_video([draw([((100 + n, 60, 180 + n, 150), RED)]) for n in range(20)])


def test_without_the_option_nothing_is_scored_again(clip, detector, finder):
    with Scanner(Settings(frames=6), detector, finder) as scanner:
        plain = scanner.scan(clip)
        assert len(detector.batches) == 6 and plain.opinions[0].stability is None


def test_decisive_frames_are_scored_again_each_crop_alone(clip, detector, finder):
    with Scanner(STABLE, detector, finder) as scanner:
        plain, stable = (scanner.scan(clip, settings=replace(STABLE, stability=on)) for on in (False, True))
        again = scanner.scan(clip)
    assert detector.batches == [1] * len(detector.batches)
    assert len(detector.batches) == 3 * 6 + 2 * stability.MOST_FRAMES * len(REENCODINGS)
    (opinion,) = stable.opinions
    names = [one.reencoding for one in opinion.stability.reencoded]
    assert names == list(REENCODINGS) and len(opinion.stability.frames) == stability.MOST_FRAMES
    scores = {frame.time: frame.score for frame in stable.tracks[0].frames}
    assert all(
        frame.score == pytest.approx(scores[frame.time], abs=1e-6) for frame in opinion.stability.frames
    )
    assert stable.score == plain.score and stable.tracks[0].frames == plain.tracks[0].frames
    assert stable.interval[0] < plain.interval[0] and stable.interval[1] > plain.interval[1]
    assert opinion.stability == again.opinions[0].stability
    Draft202012Validator(schema()).validate(stable.to_dict())
    assert ScanResult.from_dict(stable.to_dict()).to_dict() == stable.to_dict()


def test_frames_nearest_to_the_mean_are_decisive(make_video, detector, finder):
    """Faces from dark to bright red: the middle ones are chosen."""
    shades = [((100, 60, 180, 150), (150 + 10 * n, 30, 30)) for n in range(8) for _ in range(3)]
    clip = make_video([draw([shade]) for shade in shades])
    with Scanner(replace(STABLE, frames=8), detector, finder) as scanner:
        result = scanner.scan(clip)
    order = sorted(frame.score for frame in result.tracks[0].frames)
    chosen = [frame.score for frame in result.opinions[0].stability.frames]
    assert chosen == sorted(chosen) and set(np.round(chosen, 6)) < set(np.round(order[2:6], 6))


def test_a_verdict_that_scaling_turns_round_becomes_inconclusive(tmp_path, detector, finder, monkeypatch):
    """A red face that turns blue when it is made smaller."""
    monkeypatch.setattr(
        stability, "reencode", lambda image, name: image[..., ::-1] if name == "scale_50" else image
    )
    path = tmp_path / "one.png"
    Image.fromarray(draw([((100, 60, 260, 220), RED)])).save(path)
    with Scanner(STABLE, detector, finder) as scanner:
        plain, stable = (scanner.scan(path, settings=replace(STABLE, stability=on)) for on in (False, True))
    assert (plain.verdict, stable.verdict) == ("likely_fake", "inconclusive")
    assert stable.reasons[0].gate == "stability" and "50 % of the size" in stable.reasons[0].text
    assert stable.opinions[0].verdict == "inconclusive" and stable.score == plain.score


def test_the_face_that_decides_is_scored_again(two_faces, detector, finder):
    with Scanner(STABLE, detector, finder) as scanner:
        result = scanner.scan(two_faces)
    red = result.tracks[result.decisive_track]
    assert result.opinions[0].stability.frames[0].score == pytest.approx(red.frames[0].score, abs=0.05)


def test_a_file_without_a_face_has_none(make_video, detector, finder):
    with Scanner(STABLE, detector, finder) as scanner:
        assert scanner.scan(make_video([draw([])] * 4)).opinions[0].stability is None
