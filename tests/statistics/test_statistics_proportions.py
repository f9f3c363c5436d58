import pytest

from unmask.statistics.proportions import wilson_interval


@pytest.mark.parametrize(("hits", "items"), [(0, 1), (0, 40), (3, 8), (150, 1330), (7, 7)])
def test_the_interval_is_scipys(hits, items):
    stats = pytest.importorskip("scipy.stats")
    wanted = stats.binomtest(hits, items).proportion_ci(method="wilson")
    assert wilson_interval(hits / items, items) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


@pytest.mark.parametrize(("share", "items"), [(-0.1, 5), (1.1, 5), (0.5, 0)])
def test_what_is_no_proportion_is_refused(share, items):
    with pytest.raises(ValueError, match="share"):
        wilson_interval(share, items)
