import numpy as np
import pytest
from scipy import stats

from unmask.detectors import Calibration
from unmask.verdict import PlattScaling, logit_interval, sigmoid, t_quantile, trimmed_mean


@pytest.mark.parametrize("degrees", [4, 4.5, 6, 11, 30, 1e3, 1e7])
@pytest.mark.parametrize("probability", [0.5, 0.75, 0.9, 0.95, 0.975, 0.99])
def test_quantiles_are_scipys(degrees, probability):
    assert t_quantile(probability, degrees) == pytest.approx(
        stats.t.ppf(probability, degrees), rel=5e-3, abs=1e-12
    )


def direct_interval(values, within, between, level):
    """The formula once more, for fewer than 8 values (nothing is trimmed), with SciPy's quantiles."""
    n, d = len(values), len(values) - 1
    v = np.var(values, ddof=1) if n > 1 else 0.0
    pooled = (4 * within**2 + d * v) / (4 + d)
    error = np.sqrt(pooled / n + between**2)
    degrees = error**4 / ((pooled / n) ** 2 / (4 + d))
    return stats.t.interval(level, degrees, loc=np.mean(values), scale=error)


@pytest.mark.parametrize("values", [[0.4], [1.0, 1.0], [-2.0, 0.5, 1.5, 0.1, -0.3]])
@pytest.mark.parametrize(("within", "between"), [(1.0, 0.0), (0.4, 0.7)])
def test_interval_is_the_direct_formula(values, within, between):
    calibration = PlattScaling(within_sd=within, between_sd=between)
    interval = logit_interval(trimmed_mean(values), calibration, level=0.9)
    assert interval == pytest.approx(direct_interval(values, within, between, 0.9), rel=5e-3, abs=5e-3)


def test_more_frames_narrow_the_interval_down_to_the_spread_between_videos():
    values = np.random.default_rng(0).normal(size=4000)
    calibration = PlattScaling(between_sd=0.5)
    widths = []
    for count in (1, 4, 16, 4000):
        low, high = logit_interval(trimmed_mean(values[:count]), calibration)
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == pytest.approx(2 * stats.norm.ppf(0.95) * 0.5, rel=0.02)


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    calibration = PlattScaling(within_sd=1.0, between_sd=0.5)
    inside = 0
    for _ in range(2000):
        centre = rng.normal(0, 0.5)
        low, high = logit_interval(trimmed_mean(rng.normal(centre, 1.0, 8)), calibration, level=0.9)
        inside += low <= 0 <= high
    assert 0.87 <= inside / 2000 <= 0.94


def test_scores_are_platt_scaled():
    calibration = PlattScaling(slope=1.7, intercept=-0.4)
    for logit in (-800.0, -3.0, 0.0, 0.25, 900.0):
        with np.errstate(over="ignore"):
            expected = 1 / (1 + np.exp(-(np.float64(1.7) * logit - 0.4)))
        assert calibration.score(logit) == pytest.approx(expected)
    assert sigmoid(0.0) == 0.5


def test_card_values_are_read_and_the_missing_have_defaults():
    sparse = Calibration(slope=2.0, intercept=0.1)
    assert sparse.platt_scaling() == PlattScaling(2.0, 0.1, within_sd=0.5, between_sd=0.0)
    full = Calibration(slope=2.0, intercept=0.1, within_sd=0.3, between_sd=0.2, prior=0.5)
    assert full.platt_scaling() == PlattScaling(2.0, 0.1, 0.3, 0.2)


@pytest.mark.parametrize(
    "values", [{"slope": 0}, {"slope": -1}, {"intercept": np.nan}, {"between_sd": -1}, {"within_sd": 0}]
)
def test_senseless_calibrations_are_refused(values):
    with pytest.raises(ValueError, match="calibration"):
        PlattScaling(**values)
