"""Plots of likelihood ratios as forensic readers know them: Tippett and empirical cross-entropy."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from unmask.evaluation.plot_style import COLUMN, FIRST, GREY, SECOND
from unmask.statistics.intervals import Scored
from unmask.statistics.likelihood_ratios import (
    calibration_loss,
    cllr,
    cllr_min,
    empirical_cross_entropy,
    log10_of_scores,
    pav,
    tippett,
)

PRIOR_ODDS = np.linspace(-2.5, 2.5, 201)
"""Log10 odds of fake to real at which the cross-entropy is drawn."""


def tippett_plot(scored: Scored, name: str) -> Figure:
    """Draw the shares of fakes and of reals whose likelihood ratio is at least a value.

    Parameters
    ----------
    scored
        Labels and calibrated scores, which stand for likelihood ratios; both classes present.
    name
        Of the set.
    """
    figure = Figure(figsize=(COLUMN, COLUMN * 0.9), layout="constrained")
    axes = figure.add_subplot()
    values, fakes, reals = tippett(scored.labels, log10_of_scores(scored.scores))
    for shares, label, colour, style in ((fakes, "fake", SECOND, "-"), (reals, "real", FIRST, "--")):
        # The share at least x falls behind each occurring ratio, down to nothing.
        axes.step(
            [values[0], *values, values[-1]], [1, *shares, 0], color=colour, linestyle=style, label=label
        )
    axes.axvline(0, color="black", linewidth=0.6, linestyle=":")
    axes.set(xlabel="log10 likelihood ratio", ylabel="share with at least this ratio", ylim=(-0.01, 1.01))
    axes.set_title(f"{name}, videos: Tippett plot")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def entropy_plot(scored: Scored, name: str) -> Figure:
    """Draw the empirical cross-entropy over prior odds: of the scores, after PAV, and without evidence.

    Parameters
    ----------
    scored, name
        As in `tippett_plot`.
    """
    figure = Figure(figsize=(COLUMN, COLUMN * 0.9), layout="constrained")
    axes = figure.add_subplot()
    labels, ratios = scored.labels, log10_of_scores(scored.scores)
    loss = calibration_loss(labels, ratios)
    curves = (
        (ratios, f"scores: Cllr {cllr(labels, ratios):.3f}, calibration loss {loss:.3f}", FIRST, "-"),
        (pav(labels, ratios), f"after PAV: Cllr min {cllr_min(labels, ratios):.3f}", SECOND, "--"),
        (np.zeros(len(ratios)), "no evidence (every ratio 1)", GREY, ":"),
    )
    for values, label, colour, style in curves:
        entropy = empirical_cross_entropy(labels, values, PRIOR_ODDS)
        axes.plot(PRIOR_ODDS, entropy, color=colour, linestyle=style, label=label)
    axes.set(xlabel="log10 prior odds of fake", ylabel="empirical cross-entropy (bits)", ylim=(0, None))
    axes.set_title(f"{name}, videos")
    figure.legend(loc="outside lower center")
    return figure
