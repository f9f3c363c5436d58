"""How sure the verdict on each video (or single face) is, without the quality gates and with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.gating.labelled_faces import LabelledFaces
from unmask.statistics.metrics import Floats, Labels
from unmask.statistics.risk_coverage import margin
from unmask.verdict import Gate, Rule, TrackJudgement, examine, judge_file, judge_track


@dataclass(frozen=True)
class JudgedItems:
    """N videos or faces, judged without the gates and with them.

    Parameters
    ----------
    label
        (N,) 0 real or 1 fake.
    cluster
        (N,) what is resampled as a whole.
    wrong
        (N,) whether the score is on the wrong side of the threshold.
    margin_without_gates, margin
        (N,) see `risk_coverage.margin`.
    is_conclusive_without_gates, is_conclusive
        (N,) whether there is a verdict.
    """

    label: Labels
    cluster: NDArray[np.str_]
    wrong: NDArray[np.bool_]
    margin_without_gates: Floats
    margin: Floats
    is_conclusive_without_gates: NDArray[np.bool_]
    is_conclusive: NDArray[np.bool_]


def judge_faces(
    faces: LabelledFaces, rule: Rule, gates: Sequence[Sequence[Gate]], *, videos: bool
) -> JudgedItems:
    """Judge faces as a scan judges a face's track.

    Parameters
    ----------
    faces
        N faces.
    rule
        The detector's calibration, threshold and band.
    gates
        (N,) the gates for each face: out of fold they differ.
    videos
        Whether all faces of a video are judged together.
    """
    uncertainties = [examine(row, own) for row, own in zip(faces.rows(), gates, strict=True)]
    keys = faces.video if videos else np.arange(len(faces)).astype(str)
    rows: dict[str, list[int]] = {}
    for position, key in enumerate(keys.tolist()):
        rows.setdefault(key, []).append(position)
    plain = [judge_track(faces.logit[members], rule) for members in rows.values()]
    gated = [
        judge_track(faces.logit[members], rule, [uncertainties[m] for m in members])
        for members in rows.values()
    ]
    first = np.array([members[0] for members in rows.values()])
    called = np.array([track.score >= rule.threshold for track in plain])
    return JudgedItems(
        faces.label[first],
        faces.cluster[first],
        called != (faces.label[first] == 1),
        np.array([_margin(track, rule) for track in plain]),
        np.array([_margin(track, rule) for track in gated]),
        np.array([_is_conclusive(track, rule) for track in plain]),
        np.array([_is_conclusive(track, rule) for track in gated]),
    )


def _margin(track: TrackJudgement, rule: Rule) -> float:
    return margin(track.score, track.interval, rule.threshold, rejected=track.abstains)


def _is_conclusive(track: TrackJudgement, rule: Rule) -> bool:
    return judge_file([track], track.frames, rule).verdict != "inconclusive"
