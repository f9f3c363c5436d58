"""From frame scores to tracks to one calibrated verdict a file, with abstaining."""

from unmask.verdict.aggregate import TrimmedMean, trimmed_mean
from unmask.verdict.calibration import PlattScaling, sigmoid
from unmask.verdict.card_gates import GATES, OUTLIER, UNFAMILIAR, gates_of, outlier_gate, unfamiliar_gate
from unmask.verdict.gates import Gate, Reason, TrackUncertainty, Uncertainty, examine, track_uncertainty
from unmask.verdict.interval import logit_interval, t_quantile
from unmask.verdict.judge import (
    EARLY_STOP_LEVEL,
    FileJudgement,
    Rule,
    TrackJudgement,
    Verdict,
    at_prior_odds,
    can_stop_early,
    cut_off_reason,
    decide,
    frames_needed,
    is_cut_off,
    judge_file,
    judge_track,
    per_face_prior_odds,
    rule_of,
)
from unmask.verdict.likelihood import (
    LikelihoodRatio,
    LikelihoodScale,
    likelihood_scale,
    support_in_words,
)
from unmask.verdict.questions import Summary, sum_up
from unmask.verdict.stability import REENCODINGS, STABILITY, shift_variance

__all__ = [
    "EARLY_STOP_LEVEL",
    "GATES",
    "OUTLIER",
    "REENCODINGS",
    "STABILITY",
    "UNFAMILIAR",
    "FileJudgement",
    "Gate",
    "LikelihoodRatio",
    "LikelihoodScale",
    "PlattScaling",
    "Reason",
    "Rule",
    "Summary",
    "TrackJudgement",
    "TrackUncertainty",
    "TrimmedMean",
    "Uncertainty",
    "Verdict",
    "at_prior_odds",
    "can_stop_early",
    "cut_off_reason",
    "decide",
    "examine",
    "frames_needed",
    "gates_of",
    "is_cut_off",
    "judge_file",
    "judge_track",
    "likelihood_scale",
    "logit_interval",
    "outlier_gate",
    "per_face_prior_odds",
    "rule_of",
    "shift_variance",
    "sigmoid",
    "sum_up",
    "support_in_words",
    "t_quantile",
    "track_uncertainty",
    "trimmed_mean",
    "unfamiliar_gate",
]
