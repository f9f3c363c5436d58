"""How far a mean logit may be off: an interval that is honest about few frames."""

from __future__ import annotations

import math
from statistics import NormalDist

from unmask.verdict.aggregate import TrimmedMean
from unmask.verdict.calibration import PlattScaling

LEVEL = 0.90
PRIOR_DEGREES = 4


def logit_interval(
    mean: TrimmedMean,
    calibration: PlattScaling,
    level: float = LEVEL,
    added: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float]:
    """Return the interval of a mean logit at the given level, (low, high) in logits.

    The frames' own variance v (d degrees of freedom) is pooled with the expected one, w = within_sd^2,
    which counts as 4 degrees of freedom, so that one frame has an interval too and two that happen to agree
    do not look certain:

        v' = (4 w + d v) / (4 + d)                  pooled variance of a frame, 4 + d degrees of freedom
        e^2 = v' / n + between_sd^2                 squared standard error of the video's mean
        f = (4 + d) (e^2 / (v' / n))^2              degrees of freedom of e (Welch 1947, Satterthwaite 1946)
        interval = mean -+ t(f, (1 + level) / 2) sqrt(e^2 + added)

    Parameters
    ----------
    mean
        Of the frames' logits.
    calibration
        Of the detector.
    level
        In (0, 1).
    added
        Variances that the quality of the faces adds below and above, in squared calibrated log-odds. They have no part
        in f, so that the interval never narrows by them.
    """
    degrees = PRIOR_DEGREES + mean.degrees
    pooled = (PRIOR_DEGREES * calibration.within_sd**2 + mean.degrees * mean.variance) / degrees
    of_mean = pooled / mean.count
    squared_error = of_mean + calibration.between_sd**2
    effective = degrees * (squared_error / of_mean) ** 2
    quantile = t_quantile((1 + level) / 2, effective)
    below, above = (math.sqrt(squared_error + part / calibration.slope**2) for part in added)
    return mean.mean - quantile * below, mean.mean + quantile * above


def t_quantile(probability: float, degrees: float) -> float:
    """Return the quantile of Student's t, by the expansion of Abramowitz and Stegun 26.7.5.

    It spares the core a dependency on SciPy.

    Parameters
    ----------
    probability
        From 0.5 to 0.99.
    degrees
        Degrees of freedom, a positive real number; from 4 on the result is within 0.5 % of the exact value.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / degrees**power for power, term in enumerate(terms, start=1))
