import numpy as np
import pytest
from scipy.stats import binom

from unmask.statistics.conformal import (
    TooFewItemsError,
    bound_in_words,
    conformal_threshold,
    items_needed,
    least_rate,
)


@pytest.mark.parametrize(("items", "rate"), [(200, 0.05), (40, 0.05), (99, 0.01), (137, 0.1)])
def test_the_promised_rate_holds_over_1000_draws(items, rate):
    """Each draw fixes a threshold and asks one new real item: the false positives are binomial."""
    random = np.random.default_rng(items)
    draws = 1000
    fixed = random.normal(size=(draws, items))
    thresholds = [conformal_threshold(row, rate) for row in fixed]
    called = sum(random.normal() >= found.threshold for found in thresholds)
    promised = thresholds[0].promised
    assert promised <= rate
    assert binom.ppf(0.001, draws, promised) <= called <= binom.ppf(0.999, draws, promised)


def test_the_rate_given_the_items_lies_in_its_interval_nine_times_of_ten():
    random = np.random.default_rng(0)
    held = [
        found.low <= 1 - found.threshold <= found.high  # Of uniform scores that is the rate.
        for found in (conformal_threshold(random.uniform(size=150), 0.05) for _ in range(1000))
    ]
    assert 0.87 <= np.mean(held) <= 0.93


def test_ties_never_raise_the_rate():
    scores = np.repeat([0.1, 0.4, 0.9], [10, 80, 10])
    found = conformal_threshold(scores, 0.05)
    assert np.mean(scores >= found.threshold) == 0
    assert conformal_threshold(scores, 0.2).threshold == np.nextafter(0.4, 1)
    assert np.mean(scores >= conformal_threshold(scores, 0.2).threshold) == 0.1


def test_a_rate_on_a_whole_place_is_not_lost_to_rounding():
    scores = np.arange(199.0)
    assert conformal_threshold(scores, 0.05).threshold == pytest.approx(
        189
    )  # The 190th of 199; 10 of 200 lie above.
    assert conformal_threshold(scores, 0.05).promised == pytest.approx(0.05)


def test_too_few_items_say_in_words_what_they_allow():
    assert bound_in_words(40) == "with 40 files no rate below 2.4 % can be promised"
    assert bound_in_words(99) == "with 99 files no rate below 1 % can be promised"
    assert bound_in_words(2500) == "with 2,500 files no rate below 0.039 % can be promised"
    assert bound_in_words(1) == "with 1 file no rate below 50 % can be promised"
    assert least_rate(99) == 0.01 and items_needed(0.01) == 99 and items_needed(0.05) == 19
    with pytest.raises(
        TooFewItemsError, match=r"^with 40 files no rate below 2.4 %.*; 1 % needs at least 99$"
    ):
        conformal_threshold(np.arange(40.0), 0.01)
    assert conformal_threshold(np.arange(40.0), 1 / 41).threshold > 39


def test_of_a_group_only_the_highest_score_counts():
    random = np.random.default_rng(2)
    groups = np.repeat(np.arange(50), 6)
    scores = random.normal(size=300) + random.normal(size=50)[groups]
    found = conformal_threshold(scores, 0.1, groups)
    highest = [scores[groups == group].max() for group in range(50)]
    assert found.items == 50
    assert found.threshold == conformal_threshold(highest, 0.1).threshold
    with pytest.raises(TooFewItemsError):
        conformal_threshold(scores, 0.01, groups)


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(ValueError, match="between 0 and 1"):
        conformal_threshold(np.arange(40.0), rate)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        conformal_threshold([0.1, np.nan], 0.5)
    with pytest.raises(ValueError, match="as many groups"):
        conformal_threshold([0.1, 0.2], 0.5, ["a"])
