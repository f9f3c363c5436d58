import numpy as np
import pytest

from unmask.statistics.gaps import chance_of_gap, difference_of_proportions, proportion
from unmask.statistics.intervals import Estimate
from unmask.statistics.proportions import wilson_interval


def test_a_share_of_nothing_has_no_value():
    assert proportion(3, 8) == Estimate(3 / 8, *wilson_interval(3 / 8, 8))
    assert proportion(0, 0).value is None
    assert difference_of_proportions(proportion(0, 0), proportion(1, 2)) == Estimate(None, reason="no items")


@pytest.mark.parametrize(
    ("first", "second", "interval"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ],
)
def test_differences_are_those_of_newcombes_table(first, second, interval):
    """Newcombe 1998 (Statistics in Medicine 17, 873-890), table II, method 10."""
    found = difference_of_proportions(proportion(*first), proportion(*second))
    assert (found.low, found.high) == pytest.approx(interval, abs=6e-5)


def test_the_largest_gap_is_held_against_shuffled_groups():
    """One hit in two groups of two: every shuffle has that gap. All of 20 against none: hardly any has."""
    assert chance_of_gap([1, 0, 0, 0], list("aabb")) == 1.0
    assert chance_of_gap([1] * 20 + [0] * 20, ["a"] * 20 + ["b"] * 20, 2000) == pytest.approx(1 / 2001)
    assert chance_of_gap([1, 0], list("aa")) == 1.0


def test_the_chance_is_uniform_where_groups_do_not_matter():
    random = np.random.default_rng(1)
    groups = np.repeat(list("abcd"), 60)
    chances = [chance_of_gap(random.random(240) < 0.4, groups, 200, seed) for seed in range(100)]
    assert 0.35 < np.mean(chances) < 0.65 and np.mean(np.array(chances) <= 0.1) <= 0.2
