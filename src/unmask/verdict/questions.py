"""Opinions on several questions, and the one verdict of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.verdict.gates import Reason
from unmask.verdict.judge import FileJudgement, Rule, Verdict, at_prior_odds, decide

QUESTIONS_GATE = "questions"
"""Name of the reason for which one opinion among several is not enough for a verdict."""


@dataclass(frozen=True)
class Summary:
    """What several opinions on one file come to.

    Parameters
    ----------
    verdict, score, interval, reasons
        As of a `FileJudgement`.
    opinion
        Position of the opinion that they rest on.
    """

    verdict: Verdict
    score: float
    interval: tuple[float, float]
    reasons: tuple[Reason, ...]
    opinion: int


def sum_up(opinions: Sequence[tuple[FileJudgement, Rule]]) -> Summary:
    """Return the strongest statement of several opinions.

    A file is fake in one of the ways that were asked for, or real, at even prior odds: the odds that the detectors
    count on are scaled to add up to 1. The file is likely fake if an opinion says so at these odds; else
    inconclusive if an opinion is not ``likely_real`` by itself; else likely real. It rests on the highest score among
    the opinions that say so. Scores of different questions are never averaged. A single opinion is returned as it is.

    Parameters
    ----------
    opinions
        Judgement and rule of each detector that found something to judge. Two detectors of one question count as two.

    Raises
    ------
    ValueError
        Without opinions.
    """
    if not opinions:
        raise ValueError("a file without an opinion has no verdict")
    if len(opinions) == 1:
        only = opinions[0][0]
        return Summary(only.verdict, only.score, only.interval, only.reasons, 0)
    odds = 1 / max(1.0, sum(rule.prior_odds for _, rule in opinions))  # Never raised.
    lowered = [_at_odds(judgement, odds) for judgement, _ in opinions]
    fake = [
        number
        for number, (judgement, rule) in enumerate(opinions)
        if judgement.verdict == "likely_fake" and decide(*lowered[number], rule) == "likely_fake"
    ]
    unclear = [number for number, (judgement, _) in enumerate(opinions) if judgement.verdict != "likely_real"]
    verdict: Verdict = "likely_fake" if fake else "inconclusive" if unclear else "likely_real"
    decisive = max(fake or unclear or range(len(opinions)), key=lambda number: lowered[number][0])
    judgement = opinions[decisive][0]
    reasons = judgement.reasons
    if verdict == "inconclusive" and judgement.verdict == "likely_fake":
        text = f"likely fake by itself, but not at the prior odds of one of {len(opinions)} questions"
        reasons = (Reason(QUESTIONS_GATE, "abstains", text), *reasons)
    return Summary(verdict, *lowered[decisive], reasons, decisive)


def _at_odds(judgement: FileJudgement, odds: float) -> tuple[float, tuple[float, float]]:
    low, high = judgement.interval
    return at_prior_odds(judgement.score, odds), (at_prior_odds(low, odds), at_prior_odds(high, odds))
