import numpy as np
import pytest
from scipy import stats

from unmask.verdict import trimmed_mean


@pytest.mark.parametrize("count", [1, 2, 7, 8, 15, 16, 40])
def test_mean_is_scipys_trimmed_mean(count):
    values = np.random.default_rng(count).standard_t(2, count)
    assert trimmed_mean(values).mean == pytest.approx(stats.trim_mean(values, 0.125))


@pytest.mark.parametrize("count", [8, 16, 40])
def test_standard_error_is_that_of_the_winsorised_values(count):
    values = np.random.default_rng(count).normal(size=count)
    mean = trimmed_mean(values)
    reference = stats.mstats.trimmed_stde(values, limits=(0.125, 0.125), inclusive=(True, True))
    assert np.sqrt(mean.variance / mean.count) == pytest.approx(float(reference))
    assert mean.degrees == count - 2 * (count // 8) - 1


def test_few_values_are_averaged_as_they_are():
    mean = trimmed_mean([1.0, 2.0, 6.0])
    assert mean.mean == 3.0
    assert mean.variance == pytest.approx(np.var([1, 2, 6], ddof=1))


def test_one_wild_frame_does_not_move_the_mean():
    calm = [-2.0, -2.1, -1.9, -2.0, -2.2, -1.8, -2.0]
    assert trimmed_mean([*calm, 50.0]).mean == pytest.approx(-2.0, abs=0.05)


def test_one_value_has_no_variance_of_its_own():
    mean = trimmed_mean([0.7])
    assert (mean.mean, mean.variance, mean.count, mean.degrees) == (0.7, 0.0, 1, 0)


@pytest.mark.parametrize("values", [[], [np.nan], [1.0, np.inf]])
def test_nothing_to_average_is_an_error(values):
    with pytest.raises(ValueError, match="finite"):
        trimmed_mean(values)


def test_trim_must_leave_something():
    with pytest.raises(ValueError, match="trim"):
        trimmed_mean([1.0, 2.0], trim=0.5)
