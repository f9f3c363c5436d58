"""From scored subjects to opinions, and from opinions to the file's result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from unmask.detectors import RECONSTRUCTION_ERROR
from unmask.report import (
    Attribution,
    DetectorInfo,
    FrameScore,
    Measure,
    Opinion,
    ScanResult,
    Stability,
    TrackScore,
    Window,
)
from unmask.report import Subject as ReportedSubject
from unmask.verdict import (
    FileJudgement,
    LikelihoodRatio,
    Rule,
    TrackJudgement,
    can_stop_early,
    cut_off_reason,
    examine,
    is_cut_off,
    judge_file,
    judge_track,
    likelihood_scale,
    rule_of,
    sum_up,
)

if TYPE_CHECKING:
    from unmask.detectors import Card
    from unmask.detectors.prototypes import Prototypes
    from unmask.evidence import Subject
    from unmask.scanning.observations import Observations
    from unmask.scanning.stability import Rescored
    from unmask.scanning.unit_scoring import ScoredUnit

NOTHING_TO_JUDGE = {
    "face": "no face",
    "frame": "no picture",
    "face_clip": "no face that stays through a burst of frames",
    "audio": "no sound",
}
"""What a detector did not find, by the unit that it reads."""


@dataclass(frozen=True, eq=False)
class Answer:
    """All that one detector was shown of a file, and what it says.

    Parameters
    ----------
    card
        The detector's.
    subjects
        What its units are about.
    scored
        Their units, in the order of the subjects.
    moments
        Number of sampled moments.
    rescored
        The face that it rests on after re-encodings; None where none was scored again.
    prototypes
        Of the kinds of manipulation that the detector tells apart; None where it tells none.
    """

    card: Card
    subjects: Sequence[Subject]
    scored: Sequence[Sequence[ScoredUnit]]
    moments: int
    rescored: Rescored | None = None
    prototypes: Prototypes | None = None

    def judged(self) -> tuple[list[TrackJudgement], FileJudgement]:
        """Judge each subject, and the file by them, on the units that are scored; there is at least one subject."""
        rule = rule_of(self.card)
        judged = [_judged(units, rule) for units in self.scored]
        verdict = judge_file(judged, self.moments, rule)
        if self.rescored is not None:
            # Re-encodings move no score, so the verdict rests on the same face as without them.
            judged[verdict.track] = _judged(self.scored[verdict.track], rule, self.rescored.shifts)
            verdict = judge_file(judged, self.moments, rule)
        for aside in verdict.set_aside:
            judged[aside] = replace(judged[aside], reasons=(cut_off_reason(), *judged[aside].reasons))
        return judged, verdict

    def can_stop(self) -> bool:
        """Return whether there is a verdict, and each subject that it rests on is clear of it; all are scored."""
        rule = rule_of(self.card)
        _, verdict = self.judged()
        if verdict.verdict == "inconclusive":
            return False
        fake = verdict.verdict == "likely_fake"
        resting = [self.scored[verdict.track]] if fake else verdict.counting(self.scored)
        return all(can_stop_early([unit.logit for unit in units], rule, fake=fake) for units in resting)


def conclude(path: str, seen: Observations, answers: Sequence[Answer]) -> ScanResult:
    """Return the file's result, without evidence and seconds.

    The first detector's name and faces stand at the top; verdict, score and interval there sum up all opinions.

    Parameters
    ----------
    path
        Of the file.
    seen
        All of the file.
    answers
        One a detector.
    """
    details = seen.details()
    opinions: list[Opinion] = []
    verdicts: list[tuple[int, FileJudgement, Rule]] = []
    tracks: tuple[TrackScore, ...] = ()
    for number, answer in enumerate(answers):
        if not answer.subjects:
            opinions.append(Opinion(answer.card.question, detector_info(answer.card)))
            if number > 0 or answer.card.input.unit != "face":
                details.append(f"{answer.card.name} found {_missing(answer.card, seen)} to judge")
            continue
        judged, verdict = answer.judged()
        opinions.append(_opinion(answer, judged, verdict))
        verdicts.append((number, verdict, rule_of(answer.card)))
        if number == 0 and answer.subjects[0].kind == "face":
            tracks = _tracks(answer, judged)
    result = ScanResult(
        path=path,
        kind=seen.info.kind,
        status="no_face",
        detector=detector_info(answers[0].card),
        detail="; ".join(details) or None,
        coverage=seen.coverage(),
        provenance=seen.marks,
    )
    if not verdicts:
        return replace(result, opinions=tuple(opinions))
    summary = sum_up([(verdict, rule) for _, verdict, rule in verdicts])
    decisive, verdict, _ = verdicts[summary.opinion]
    return replace(
        result,
        status="ok",
        verdict=summary.verdict,
        score=summary.score,
        interval=summary.interval,
        reasons=summary.reasons,
        tracks=tracks,
        decisive_track=verdict.track if decisive == 0 and tracks else None,
        opinions=tuple(opinions),
    )


def _missing(card: Card, seen: Observations) -> str:
    """Return what a detector did not find: of an image a video, of a silent video sound, where it reads these."""
    reads_sound = getattr(card.input, "audio", None) is not None
    if reads_sound and seen.info.kind == "video" and seen.info.audio is None:
        return NOTHING_TO_JUDGE["audio"]
    if card.input.unit == "face_clip" and seen.info.kind == "image":
        return "no video"
    return NOTHING_TO_JUDGE[card.input.unit]


def detector_info(card: Card) -> DetectorInfo:
    """Return the part of a card that results have.

    Parameters
    ----------
    card
        Of the detector.
    """
    return DetectorInfo(**{part.name: getattr(card, part.name) for part in fields(DetectorInfo)})


def _judged(
    units: Sequence[ScoredUnit], rule: Rule, shifts: Mapping[str, float] | None = None
) -> TrackJudgement:
    """Judge one subject on its scored units."""
    some = [unit for unit in units if unit.prediction]
    gated = [examine(unit.measures, rule.gates) for unit in some]
    judgement = judge_track([unit.logit for unit in some], rule, gated, shifts)
    outside = [unit.measures.get("outside_share", math.nan) for unit in some]
    return replace(judgement, cut_off=is_cut_off(outside))


def _opinion(answer: Answer, judged: Sequence[TrackJudgement], verdict: FileJudgement) -> Opinion:
    return Opinion(
        answer.card.question,
        detector_info(answer.card),
        verdict.verdict,
        verdict.score,
        verdict.interval,
        verdict.reasons,
        tuple(
            _subject(subject, judgement, windows_of(units, answer.card))
            for subject, judgement, units in zip(answer.subjects, judged, answer.scored, strict=True)
        ),
        verdict.track,
        _likelihood_ratio(answer.card, verdict.counting(judged)),
        _stability(answer, verdict),
        _attribution(answer, verdict),
    )


def _stability(answer: Answer, verdict: FileJudgement) -> Stability | None:
    if answer.rescored is None:
        return None
    from unmask.scanning.stability import stability_of

    return stability_of(answer.card, answer.rescored, verdict)


def _attribution(answer: Answer, verdict: FileJudgement) -> Attribution | None:
    """Return which kind the decisive face resembles, unless it is likely real."""
    kinds = answer.card.kinds
    if answer.prototypes is None or kinds is None or verdict.verdict == "likely_real":
        return None
    features = [
        one.prediction.features
        for one in answer.scored[verdict.track]
        if one.prediction and one.prediction.features is not None
    ]
    return Attribution(*answer.prototypes.attribute(np.concatenate(features), kinds))


def _likelihood_ratio(card: Card, counting: Sequence[TrackJudgement]) -> LikelihoodRatio | None:
    """Return the likelihood ratio of the only subject that counts, where the card supports one and it is judged."""
    scale = likelihood_scale(card.calibration)
    if scale is None or len(counting) != 1 or counting[0].abstains:
        return None
    return scale.ratio(counting[0].score, counting[0].interval)


def windows_of(units: Sequence[ScoredUnit], card: Card) -> tuple[Window, ...]:
    """Return the scores of clips and windows of sound with the detector's measures; none of frames.

    Parameters
    ----------
    units
        Of one subject.
    card
        The detector's.
    """
    return tuple(_window(one, card) for one in units if one.unit.place.end > one.unit.place.start)


def _window(scored: ScoredUnit, card: Card) -> Window:
    place = scored.unit.place
    start = max(0.0, place.start)
    measured = {} if scored.prediction is None else scored.prediction.measures
    measures = {name: float(values[0]) for name, values in measured.items()}
    return Window(
        start,
        max(start, place.end),
        _calibrated(scored, card),
        tuple(Measure(name, value) for name, value in measures.items() if math.isfinite(value)),
    )


def _calibrated(scored: ScoredUnit, card: Card) -> float | None:
    """Return a unit's calibrated score; None for one that was not scored."""
    if scored.prediction is None:
        return None
    return min(1.0, max(0.0, float(np.float32(card.calibration.scores(scored.prediction.logits)[0]))))


def _subject(subject: Subject, judgement: TrackJudgement, windows: tuple[Window, ...]) -> ReportedSubject:
    first, last = subject.units[0].place, subject.units[-1].place
    start = max(0.0, first.start)
    box = None if subject.kind != "face" or first.box is None else _box(first.box)
    return ReportedSubject(
        subject.kind,
        subject.id,
        start,
        max(start, last.end),
        judgement.score,
        judgement.interval,
        box,
        windows,
    )


def _box(box: Sequence[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return x0, y0, x1, y1


def _tracks(answer: Answer, judged: Sequence[TrackJudgement]) -> tuple[TrackScore, ...]:
    """Return the faces as the result's tracks have them."""
    rule = rule_of(answer.card)
    return tuple(
        TrackScore(
            subject.id,
            judgement.score,
            tuple(_frame_score(unit, rule, answer.card) for unit in units),
            judgement.reasons,
        )
        for subject, units, judgement in zip(answer.subjects, answer.scored, judged, strict=True)
    )


def _frame_score(scored: ScoredUnit, rule: Rule, card: Card) -> FrameScore:
    unit = scored.unit
    assert unit.face is not None
    score, error = _calibrated(scored, card), None
    if scored.prediction is not None:
        errors = scored.prediction.measures.get(RECONSTRUCTION_ERROR)
        error = None if errors is None else max(0.0, float(errors[0]))
    return FrameScore(
        max(0.0, unit.place.start),
        _box(unit.face.box),
        min(1.0, max(0.0, float(unit.face.confidence))),
        score,
        error,
        examine(scored.measures, rule.gates).names,
    )
