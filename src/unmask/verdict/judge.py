"""Tracks and files: their scores, their intervals and what may be said about them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from unmask.verdict.aggregate import trimmed_mean
from unmask.verdict.calibration import PlattScaling
from unmask.verdict.card_gates import GATES, SMALL, gates_of
from unmask.verdict.gates import Gate, Reason, Uncertainty, track_uncertainty
from unmask.verdict.interval import logit_interval
from unmask.verdict.stability import flip_reason, shift_variance, spread_reason

T = TypeVar("T")

Verdict = Literal["likely_real", "likely_fake", "inconclusive"]
EARLY_STOP_LEVEL = 0.98
CUT_OFF = "cut off"
"""Name of the reason for which a face that the picture's edge cuts off is set aside."""
CUT_OFF_FROM = 0.1
"""Share of the square around a face beyond the picture's edge from which it counts as cut off."""


@dataclass(frozen=True)
class Rule:
    """What a detector's card lays down for verdicts.

    Parameters
    ----------
    threshold
        Calibrated score that separates real from fake.
    band
        (low, high), low <= threshold <= high; calibrated scores inside it are inconclusive.
    gates
        What makes its faces hard to judge.
    prior_odds
        Manipulated to not manipulated, which its scores count on.
    """

    calibration: PlattScaling
    threshold: float = 0.5
    band: tuple[float, float] = (0.5, 0.5)
    gates: tuple[Gate, ...] = GATES
    prior_odds: float = 1.0

    def __post_init__(self) -> None:
        low, high = self.band
        if not 0 <= low <= self.threshold <= high <= 1:
            raise ValueError(
                f"needs 0 <= band low <= threshold <= band high <= 1, not {self.band}, {self.threshold}"
            )


def rule_of(card: Any) -> Rule:
    """Return the rule of a detector's card.

    Parameters
    ----------
    card
        An `unmask.detectors.Card`, which this room does not import.
    """
    prior = card.calibration.prior or 0.5
    return Rule(
        card.calibration.platt_scaling(), card.threshold, card.band, gates_of(card), prior / (1 - prior)
    )


@dataclass(frozen=True)
class TrackJudgement:
    """What the scored frames of one face add up to.

    Parameters
    ----------
    score, interval
        Calibrated, in [0, 1].
    frames
        Number of scored frames.
    reasons
        What widens the interval.
    abstains
        Whether the picture of the face is too poor to be judged.
    reencoded
        Its score after each re-encoding, where it was scored again.
    cut_off
        Whether the picture's edge cuts it off.
    """

    score: float
    interval: tuple[float, float]
    frames: int
    reasons: tuple[Reason, ...] = ()
    abstains: bool = False
    reencoded: Mapping[str, float] = field(default_factory=dict)
    cut_off: bool = False


@dataclass(frozen=True)
class FileJudgement:
    """A file's verdict, score and interval.

    Parameters
    ----------
    track
        Position of the track that they rest on.
    reasons
        What widens the interval; an inconclusive verdict has at least one that says why.
    reencoded
        The file's score after each re-encoding, where that track was scored again.
    set_aside
        Positions of the tracks that have no part in it because the picture's edge cuts them off, and others not.
    """

    verdict: Verdict
    score: float
    interval: tuple[float, float]
    track: int
    reasons: tuple[Reason, ...] = ()
    reencoded: Mapping[str, float] = field(default_factory=dict)
    set_aside: tuple[int, ...] = ()

    def counting(self, tracks: Sequence[T]) -> list[T]:
        """Return those that were not set aside.

        Parameters
        ----------
        tracks
            One thing for each track, in the order in which they were judged.
        """
        return [one for place, one in enumerate(tracks) if place not in self.set_aside]


def judge_track(
    logits: ArrayLike,
    rule: Rule,
    uncertainties: Sequence[Uncertainty] = (),
    shifts: Mapping[str, float] | None = None,
) -> TrackJudgement:
    """Average one face's frame logits robustly and calibrate the mean.

    Parameters
    ----------
    logits
        (n,), raw, of the track's scored frames, n >= 1.
    rule
        Of the detector.
    uncertainties
        What the gates say of the same frames; they widen the interval and leave the score alone.
    shifts
        Of the mean logit, by re-encoding; these widen the interval as well.
    """
    mean = trimmed_mean(logits)
    together = track_uncertainty(uncertainties)
    shifts = shifts or {}
    moved = shift_variance(shifts, rule.calibration)
    variances = together.variance_down + moved, together.variance_up + moved
    low, high = logit_interval(mean, rule.calibration, added=variances)
    score = rule.calibration.score
    reencoded = {name: score(mean.mean + shift) for name, shift in shifts.items()}
    reasons = (*together.reasons, spread_reason(reencoded)) if reencoded else together.reasons
    return TrackJudgement(
        score(mean.mean), (score(low), score(high)), mean.count, reasons, together.abstains, reencoded
    )


def judge_file(tracks: Sequence[TrackJudgement], frames_sampled: int, rule: Rule) -> FileJudgement:
    """Judge a file by its most suspicious face that was seen well enough.

    Well enough means in at least ``frames_needed(frames_sampled)`` scored frames; when no face was, the faces seen most
    often stand in. A face too small to be judged, such as a bystander's, has no part in it beside one that is judged,
    nor one that the picture's edge cuts off beside one that is whole.
    The odds are lowered for the number of such faces, ``per_face_prior_odds``. A verdict that a re-encoding would take
    across the threshold becomes inconclusive.

    Parameters
    ----------
    tracks
        Of the file.
    frames_sampled
        Number of frames in which they were searched.
    rule
        Of the detector.

    Raises
    ------
    ValueError
        There is no track.
    """
    if not tracks:
        raise ValueError("a file without a scored track has no verdict")
    needed = min(frames_needed(frames_sampled), max(track.frames for track in tracks))
    seen = [position for position, track in enumerate(tracks) if track.frames >= needed]
    seen = [position for position in seen if not _is_too_small(tracks[position])] or seen
    whole = [position for position in seen if not tracks[position].cut_off] or seen
    set_aside, seen = tuple(sorted(set(seen) - set(whole))), whole
    worst = max(seen, key=lambda position: tracks[position].score)
    odds = per_face_prior_odds(len(seen))
    score = at_prior_odds(tracks[worst].score, odds)
    interval = (
        at_prior_odds(tracks[worst].interval[0], odds),
        at_prior_odds(tracks[worst].interval[1], odds),
    )
    verdict: Verdict = "inconclusive" if tracks[worst].abstains else decide(score, interval, rule)
    reasons = tracks[worst].reasons
    if verdict == "inconclusive" and not tracks[worst].abstains:
        reasons = (_why_inconclusive(score, interval, rule), *reasons)
    reencoded = {name: at_prior_odds(value, odds) for name, value in tracks[worst].reencoded.items()}
    fake = score >= rule.threshold
    if flipped := {name: value for name, value in reencoded.items() if (value >= rule.threshold) != fake}:
        verdict, reasons = "inconclusive", (flip_reason(flipped), *reasons)
    return FileJudgement(verdict, score, interval, worst, reasons, reencoded, set_aside)


def is_cut_off(outside_shares: Sequence[float]) -> bool:
    """Return whether the picture's edge cuts a face off on more than half of its frames.

    Parameters
    ----------
    outside_shares
        One for each scored frame: how much of the square around its box lies beyond the edge, in [0, 1]; NaN where
        this was not measured.
    """
    return 2 * sum(share > CUT_OFF_FROM for share in outside_shares) > len(outside_shares)


def cut_off_reason() -> Reason:
    """Return why a face that the picture's edge cuts off has no part in the verdict."""
    return Reason(CUT_OFF, "sets_aside", "the picture's edge cuts the face off, and other faces are whole")


def _is_too_small(track: TrackJudgement) -> bool:
    return track.abstains and any(
        reason.gate == SMALL and reason.effect == "abstains" for reason in track.reasons
    )


def _why_inconclusive(score: float, interval: tuple[float, float], rule: Rule) -> Reason:
    """Return why `decide` found a score with its interval inconclusive."""
    low, high = rule.band
    if low < score < high:
        text = f"a score between {_percent(low)} and {_percent(high)} is wrong too often for a verdict"
        return Reason("band", "abstains", text)
    low, high = interval
    text = (
        f"the interval from {_percent(low)} to {_percent(high)} lies on both sides of "
        f"the threshold of {_percent(rule.threshold)}"
    )
    return Reason("interval", "abstains", text)


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def per_face_prior_odds(faces: int) -> float:
    """Return the prior odds of one face at which a file of so many faces is manipulated as likely as not.

    Scores are calibrated at even odds for one face. When any of k faces may be the manipulated one, independently
    and with probability p each, 1 - (1 - p)^k = 1/2 gives p = 1 - 2^(-1/k), and odds of 2^(1/k) - 1: 1 for one face,
    0.41 for two, 0.07 for ten.

    Parameters
    ----------
    faces
        k >= 1.
    """
    return float(2 ** (1 / faces) - 1)


def at_prior_odds(score: float, odds: float) -> float:
    """Return what a probability becomes at other prior odds (Bayes).

    Parameters
    ----------
    score
        Probability at even prior odds.
    odds
        Above 0.
    """
    return odds * score / (odds * score + (1 - score))


def frames_needed(frames_sampled: int) -> int:
    """Return the number of scored frames from which a face counts: a quarter of the sampled, 1 to 3.

    Parameters
    ----------
    frames_sampled
        Number of frames.
    """
    return max(1, min(3, math.ceil(frames_sampled / 4)))


def decide(score: float, interval: tuple[float, float], rule: Rule) -> Verdict:
    """Return what a score with its interval allows to be said.

    A verdict needs both: the score outside the card's band, and the whole interval on the score's side of the
    threshold. Everything else is inconclusive.

    Parameters
    ----------
    score, interval
        Calibrated.
    rule
        Of the detector.
    """
    low, high = interval
    if score >= rule.band[1] and low >= rule.threshold:
        return "likely_fake"
    if score <= rule.band[0] and high < rule.threshold:
        return "likely_real"
    return "inconclusive"


def can_stop_early(logits: ArrayLike, rule: Rule, *, fake: bool, level: float = EARLY_STOP_LEVEL) -> bool:
    """Return whether one face's frames settle a verdict, so that more frames of the same kind would hardly change it.

    None of them speaks against it, and the interval of their mean at this level lies on one side of the threshold. The
    level is stricter than a verdict's, because repeated testing inflates the error rate (Pocock 1977).

    Parameters
    ----------
    logits
        (n,), raw, of the scored frames, n >= 1.
    rule
        Of the detector.
    fake
        Which of the two verdicts.
    level
        In (0, 1).
    """
    # What all frames of a video are off by together no further frame takes away.
    of_frames = replace(rule.calibration, between_sd=0.0)
    low, high = logit_interval(trimmed_mean(logits), of_frames, level)
    values = np.asarray(logits, dtype=np.float64).ravel()
    nearest = min(low, values.min()) if fake else max(high, values.max())
    return (rule.calibration.score(float(nearest)) >= rule.threshold) == fake
