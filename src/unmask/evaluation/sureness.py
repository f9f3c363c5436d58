"""How sure the verdict on each video (or single face) is, without the quality gates and with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.hard_faces import Faces
from unmask.statistics.metrics import Floats, Labels
from unmask.verdict import Gate, Rule, TrackJudgement, Uncertainty, examine, judge_file, judge_track

_REFUSED = 1e6  # Below every confidence that is not refused, in the same order.


@dataclass(frozen=True)
class Judged:
    """N items judged twice.

    without, with_gates : (N,) distance of the score from the threshold, in widths of the interval towards it and in
    log-odds; refused items come last. wrong : (N,) whether the score is on the wrong side. decided_without, decided
    : (N,) whether the verdict is not inconclusive.
    """

    label: Labels
    cluster: NDArray[np.str_]
    wrong: NDArray[np.bool_]
    without: Floats
    with_gates: Floats
    decided_without: NDArray[np.bool_]
    decided: NDArray[np.bool_]


def judge_faces(faces: Faces, rule: Rule, widths: Sequence[Sequence[Gate]], *, videos: bool) -> Judged:
    """Judge single faces or, with ``videos``, all faces of a video together, as a scan judges a face's track.

    widths : the gates of each face (N rows): out of fold they differ.
    """
    doubts = [examine(row, gates) for row, gates in zip(faces.rows(), widths, strict=True)]
    keys = faces.video if videos else np.arange(len(faces)).astype(str)
    rows: dict[str, list[int]] = {}
    for position, key in enumerate(keys.tolist()):
        rows.setdefault(key, []).append(position)
    items = [_judge(faces.logit[members], [doubts[m] for m in members], rule) for members in rows.values()]
    first = np.array([members[0] for members in rows.values()])
    called, without, with_gates, decided_without, decided = (
        np.array(column) for column in zip(*items, strict=True)
    )
    label = faces.label[first]
    return Judged(
        label, faces.cluster[first], called != (label == 1), without, with_gates, decided_without, decided
    )


def _judge(logits: Floats, doubts: list[Uncertainty], rule: Rule) -> tuple[bool, float, float, bool, bool]:
    plain, gated = judge_track(logits, rule), judge_track(logits, rule, doubts)
    sure = _margin(gated, rule) - (_REFUSED if gated.abstains else 0.0)
    verdicts = [judge_file([track], plain.frames, rule).verdict for track in (plain, gated)]
    called = plain.score >= rule.threshold
    return called, _margin(plain, rule), sure, verdicts[0] != "inconclusive", verdicts[1] != "inconclusive"


def _margin(track: TrackJudgement, rule: Rule) -> float:
    score, threshold = _log_odds(track.score), _log_odds(rule.threshold)
    end = _log_odds(track.interval[0] if score >= threshold else track.interval[1])
    return abs(score - threshold) / max(abs(end - score), 1e-9)


def _log_odds(probability: float) -> float:
    inside = min(1 - 1e-12, max(1e-12, probability))
    return math.log(inside / (1 - inside))
