import math

import pytest

from unmask.detectors import Calibration
from unmask.verdict import LikelihoodRatio, LikelihoodScale, likelihood_scale, support_in_words

EVEN = LikelihoodScale(0.5, (-2.0, 2.0))


def test_at_an_even_class_mix_the_ratio_is_the_odds_of_the_score():
    ratio = EVEN.ratio(0.9, (0.6, 0.98))
    assert ratio.log10 == pytest.approx(math.log10(9))
    assert (ratio.low, ratio.high) == pytest.approx((math.log10(1.5), math.log10(49)))
    assert not ratio.bounded


def test_another_class_mix_is_taken_out():
    """A score of 0.9 where nine of ten were fakes says nothing."""
    assert LikelihoodScale(0.9, (-2, 2)).ratio(0.9, (0.9, 0.9)).log10 == pytest.approx(0)
    assert LikelihoodScale(0.1, (-2, 2)).ratio(0.5, (0.5, 0.5)).log10 == pytest.approx(math.log10(9))


def test_beyond_what_the_data_support_there_is_the_bound():
    ratio = EVEN.ratio(0.9999, (0.9, 1.0))
    assert (ratio.log10, ratio.high, ratio.bounded) == (2.0, 2.0, True)
    assert ratio.low == pytest.approx(math.log10(9))
    nothing = LikelihoodScale(0.5, (0.0, 0.0)).ratio(0.0, (0.0, 0.4))
    assert (nothing.log10, nothing.low, nothing.high) == (0, 0, 0)
    assert EVEN.ratio(0.0, (0.0, 0.1)).log10 == -2


def test_a_card_that_says_too_little_has_no_ratio():
    assert likelihood_scale(Calibration()) is None
    assert likelihood_scale({"slope": 1.0}) is None
    assert likelihood_scale(Calibration(prior=0.5)) is None
    assert likelihood_scale(Calibration(prior=0.5, reals=999)) is None


def test_without_bounds_the_counts_are_the_bounds():
    scale = likelihood_scale(Calibration(prior=0.5, reals=999, fakes=99))
    assert scale.bounds == pytest.approx((-2, 3))
    stated = Calibration(prior=0.4, reals=999, fakes=99, log10_lr_bounds=(-1.2, 1.5))
    assert likelihood_scale(stated) == LikelihoodScale(0.4, (-1.2, 1.5))
    assert likelihood_scale(stated.model_dump()) == likelihood_scale(stated)


@pytest.mark.parametrize(
    ("log10", "said"),
    [
        (0.0, "support neither"),
        (0.3, "support neither"),
        (0.302, "about 2 times more probable if the face was manipulated than if it was not: weak support"),
        (0.95, "about 8.9 times"),
        (
            1.5,
            "about 32 times more probable if the face was manipulated than if it was not: moderate support",
        ),
        (
            -1.5,
            "about 32 times more probable if the face was not manipulated than if it was: moderate support",
        ),
        (
            2.5,
            "about 320 times more probable if the face was manipulated than if it was not: moderately strong",
        ),
        (3.5, "about 3,200 times more probable if the face was manipulated than if it was not: strong"),
        (
            -4.5,
            "about 32,000 times more probable if the face was not manipulated than if it was: very strong",
        ),
        (6.1, "extremely strong support"),
    ],
)
def test_words_are_those_of_the_guideline(log10, said):
    text = support_in_words(LikelihoodRatio(log10, log10, log10))
    assert said in text
    assert "support neither" in text or "ENFSI guideline for evaluative reporting, 2015" in text


def test_a_bound_is_said_as_at_least():
    assert "at least 100 times" in support_in_words(EVEN.ratio(0.9999, (0.5, 1.0)))


@pytest.mark.parametrize("values", [(0, 1, 2), (3, 1, 2), (math.nan, 0, 0), (0, -math.inf, 0)])
def test_a_ratio_outside_its_interval_is_refused(values):
    with pytest.raises(ValueError, match="within its interval"):
        LikelihoodRatio(*values)
