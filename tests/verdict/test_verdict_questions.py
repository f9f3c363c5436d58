"""Opinions on several questions and the verdict of the file."""

import pytest

from unmask.verdict import FileJudgement, PlattScaling, Reason, Rule, at_prior_odds, decide, sum_up

RULE = Rule(PlattScaling(), threshold=0.5, band=(0.4, 0.6), gates=())
OTHER = Rule(PlattScaling(), threshold=0.3, band=(0.2, 0.4), gates=())
TWO = 1 / 2


def judged(score, low, high, rule=RULE, reasons=()):
    return FileJudgement(decide(score, (low, high), rule), score, (low, high), 0, reasons), rule


REAL, FAKE, UNCLEAR = judged(0.1, 0.05, 0.2), judged(0.97, 0.9, 0.99), judged(0.5, 0.1, 0.9)


@pytest.mark.parametrize("opinion", [REAL, FAKE, UNCLEAR, judged(0.1 + 0.2, 0.05, 0.35, OTHER)])
def test_one_opinion_is_the_verdict_to_the_bit(opinion):
    summary, judgement = sum_up([opinion]), opinion[0]
    assert (summary.verdict, summary.score, summary.interval) == (
        judgement.verdict, judgement.score, judgement.interval,
    )  # fmt: skip
    assert (summary.reasons, summary.opinion) == (judgement.reasons, 0)


def test_one_opinion_that_says_fake_makes_the_file_fake():
    summary = sum_up([REAL, UNCLEAR, FAKE])
    assert (summary.verdict, summary.opinion) == ("likely_fake", 2)
    odds = 1 / 3
    assert summary.score == pytest.approx(odds * 0.97 / (odds * 0.97 + 0.03))
    assert summary.interval == pytest.approx((at_prior_odds(0.9, odds), at_prior_odds(0.99, odds)))


def test_an_opinion_that_says_fake_too_weakly_for_several_questions_makes_it_inconclusive():
    weak = judged(0.7, 0.55, 0.8, reasons=(Reason("blurred", "widens", "x"),))
    assert weak[0].verdict == "likely_fake"
    summary = sum_up([weak, REAL])
    assert (summary.verdict, summary.opinion) == ("inconclusive", 0)
    assert [(reason.gate, reason.effect) for reason in summary.reasons] == [
        ("questions", "abstains"), ("blurred", "widens"),
    ]  # fmt: skip
    assert summary.reasons[0].text == "likely fake by itself, but not at the prior odds of one of 2 questions"
    assert summary.score == pytest.approx(TWO * 0.7 / (TWO * 0.7 + 0.3))


def test_the_prior_odds_that_cards_count_on_are_scaled_to_add_up_to_even_ones():
    rare = Rule(PlattScaling(), threshold=0.5, band=(0.5, 0.5), gates=(), prior_odds=0.25)
    fake, real = judged(0.9, 0.8, 0.95), judged(0.1, 0.05, 0.2, rare)
    ratio = 0.9 / 0.1  # Of a card of even prior odds the likelihood ratio.
    assert sum_up([fake, real]).score == pytest.approx(ratio * 0.8 / (ratio * 0.8 + 1))
    generated = judged(0.9, 0.8, 0.95, rare)
    ratio = 0.9 / 0.1 / 0.25
    assert sum_up([REAL, generated]).score == pytest.approx(ratio * 0.2 / (ratio * 0.2 + 1))
    assert sum_up([generated, generated]).score == 0.9  # Odds of less than 1 in all are not raised.


def test_an_inconclusive_opinion_beside_a_real_one_makes_it_inconclusive():
    summary = sum_up([REAL, UNCLEAR])
    assert (summary.verdict, summary.opinion) == ("inconclusive", 1)
    assert summary.reasons == UNCLEAR[0].reasons


def test_an_opinion_that_abstains_is_never_fake():
    abstaining = FileJudgement("inconclusive", 0.999, (0.99, 1.0), 0), RULE
    assert sum_up([abstaining, REAL]).verdict == "inconclusive"


def test_each_opinion_is_held_against_its_own_threshold():
    low = judged(0.75, 0.6, 0.9, OTHER)
    assert sum_up([low, REAL]).verdict == "likely_fake"
    assert sum_up([judged(0.75, 0.6, 0.9), REAL]).verdict == "inconclusive"


def test_all_real_is_real_by_the_most_suspicious():
    summary = sum_up([REAL, judged(0.2, 0.1, 0.3), REAL])
    assert (summary.verdict, summary.opinion, summary.reasons) == ("likely_real", 1, ())


def test_more_questions_never_make_a_file_more_suspicious():
    for score in (0.55, 0.65, 0.8, 0.95, 0.99):
        opinion = judged(score, score - 0.05, min(1.0, score + 0.01))
        scores = [sum_up([opinion, *[REAL] * others]).score for others in range(4)]
        assert scores == sorted(scores, reverse=True)


def test_nothing_asked_has_no_verdict():
    with pytest.raises(ValueError, match="no verdict"):
        sum_up([])
