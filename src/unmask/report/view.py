"""The one view of a result: every figure formatted, every text chosen, everything in order, for all pages to place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.report.coverage_view import CoverageView, coverage_view
from unmask.report.face_view import FaceView, Level, Moment, faces_of, level_of, moments_of
from unmask.report.file_view import CredentialsView, FileView, credentials_view, file_view, sound_rows
from unmask.report.opinions import FACE_MANIPULATED, DetectorInfo, Opinion, Subject
from unmask.report.origin_view import OriginView, origin_view
from unmask.report.result import ScanResult
from unmask.report.stability_view import StabilityView, stability_views
from unmask.report.words import (
    ADVICE,
    ANSWERS,
    MEANINGS,
    NOTHING_TO_JUDGE,
    QUESTIONS,
    VERDICTS,
    Row,
    clock,
    counted,
    face_name,
    headline,
    interval_words,
    percent,
    printable,
    question_words,
    stretch,
)
from unmask.verdict import Reason, Verdict, support_in_words

_WHY = {"widens": "This widens the interval", "abstains": "This is why there is no verdict"}
_SUBJECTS = {"picture": "The picture", "sound": "The sound"}


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
        Sentences.
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


@dataclass(frozen=True)
class View:
    """All that pages show of a result; strings of the file are printable, and still to be escaped.

    Parameters
    ----------
    name, place
        Of the file; place is empty where it is the name.
    about
        Kind and length.
    basis
        What the verdict rests on, where there is a choice.
    opinions
        Empty unless there are several.
    not_asked
        Questions that have no answer, where there are several opinions.
    stability
        Of the opinions whose decisive face was scored again.
    duration, threshold
        Seconds, and a score in [0, 1], to draw by.
    axis
        The middle and the end of the timeline.
    facts
        Of the scan and the detector.
    """

    name: str
    place: str
    is_video: bool
    about: tuple[str, ...]
    said: Said
    detail: str
    basis: str
    interval_note: str
    advice: str
    opinions: tuple[OpinionView, ...]
    not_asked: tuple[str, ...]
    stability: tuple[StabilityView, ...]
    coverage: CoverageView | None
    duration: float | None
    threshold: float | None
    faces: tuple[FaceView, ...]
    moments: tuple[Moment, ...]
    axis: tuple[str, str]
    facts: tuple[Row, ...]
    file: FileView | None
    credentials: CredentialsView | None
    origin: OriginView | None
    sound: tuple[Row, ...]


def result_view(result: ScanResult, threshold: float | None = None) -> View:
    """Return the view of a result.

    Parameters
    ----------
    result
        With evidence, its file facts and content credentials are shown.
    threshold
        Score that parts real from fake, in [0, 1], for a detector that does not state its own.
    """
    if result.detector.threshold is not None:
        threshold = result.detector.threshold
    evidence = result.evidence
    path = printable(result.path)
    name = printable(Path(result.path).name or result.path)
    several = result.opinions if len(result.opinions) > 1 else ()
    duration = result.coverage.duration
    video = result.kind == "video"
    moments = moments_of(result, threshold)
    end = max(duration or 0.0, moments[-1].time if moments else 0.0)
    return View(
        name=name,
        place=path if path != name else "",
        is_video=video,
        about=("Video" if video else "Picture", *([clock(duration)] if video and duration else [])),
        said=_said_of_file(result, threshold),
        detail=printable(result.detail or ""),
        basis=_basis(result),
        interval_note=_interval_note(result),
        advice=ADVICE.get(result.verdict or result.status, ""),
        opinions=tuple(_opinion(opinion, video) for opinion in several),
        not_asked=_not_asked(several),
        stability=stability_views(result.opinions, several=bool(several), video=video),
        coverage=coverage_view(result),
        duration=duration,
        threshold=threshold,
        faces=faces_of(result, threshold),
        moments=moments,
        axis=(clock(end / 2), clock(end)),
        facts=_facts(result, threshold),
        file=file_view(evidence.file) if evidence and evidence.file else None,
        credentials=credentials_view(evidence.credentials) if evidence and evidence.credentials else None,
        origin=origin_view(result.provenance) if result.was_read else None,
        sound=sound_rows(evidence.sound) if evidence and evidence.sound else (),
    )


def _said_of_file(result: ScanResult, threshold: float | None) -> Said:
    of_faces = {opinion.question for opinion in result.opinions} <= {FACE_MANIPULATED}
    deciding = _deciding(result)
    detector = result.detector
    if deciding is not None:
        detector, threshold = deciding.detector, deciding.detector.threshold
    key = result.verdict or result.status
    return _said(
        result.verdict,
        headline(result),
        MEANINGS[key] if of_faces else ANSWERS.get(key, MEANINGS[key]),
        result.score,
        result.interval,
        result.reasons,
        detector.band,
        threshold,
    )


def _said(
    verdict: Verdict | None,
    words: str,
    meaning: str,
    score: float | None,
    interval: tuple[float, float] | None,
    reasons: Sequence[Reason],
    band: tuple[float, float] | None,
    threshold: float | None,
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
        tuple(f"{_WHY[reason.effect]}: {printable(reason.text)}." for reason in reasons),
    )


def _deciding(result: ScanResult) -> Opinion | None:
    """Return the one of several opinions that the file's verdict is of: with the same verdict, nearest in score."""
    score = result.score
    if len(result.opinions) < 2 or score is None:
        return None
    same = [one for one in result.opinions if one.verdict == result.verdict]
    return min(same, key=lambda one: abs((one.score or 0.0) - score), default=None)


def _basis(result: ScanResult) -> str:
    """Return what the verdict rests on, where there is a choice, and why its score is not the face's own."""
    if len(result.opinions) > 1:
        deciding = _deciding(result)
        return "" if deciding is None else f"It rests on the answer to: {question_words(deciding.question)}"
    track = next((track for track in result.tracks if track.id == result.decisive_track), None)
    if track is None or result.score is None or len(result.tracks) < 2:
        return ""
    lowered = track.score - result.score > 0.005
    own = f" ({percent(track.score)} by itself)" if lowered else ""
    text = f"It rests on {face_name(track.id)}{own}, the most suspicious of the faces seen long enough."
    return (
        f"{text} Of several faces one looks suspicious by chance, so it counts for less." if lowered else text
    )


def _interval_note(result: ScanResult) -> str:
    frames = result.coverage.frames_sampled
    return (
        f"The interval says how far the estimate may be off because only {counted(frames, 'frame')} "
        f"{'was' if frames == 1 else 'were'} analysed. It does not cover methods of manipulation newer than the "
        "detector."
    )


def _opinion(opinion: Opinion, video: bool) -> OpinionView:
    detector, threshold = opinion.detector, opinion.detector.threshold
    if opinion.verdict is None:
        words, meaning = "not judged", NOTHING_TO_JUDGE
    else:
        known = MEANINGS if opinion.question == FACE_MANIPULATED else ANSWERS
        words, meaning = VERDICTS[opinion.verdict], known[opinion.verdict]
    return OpinionView(
        question_words(opinion.question),
        _name(detector),
        _said(
            opinion.verdict,
            words,
            meaning,
            opinion.score,
            opinion.interval,
            opinion.reasons,
            detector.band,
            threshold,
        ),
        tuple(
            _subject(subject, threshold, subject.id == opinion.decisive, video)
            for subject in opinion.subjects
        ),
    )


def _subject(subject: Subject, threshold: float | None, decisive: bool, video: bool) -> SubjectView:
    return SubjectView(
        _SUBJECTS.get(subject.kind) or face_name(subject.id),
        stretch(subject.start, subject.end) if video else "",
        level_of(subject.score, threshold),
        interval_words(subject.interval),
        decisive,
    )


def _not_asked(opinions: Sequence[Opinion]) -> tuple[str, ...]:
    """Return the known questions that none of several opinions answers."""
    asked = {opinion.question for opinion in opinions if opinion.verdict}
    return tuple(words for question, words in QUESTIONS.items() if opinions and question not in asked)


def _facts(result: ScanResult, threshold: float | None) -> tuple[Row, ...]:
    detector = result.detector
    crops = f", crop profile {printable(detector.crop_profile)}" if detector.crop_profile else ""
    rows = [Row("Scan took", clock(result.seconds)), Row("Detector", _name(detector) + crops)]
    if threshold is not None and result.score is not None:
        rows.append(Row("Threshold", percent(threshold)))
    if detector.band is not None and detector.band[0] < detector.band[1] and result.score is not None:
        rows.append(Row("Inconclusive", f"{percent(detector.band[0])} to {percent(detector.band[1])}"))
    rows += [
        Row("Likelihood ratio", support_in_words(one.lr)) for one in result.opinions if one.lr is not None
    ]
    return (*rows, Row("Weights", f"sha256 {printable(detector.sha256)}", code=True))


def _name(detector: DetectorInfo) -> str:
    return printable(f"{detector.name} {detector.version}")
