"""From frame scores to tracks to one calibrated verdict a file, with abstaining."""

from unmask.verdict.aggregate import TrimmedMean, trimmed_mean
from unmask.verdict.calibration import Calibration, sigmoid
from unmask.verdict.gates import (
    GATES,
    OUTLIER,
    Doubt,
    Gate,
    Reason,
    TrackDoubt,
    examine,
    gates_of,
    outlier_gate,
    track_doubt,
)
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
    settles,
    why_inconclusive,
)

__all__ = [
    "GATES",
    "OUTLIER",
    "Calibration",
    "Doubt",
    "FileJudgement",
    "Gate",
    "Reason",
    "Rule",
    "TrackDoubt",
    "TrackJudgement",
    "TrimmedMean",
    "Verdict",
    "at_odds",
    "decide",
    "even_file_odds",
    "examine",
    "frames_needed",
    "gates_of",
    "judge_file",
    "judge_track",
    "logit_interval",
    "outlier_gate",
    "rule_of",
    "settles",
    "sigmoid",
    "t_quantile",
    "track_doubt",
    "trimmed_mean",
    "why_inconclusive",
]
