"""What is said of scores and verdicts in words: of the file, and of each of several opinions on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from unmask.report.opinions import FACE_MANIPULATED, Attribution, DetectorInfo, Opinion, Subject
from unmask.report.result import ScanResult
from unmask.report.words import (
    ANSWERS,
    CUT_OFF,
    MEANINGS,
    NOTHING_TO_JUDGE,
    VERDICTS,
    attribution_words,
    face_name,
    headline,
    interval_words,
    percent,
    printable,
    question_words,
    stretch,
)
from unmask.verdict import Reason, Verdict

_WHY = {
    "widens": "This widens the interval",
    "abstains": "This is why there is no verdict",
    "sets_aside": "This is why it has no part in the verdict",
}
_SUBJECTS = {"picture": "The picture", "sound": "The sound"}


@dataclass(frozen=True)
class Level:
    """A score against the threshold.

    Parameters
    ----------
    kind
        ``above`` (at or above it), ``below``, ``plain`` without a threshold, ``unscored``.
    text
        The score.
    words
        What it means, empty without a threshold.
    score
        To place it by.
    """

    kind: str
    text: str
    words: str
    score: float | None


@dataclass(frozen=True)
class Gauge:
    """A score with its interval on a bar from 0 to 1.

    Parameters
    ----------
    label
        All of it in words.
    """

    label: str
    score: float
    low: float
    high: float
    band: tuple[float, float] | None
    threshold: float | None
    threshold_words: str


@dataclass(frozen=True)
class Said:
    """A verdict, or why there is none.

    Parameters
    ----------
    kind
        Class of mark and colour, a verdict or ``unscored``.
    score, interval
        In words; None without a score.
    reasons
        Sentences: which kind of manipulation it resembles, and what widens the interval.
    """

    kind: str
    headline: str
    meaning: str
    score: str | None = None
    interval: str | None = None
    gauge: Gauge | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubjectView:
    """What an opinion is about.

    Parameters
    ----------
    when
        In words, empty for an image.
    """

    name: str
    when: str
    level: Level
    interval: str
    decisive: bool


@dataclass(frozen=True)
class OpinionView:
    """One of several opinions, with its question in plain words."""

    question: str
    detector: str
    said: Said
    subjects: tuple[SubjectView, ...]


def level_of(score: float | None, threshold: float | None) -> Level:
    """Return a score with what it means against a threshold.

    Parameters
    ----------
    score
        In [0, 1]; None where there is none.
    threshold
        In [0, 1]; None where there is none.
    """
    if score is None:
        return Level("unscored", "not scored", "", None)
    if threshold is None:
        return Level("plain", percent(score), "", score)
    kind, words = ("above", "at or above") if score >= threshold else ("below", "below")
    return Level(kind, percent(score), f"{words} the threshold", score)


def said_of_file(result: ScanResult, threshold: float | None = None) -> Said:
    """Return the verdict of a file, or why there is none.

    Parameters
    ----------
    result
        Of the scan.
    threshold
        Score that parts real from fake, in [0, 1], for a detector that does not state its own.
    """
    of_faces = {opinion.question for opinion in result.opinions} <= {FACE_MANIPULATED}
    deciding = deciding_opinion(result)
    detector = result.detector
    threshold = threshold if detector.threshold is None else detector.threshold
    if deciding is not None:
        detector, threshold = deciding.detector, deciding.detector.threshold
    key = result.verdict or result.status
    judging = deciding or (result.opinions[0] if len(result.opinions) == 1 else None)
    return _said(
        result.verdict,
        headline(result),
        MEANINGS[key] if of_faces else ANSWERS.get(key, MEANINGS[key]),
        result.score,
        result.interval,
        result.reasons,
        detector.band,
        threshold,
        judging.attribution if judging else None,
    )


def deciding_opinion(result: ScanResult) -> Opinion | None:
    """Return the one of several opinions that the file's verdict rests on (``verdict.sum_up``).

    The file's score is that opinion's at lowered prior odds, which are the same for all.

    Parameters
    ----------
    result
        Of the scan.
    """
    score = result.score
    judged = [(one, one.score) for one in result.opinions if one.score is not None]
    if len(result.opinions) < 2 or score is None:
        return None
    # What is likely fake by itself may be inconclusive at the lowered odds.
    able = [
        (one, own)
        for one, own in judged
        if one.verdict == result.verdict
        or (result.verdict == "inconclusive" and one.verdict == "likely_fake")
    ]
    return max(able, key=lambda pair: pair[1], default=(None, 0.0))[0]


def opinions_of(result: ScanResult) -> tuple[OpinionView, ...]:
    """Return the opinions on a file; none unless there are several.

    Parameters
    ----------
    result
        Of the scan.
    """
    several = result.opinions if len(result.opinions) > 1 else ()
    aside = {track.id for track in result.tracks if track.set_aside}
    return tuple(_opinion(opinion, result.kind == "video", aside) for opinion in several)


def detector_name(detector: DetectorInfo) -> str:
    """Return a detector's name and version, printable.

    Parameters
    ----------
    detector
        Of a result.
    """
    return printable(f"{detector.name} {detector.version}")


def _said(
    verdict: Verdict | None,
    words: str,
    meaning: str,
    score: float | None,
    interval: tuple[float, float] | None,
    reasons: Sequence[Reason],
    band: tuple[float, float] | None,
    threshold: float | None,
    attribution: Attribution | None,
) -> Said:
    gauge = None
    if score is not None and interval is not None:
        label = f"Score {percent(score)}, 90 % interval {interval_words(interval)}"
        told = "" if threshold is None else f"threshold {percent(threshold)}"
        label += f", {told}" if told else ""
        gauge = Gauge(label, score, *interval, band, threshold, told)
    return Said(
        verdict or "unscored",
        words,
        meaning,
        None if score is None else percent(score),
        None if interval is None else interval_words(interval),
        gauge,
        (
            *([f"It {printable(attribution_words(attribution))}."] if attribution else []),
            *(f"{_WHY[reason.effect]}: {printable(reason.text)}." for reason in reasons),
        ),
    )


def _opinion(opinion: Opinion, video: bool, aside: Collection[int]) -> OpinionView:
    detector, threshold = opinion.detector, opinion.detector.threshold
    if opinion.verdict is None:
        words, meaning = "not judged", NOTHING_TO_JUDGE
    else:
        known = MEANINGS if opinion.question == FACE_MANIPULATED else ANSWERS
        words, meaning = VERDICTS[opinion.verdict], known[opinion.verdict]
    return OpinionView(
        question_words(opinion.question),
        detector_name(detector),
        _said(
            opinion.verdict,
            words,
            meaning,
            opinion.score,
            opinion.interval,
            opinion.reasons,
            detector.band,
            threshold,
            opinion.attribution,
        ),
        tuple(
            _subject(subject, threshold, subject.id == opinion.decisive, video, subject.id in aside)
            for subject in opinion.subjects
        ),
    )


def _subject(
    subject: Subject, threshold: float | None, decisive: bool, video: bool, aside: bool
) -> SubjectView:
    cut_off = f", {CUT_OFF}" if aside else ""
    return SubjectView(
        _SUBJECTS.get(subject.kind) or face_name(subject.id) + cut_off,
        stretch(subject.start, subject.end) if video else "",
        level_of(subject.score, threshold),
        interval_words(subject.interval),
        decisive,
    )
