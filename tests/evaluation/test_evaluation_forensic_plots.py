"""What the plots of likelihood ratios draw, against counting and the costs."""

import numpy as np
import pytest

from unmask.evaluation.forensic_plots import entropy_plot, tippett_plot
from unmask.statistics.intervals import Scored
from unmask.statistics.likelihood_ratios import cllr, cllr_min, log10_of_scores


@pytest.fixture
def scored():
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    logits = random.normal(2.0 * labels - 1, 1.5)
    return Scored(labels, logits, 1 / (1 + np.exp(-logits)), 0.5)


def lines(figure):
    return {line.get_label(): np.array(line.get_data()) for line in figure.axes[0].lines}


def test_tippett_curves_count_the_files_at_or_above_a_ratio(scored):
    ratios = log10_of_scores(scored.scores)
    for label, name in enumerate(("real", "fake")):
        x, y = lines(tippett_plot(scored, "set"))[name]
        assert (y[0], y[-1]) == (1, 0) and np.all(np.diff(x) >= 0)
        for place in (1, 20, 45):
            assert y[place] == pytest.approx(np.mean(ratios[scored.labels == label] >= x[place]))


def test_cross_entropy_at_even_odds_is_the_cost(scored):
    ratios = log10_of_scores(scored.scores)
    own, best, without = lines(entropy_plot(scored, "set")).values()
    even = np.argmin(np.abs(own[0]))
    assert own[0, even] == 0
    assert own[1, even] == pytest.approx(cllr(scored.labels, ratios))
    assert best[1, even] == pytest.approx(cllr_min(scored.labels, ratios))
    assert without[1, even] == pytest.approx(1)
    assert np.all(best[1] <= own[1] + 1e-12)
