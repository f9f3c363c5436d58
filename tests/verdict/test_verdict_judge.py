from dataclasses import replace

import numpy as np
import pytest

from toys import ColourDetector
from unmask.detectors import Calibration, Card
from unmask.verdict import (
    PlattScaling,
    Reason,
    Rule,
    TrackJudgement,
    at_prior_odds,
    can_stop_early,
    decide,
    frames_needed,
    is_cut_off,
    judge_file,
    judge_track,
    per_face_prior_odds,
    rule_of,
)

RULE = Rule(PlattScaling(), threshold=0.5, band=(0.4, 0.6))


def track(score, frames=8, margin=0.05):
    return TrackJudgement(score, (max(0.0, score - margin), min(1.0, score + margin)), frames)


@pytest.mark.parametrize(
    ("score", "interval", "verdict"),
    [
        (0.9, (0.7, 0.98), "likely_fake"),
        (0.9, (0.45, 0.99), "inconclusive"),
        (0.55, (0.51, 0.59), "inconclusive"),
        (0.6, (0.5, 0.7), "likely_fake"),
        (0.1, (0.02, 0.3), "likely_real"),
        (0.1, (0.01, 0.5), "inconclusive"),
        (0.45, (0.42, 0.48), "inconclusive"),
    ],
)
def test_a_verdict_needs_the_score_and_the_interval(score, interval, verdict):
    assert decide(score, interval, RULE) == verdict


def test_the_most_suspicious_face_decides():
    judged = judge_file([track(0.1), track(0.97), track(0.3)], 8, RULE)
    assert (judged.verdict, judged.track) == ("likely_fake", 1)


def refused(score, gate):
    return replace(track(score), reasons=(Reason(gate, "abstains", "why"),), abstains=True)


def test_a_bystander_too_small_to_be_judged_decides_nothing_beside_a_judged_face():
    small = refused(0.9, "small")
    judged = judge_file([track(0.1), small], 8, RULE)
    assert (judged.verdict, judged.track) == ("likely_real", 0)
    assert judged.score == pytest.approx(
        0.1
    )  # Nor does it count among the faces of which one may look suspicious.
    assert judge_file([small, track(0.97)], 8, RULE).verdict == "likely_fake"
    assert judge_file([small, small], 8, RULE).verdict == "inconclusive"
    assert judge_file([small, refused(0.2, "small")], 8, RULE).track == 0


def test_a_face_that_is_refused_for_another_reason_still_counts():
    judged = judge_file([track(0.1), refused(0.9, "turned away")], 8, RULE)
    assert (judged.verdict, judged.track) == ("inconclusive", 1)


def test_a_face_that_the_edge_cuts_off_decides_nothing_beside_a_whole_one():
    cut, whole = replace(track(0.97), cut_off=True), track(0.1)
    judged = judge_file([cut, whole], 8, RULE)
    assert (judged.verdict, judged.track, judged.set_aside) == ("likely_real", 1, (0,))
    assert judged.score == pytest.approx(0.1)  # Nor does it count among the faces of which one may be picked.
    assert judge_file([replace(whole, cut_off=True), track(0.97)], 8, RULE).verdict == "likely_fake"
    alone = judge_file([cut, replace(whole, cut_off=True)], 8, RULE)
    assert (alone.track, alone.set_aside) == (0, ())


def test_a_cut_off_face_counts_beside_one_that_was_hardly_seen_or_is_too_small():
    cut = replace(track(0.97), cut_off=True)
    assert judge_file([cut, track(0.1, frames=1)], 8, RULE).track == 0
    assert judge_file([cut, refused(0.1, "small")], 8, RULE).track == 0


def test_a_face_is_cut_off_where_it_is_on_most_frames():
    assert is_cut_off([0.3, 0.2, 0.0]) and not is_cut_off([0.3, 0.0]) and not is_cut_off([0.1])
    assert not is_cut_off([float("nan")]) and not is_cut_off([])


def test_one_face_keeps_its_score():
    judged = judge_file([track(0.7)], 8, RULE)
    assert judged.score == pytest.approx(0.7) and judged.interval == pytest.approx((0.65, 0.75))


def test_of_many_faces_one_may_look_suspicious_by_chance():
    crowd = [track(0.3)] * 8 + [track(0.9)]
    judged = judge_file(crowd, 8, RULE)
    assert judged.verdict == "inconclusive" and judged.track == 8
    assert judge_file([track(0.9)], 8, RULE).verdict == "likely_fake"


@pytest.mark.parametrize("faces", [1, 2, 3, 10, 400])
def test_prior_odds_leave_the_file_even(faces):
    probability = per_face_prior_odds(faces) / (1 + per_face_prior_odds(faces))
    assert 1 - (1 - probability) ** faces == pytest.approx(0.5)


def test_prior_odds_move_scores_as_bayes_says():
    # 0.8 at even odds is a likelihood ratio of 4; at prior odds of 1 to 10 that makes 4 to 10.
    assert at_prior_odds(0.8, 0.1) == pytest.approx(4 / 14)
    assert (at_prior_odds(0.0, 0.1), at_prior_odds(1.0, 0.1)) == pytest.approx((0.0, 1.0))


def test_a_face_seen_once_in_passing_does_not_decide():
    judged = judge_file([track(0.1, frames=8), track(0.95, frames=1)], 8, RULE)
    assert (judged.verdict, judged.track) == ("likely_real", 0)


def test_faces_seen_little_stand_in_when_there_is_no_other():
    judged = judge_file([track(0.2, frames=1), track(0.9, frames=1)], 16, RULE)
    assert judged.track == 1


@pytest.mark.parametrize(("sampled", "needed"), [(1, 1), (4, 1), (5, 2), (8, 2), (12, 3), (400, 3)])
def test_a_quarter_of_the_frames_is_enough(sampled, needed):
    assert frames_needed(sampled) == needed


def test_a_track_is_the_calibrated_mean_of_its_frames():
    rule = Rule(PlattScaling(slope=0.5, intercept=1.0))
    judged = judge_track([1.0, 2.0, 3.0], rule)
    assert judged.score == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert judged.interval[0] < judged.score < judged.interval[1]
    assert judged.frames == 3


def test_one_frame_has_an_interval_too():
    judged = judge_track([0.0], RULE)
    assert judged.interval[0] < 0.2 and judged.interval[1] > 0.8


def test_nothing_scored_has_no_verdict():
    with pytest.raises(ValueError, match="no verdict"):
        judge_file([], 8, RULE)


def test_the_rule_comes_from_the_card():
    values = {"kind": "platt", "slope": 2.0, "intercept": 0.1, "between_sd": 0.3}
    card = ColourDetector(threshold=0.45, band=[0.3, 0.7], calibration=values).card
    assert rule_of(card) == Rule(PlattScaling(2.0, 0.1, 0.5, 0.3), 0.45, (0.3, 0.7))


@pytest.mark.parametrize(("threshold", "band"), [(0.5, (0.6, 0.7)), (0.5, (0.4, 0.45)), (1.2, (0.1, 1.2))])
def test_a_band_must_hold_its_threshold(threshold, band):
    with pytest.raises(ValueError, match="band"):
        Rule(PlattScaling(), threshold, band)


def test_a_real_card_is_read_and_scores_agree_with_the_detectors_own():
    calibration = Calibration(slope=1.7, intercept=-0.3, between_sd=0.4)
    card = Card(
        name="toy", version="1", description="", sha256="0" * 64, licence="", crop_profile="wide",
        input_size=32, threshold=0.45, band=(0.3, 0.7), calibration=calibration,
    )  # fmt: skip
    rule = rule_of(card)
    assert rule.calibration == PlattScaling(1.7, -0.3, 1 / 1.7, 0.4)
    logits = np.linspace(-5, 5, 11, dtype=np.float32)
    own = card.calibration.scores(logits)
    np.testing.assert_allclose([rule.calibration.score(float(logit)) for logit in logits], own, atol=1e-6)


@pytest.mark.parametrize(
    ("logits", "fake", "settled"),
    [
        ([6.0, 6.2, 5.8], True, True),
        ([-6.0, -6.2, -5.8], False, True),
        ([6.0, 6.2, 5.8], False, False),
        ([9.0, 9.0, -0.1], True, False),
        ([-9.0, -9.0, 0.1], False, False),
        ([2.0, 2.1, 1.9], True, False),
    ],
    ids=[
        "clear fake",
        "clear real",
        "the other verdict",
        "one frame against fake",
        "one against real",
        "near",
    ],
)
def test_a_face_settles_a_verdict_when_no_frame_and_no_likely_mean_speaks_against_it(logits, fake, settled):
    rule = Rule(PlattScaling(within_sd=1.7), threshold=0.5)
    assert can_stop_early(logits, rule, fake=fake) is settled


def test_what_all_frames_share_has_no_part_in_settling():
    certain, unsure = (Rule(PlattScaling(within_sd=1.0, between_sd=sd)) for sd in (0.0, 9.0))
    assert can_stop_early([4.0, 4.0, 4.0], certain, fake=True)
    assert can_stop_early([4.0, 4.0, 4.0], unsure, fake=True)
