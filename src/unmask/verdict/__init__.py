"""From frame scores to tracks to one calibrated verdict a file, with abstaining."""

from unmask.verdict.aggregate import TrimmedMean, trimmed_mean
from unmask.verdict.calibration import Calibration, sigmoid
from unmask.verdict.interval import logit_interval, t_quantile
from unmask.verdict.judge import (
    FileJudgement,
    Rule,
    TrackJudgement,
    Verdict,
    at_odds,
    decide,
    even_file_odds,
    frames_needed,
    judge_file,
    judge_track,
    rule_of,
)

__all__ = [
    "Calibration",
    "FileJudgement",
    "Rule",
    "TrackJudgement",
    "TrimmedMean",
    "Verdict",
    "at_odds",
    "decide",
    "even_file_odds",
    "frames_needed",
    "judge_file",
    "judge_track",
    "logit_interval",
    "rule_of",
    "sigmoid",
    "t_quantile",
    "trimmed_mean",
]
