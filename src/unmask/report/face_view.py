"""The part of the view about faces: each with its scores and words, and each moment with the faces on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unmask.report.order import SHARES, by_suspicion, scored_frames, scored_frames_needed
from unmask.report.result import ScanResult
from unmask.report.said import Level, deciding_opinion, level_of
from unmask.report.spans import Span
from unmask.report.tracks import FrameScore, TrackScore
from unmask.report.words import CUT_OFF, clock, counted, face_name, printable, stretch
from unmask.verdict import STABILITY

MOST_CARDS = len(SHARES)
_MOST_SPANS = 4
_MOST_IN_CAPTION = 4


@dataclass(frozen=True)
class ObservationView:
    """One face on one sampled frame, in numbers.

    Parameters
    ----------
    box
        (x0, y0, x1, y1) in pixels of the upright frame.
    """

    time: float
    clock: str
    exact: str
    level: Level
    score: str
    error: str
    found: str
    box: tuple[float, float, float, float]
    box_words: str


@dataclass(frozen=True)
class SpanView:
    """When a face is suspicious, in seconds and in words."""

    start: float
    end: float
    words: str


@dataclass(frozen=True)
class FaceView:
    """One face.

    Parameters
    ----------
    remarks
        Short, beside its name: whether it decides, does not count, and when it is suspicious.
    story
        What was seen of it when, a sentence; empty for an image.
    hard
        What makes it hard to judge.
    """

    id: int
    name: str
    level: Level
    is_decisive: bool
    seen: str
    scored_words: str
    remarks: tuple[str, ...]
    story: str
    hard: str
    spans: tuple[SpanView, ...]
    observations: tuple[ObservationView, ...]


@dataclass(frozen=True)
class FaceAtMoment:
    """A face on the frame of one moment."""

    id: int
    name: str
    level: Level
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Moment:
    """One sampled frame.

    Parameters
    ----------
    caption
        Its time and the scores on it, in words.
    """

    time: float
    clock: str
    caption: str
    faces: tuple[FaceAtMoment, ...]


def in_order(result: ScanResult) -> list[TrackScore]:
    """Return the faces of a result in the order in which all pages show them.

    Parameters
    ----------
    result
        Of the scan.
    """
    return by_suspicion(result.tracks, result.coverage.frames_sampled, result.decisive_track)


def faces_of(result: ScanResult, threshold: float | None) -> tuple[FaceView, ...]:
    """Return all faces of a result, in order.

    Parameters
    ----------
    result
        Of the scan.
    threshold
        Of the detector; None where there is none.
    """
    return tuple(_face(track, result, threshold) for track in in_order(result))


def moments_of(result: ScanResult, threshold: float | None) -> tuple[Moment, ...]:
    """Return every sampled moment of a file with faces, in order of time.

    Parameters
    ----------
    result
        Of the scan.
    threshold
        Of the detector; None where there is none.
    """
    tracks = in_order(result)
    if not tracks:
        return ()
    seen: dict[float, list[tuple[TrackScore, FrameScore]]] = {}
    for track in tracks:
        for frame in track.frames:
            seen.setdefault(_rounded(frame.time), []).append((track, frame))
    times = sorted(seen.keys() | {_rounded(time) for time in result.coverage.times})
    decided = _levels_of_another(result)
    return tuple(
        _moment(number, len(times), time, seen.get(time, []), threshold, decided)
        for number, time in enumerate(times)
    )


def _levels_of_another(result: ScanResult) -> dict[int, Level]:
    """Return what an image's faces come to, by id, where its verdict rests on another detector than the first."""
    deciding = deciding_opinion(result) if result.kind == "image" else None
    if deciding is None or deciding is result.opinions[0]:
        return {}
    limit = deciding.detector.threshold
    return {one.id: level_of(one.score, limit) for one in deciding.subjects if one.kind == "face"}


def _rounded(time: float) -> float:
    """Return a time as the JSON and the list of pictures have it."""
    return round(time, 3)


def _moment(
    number: int,
    count: int,
    time: float,
    seen: list[tuple[TrackScore, FrameScore]],
    threshold: float | None,
    decided: Mapping[int, Level],
) -> Moment:
    faces = tuple(
        FaceAtMoment(
            track.id,
            face_name(track.id),
            decided.get(track.id) or level_of(frame.score, threshold),
            frame.box,
        )
        for track, frame in seen
    )
    told = ", ".join(f"{face.name} {face.level.text}" for face in faces[:_MOST_IN_CAPTION]) or "no face"
    more = f" and {len(faces) - _MOST_IN_CAPTION} more" if len(faces) > _MOST_IN_CAPTION else ""
    return Moment(
        time, clock(time), f"{clock(time)}, sampled frame {number + 1} of {count}: {told}{more}", faces
    )


def _face(track: TrackScore, result: ScanResult, threshold: float | None) -> FaceView:
    video = result.kind == "video"
    spans = track.spans(threshold)
    scored = scored_frames(track)
    briefly = scored < scored_frames_needed(result.tracks, result.coverage.frames_sampled)
    seen = stretch(track.frames[0].time, track.frames[-1].time)
    decisive = result.decisive_track == track.id and len(result.tracks) > 1
    return FaceView(
        id=track.id,
        name=face_name(track.id),
        level=level_of(track.score, threshold),
        is_decisive=decisive,
        seen=seen,
        scored_words=f"{scored}, too few to count" if briefly else f"{scored}",
        remarks=_remarks(track, result, briefly, decisive, spans if video else ()),
        story=_story(seen, scored, briefly, spans) if video else "",
        hard=printable("; ".join(dict.fromkeys(one.text for one in track.reasons if one.gate != STABILITY))),
        spans=tuple(SpanView(span.start, span.end, stretch(span.start, span.end)) for span in spans),
        observations=tuple(_observation(frame, threshold) for frame in track.frames),
    )


def _remarks(
    track: TrackScore, result: ScanResult, briefly: bool, decisive: bool, spans: Sequence[Span]
) -> tuple[str, ...]:
    remarks = ["the verdict rests on this face"] if decisive else []
    judged = next((other for other in result.tracks if other.id == result.decisive_track), None)
    # The verdict takes the most suspicious face that counts: one above it does not.
    if track.set_aside:
        remarks.append(CUT_OFF)
    elif judged is not None and not decisive and (briefly or track.score > judged.score):
        unclear = not briefly and any(reason.effect == "abstains" for reason in track.reasons)
        remarks.append("not clear enough to count" if unclear else "seen too briefly to count")
    if spans:
        words = ", ".join(stretch(one.start, one.end).removeprefix("at ") for one in spans[:_MOST_SPANS])
        remarks.append(f"above the threshold: {words}{' …' if len(spans) > _MOST_SPANS else ''}")
    return tuple(remarks)


def _story(seen: str, scored: int, briefly: bool, spans: Sequence[Span]) -> str:
    text = f"Seen {seen}, in {counted(scored, 'scored frame')}"
    if briefly:
        text += ", too few to count for the verdict"
    if spans:
        parts = ", ".join(stretch(span.start, span.end) for span in spans)
        text += f". At or above the threshold in {sum(span.frames for span in spans)} of them: {parts}"
    return f"{text}."


def _observation(frame: FrameScore, threshold: float | None) -> ObservationView:
    error = frame.reconstruction_error
    return ObservationView(
        _rounded(frame.time),
        clock(frame.time),
        f"{frame.time:.2f}",
        level_of(frame.score, threshold),
        "-" if frame.score is None else f"{frame.score:.3f}",
        "-" if error is None else f"{error:.3f}",
        f"{frame.face_confidence:.2f}",
        frame.box,
        ", ".join(f"{value:.0f}" for value in frame.box),
    )
