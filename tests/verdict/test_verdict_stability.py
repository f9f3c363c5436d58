"""Re-encodings widen the interval by their mean square, and a verdict that one of them turns round is none."""

import math

import pytest

from unmask.verdict import PlattScaling, Rule, judge_file, judge_track, logit_interval, trimmed_mean

CALIBRATION = PlattScaling(slope=0.5, intercept=-0.2, within_sd=1.0, between_sd=0.4)
RULE = Rule(CALIBRATION, threshold=0.5, band=(0.5, 0.5))
LOGITS = [5.0, 5.5, 6.0]


def judged(logits, shifts, rule=RULE):
    track = judge_track(logits, rule, shifts=shifts)
    return track, judge_file([track], len(logits), rule)


def test_without_re_encodings_nothing_changes():
    assert judge_track(LOGITS, RULE, shifts={}) == judge_track(LOGITS, RULE)
    plain = judge_track(LOGITS, RULE)
    assert plain.reencoded == {} and judge_file([plain], 3, RULE).reencoded == {}


def test_the_mean_square_of_the_shifts_adds_to_the_squared_error():
    shifts = {"jpeg_90": 0.1, "jpeg_70": -0.7, "scale_50": 0.3}
    plain, track = judge_track(LOGITS, RULE), judge_track(LOGITS, RULE, shifts=shifts)
    low, high = logit_interval(trimmed_mean(LOGITS), CALIBRATION)
    # By hand: e^2 = v' / 3 + between_sd^2 with v' = (4 * 1 + 2 * 0.25) / 6.
    before = (4 + 2 * 0.25) / 6 / 3 + 0.4**2
    after = before + (0.1**2 + 0.7**2 + 0.3**2) / 3
    factor = math.sqrt(after / before)
    assert track.score == plain.score
    assert track.interval[0] == pytest.approx(CALIBRATION.score(5.5 - factor * (5.5 - low)))
    assert track.interval[1] == pytest.approx(CALIBRATION.score(5.5 + factor * (high - 5.5)))
    assert [(reason.gate, reason.effect) for reason in track.reasons] == [("stability", "widens")]


def test_a_verdict_that_holds_up_stays():
    _, verdict = judged(LOGITS, {"jpeg_90": 0.1, "jpeg_70": -0.2})
    assert verdict.verdict == "likely_fake" and list(verdict.reencoded) == ["jpeg_90", "jpeg_70"]


@pytest.mark.parametrize(("logits", "shift", "called"), [(LOGITS, -6.0, "fake"), ([-5.0] * 3, 6.0, "real")])
def test_a_verdict_that_turns_round_becomes_inconclusive_and_says_why(logits, shift, called):
    assert judge_file([judge_track(logits, RULE)], 3, RULE).verdict == f"likely_{called}"
    wide = Rule(PlattScaling(0.5, -0.2, within_sd=0.01), 0.5, (0.5, 0.5))
    for rule in (RULE, wide):
        _, verdict = judged(logits, {"jpeg_90": 0.0, "scale_50": shift}, rule)
        assert verdict.verdict == "inconclusive"
        assert (verdict.reasons[0].gate, verdict.reasons[0].effect) == ("stability", "abstains")
        assert "50 % of the size" in verdict.reasons[0].text and "JPEG" not in verdict.reasons[0].text


def test_the_side_is_that_of_the_file_with_all_its_faces():
    """By itself the face stays above the threshold; beside another one its odds are lowered."""
    shifts = {"jpeg_90": -3.4}
    face = judge_track([5.0] * 4, RULE, shifts=shifts)
    alone, among = (judge_file([face, *others], 4, RULE) for others in ([], [judge_track([-5.0] * 4, RULE)]))
    assert alone.reencoded["jpeg_90"] > 0.5 > among.reencoded["jpeg_90"]
    assert [reason.effect for reason in among.reasons if reason.gate == "stability"] == ["abstains", "widens"]
