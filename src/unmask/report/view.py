"""The one view of a result: every figure formatted, every text chosen, everything in order, for all pages to place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.report.clip_view import ClipView, clip_views
from unmask.report.coverage_view import CoverageView, coverage_view
from unmask.report.face_view import FaceView, Moment, faces_of, moments_of
from unmask.report.file_view import CredentialsView, FileView, credentials_view, file_view, sound_rows
from unmask.report.opinions import DetectorInfo, Opinion
from unmask.report.origin_view import OriginView, origin_view
from unmask.report.result import ScanResult
from unmask.report.said import OpinionView, Said, deciding_opinion, detector_name, opinions_of, said_of_file
from unmask.report.stability_view import StabilityView, stability_views
from unmask.report.words import (
    ADVICE,
    QUESTIONS,
    Row,
    clock,
    counted,
    face_name,
    percent,
    printable,
    question_words,
)
from unmask.verdict import LikelihoodRatio, support_in_words


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
    clips: tuple[ClipView, ...] = ()


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
    opinions = opinions_of(result)
    duration = result.coverage.duration
    video = result.kind == "video"
    moments = moments_of(result, threshold)
    end = max(duration or 0.0, moments[-1].time if moments else 0.0)
    return View(
        name=name,
        place=path if path != name else "",
        is_video=video,
        about=("Video" if video else "Picture", *([clock(duration)] if video and duration else [])),
        said=said_of_file(result, threshold),
        detail=printable(result.detail or ""),
        basis=_basis(result),
        interval_note=_interval_note(result),
        advice=ADVICE.get(result.verdict or result.status, ""),
        opinions=opinions,
        not_asked=_not_asked(result.opinions if opinions else ()),
        stability=stability_views(result.opinions, several=bool(opinions), video=video),
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
        clips=clip_views(evidence.clips, result.opinions) if evidence else (),
    )


def _basis(result: ScanResult) -> str:
    """Return what the verdict rests on, where there is a choice, and why its score is not the face's own."""
    if len(result.opinions) > 1:
        deciding = deciding_opinion(result)
        if deciding is None:
            return ""
        alike = sum(one.question == deciding.question for one in result.opinions) > 1
        whose = f" of {printable(deciding.detector.name)}" if alike else ""
        return f"It rests on the answer{whose} to: {question_words(deciding.question)}"
    track = next((track for track in result.tracks if track.id == result.decisive_track), None)
    if track is None or result.score is None or len(result.tracks) < 2:
        return ""
    if sum(not one.set_aside for one in result.tracks) == 1:
        return f"It rests on {face_name(track.id)}, the only face that the picture's edge does not cut off."
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


def _not_asked(opinions: Sequence[Opinion]) -> tuple[str, ...]:
    """Return the known questions that none of several opinions answers."""
    asked = {opinion.question for opinion in opinions if opinion.verdict}
    return tuple(words for question, words in QUESTIONS.items() if opinions and question not in asked)


def _facts(result: ScanResult, threshold: float | None) -> tuple[Row, ...]:
    """Return by what the file was judged; where several questions were asked, by what each."""
    rows = [Row("Scan took", clock(result.seconds))]
    if len(result.opinions) < 2:
        lr = result.opinions[0].lr if result.opinions else None
        return (*rows, *_detector_rows(result.detector, threshold, result.score, lr))
    for one in result.opinions:
        rows.append(Row("Question", question_words(one.question)))
        rows += _detector_rows(one.detector, one.detector.threshold, one.score, one.lr)
    return tuple(rows)


def _detector_rows(
    detector: DetectorInfo, threshold: float | None, score: float | None, lr: LikelihoodRatio | None
) -> list[Row]:
    crops = f", crop profile {printable(detector.crop_profile)}" if detector.crop_profile else ""
    rows = [Row("Detector", detector_name(detector) + crops)]
    if threshold is not None and score is not None:
        rows.append(Row("Threshold", percent(threshold)))
    if detector.band is not None and detector.band[0] < detector.band[1] and score is not None:
        rows.append(Row("Inconclusive", f"{percent(detector.band[0])} to {percent(detector.band[1])}"))
    if lr is not None:
        rows.append(Row("Likelihood ratio", support_in_words(lr)))
    return [*rows, Row("Weights", f"sha256 {printable(detector.sha256)}", code=True)]
