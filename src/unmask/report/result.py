"""The one result type of a scan, and its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from unmask.report.evidence import Evidence
from unmask.report.spans import Span, suspicious_spans
from unmask.verdict import Reason, Verdict

SCHEMA = 1

Kind = Literal["image", "video"]
Status = Literal["ok", "no_face", "unreadable", "unsupported", "too_large", "failed"]
READ: frozenset[Status] = frozenset({"ok", "no_face"})


@dataclass(frozen=True)
class FrameScore:
    """One face on one sampled frame.

    time : seconds from the start (0 for an image). box : (x0, y0, x1, y1), pixels of the upright frame
    with square pixels.
    face_confidence, score : in [0, 1]; score is calibrated, and None for a face that was found but, among
    very many, not scored. reconstruction_error : the detector's own measure, >= 0; None without a decoder.
    """

    time: float
    box: tuple[float, float, float, float]
    face_confidence: float
    score: float | None = None
    reconstruction_error: float | None = None
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(math.isfinite(self.time) and self.time >= 0, "time must be >= 0")
        x0, y0, x1, y1 = self.box
        _require(all(map(math.isfinite, self.box)) and x0 < x1 and y0 < y1, "box must be (x0, y0, x1, y1)")
        _require(_is_probability(self.face_confidence), "face_confidence must be in [0, 1]")
        _require(self.score is None or _is_probability(self.score), "score must be in [0, 1]")
        error = self.reconstruction_error
        _require(error is None or (math.isfinite(error) and error >= 0), "reconstruction_error must be >= 0")

    def to_dict(self) -> dict[str, Any]:
        """Return the frame as the JSON schema has it."""
        return {
            "time": round(self.time, 3),
            "box": [round(value, 1) for value in self.box],
            "face_confidence": round(self.face_confidence, 4),
            "score": _rounded(self.score),
            "reconstruction_error": _rounded(self.reconstruction_error),
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FrameScore:
        """Read a frame of the JSON schema."""
        box = values["box"]
        return cls(
            time=values["time"],
            box=(box[0], box[1], box[2], box[3]),
            face_confidence=values["face_confidence"],
            score=values["score"],
            reconstruction_error=values.get("reconstruction_error"),
            reasons=tuple(values.get("reasons", ())),
        )


@dataclass(frozen=True)
class TrackScore:
    """One face through the sampled frames, in order of time, and its score (calibrated, in [0, 1]).

    reasons : what makes it hard to judge.
    """

    id: int
    score: float
    frames: tuple[FrameScore, ...]
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        _require(_is_probability(self.score), "score must be in [0, 1]")
        _require(any(frame.score is not None for frame in self.frames), "a track needs a scored frame")
        times = [frame.time for frame in self.frames]
        _require(times == sorted(times), "frames must be in order of time")

    def spans(self, threshold: float | None) -> tuple[Span, ...]:
        """Return the spans in which the face looked suspicious; none without a threshold."""
        return () if threshold is None else suspicious_spans(self.frames, threshold)

    def to_dict(self, threshold: float | None = None) -> dict[str, Any]:
        """Return the track as the JSON schema has it. threshold : the detector's, for the spans."""
        return {
            "id": self.id,
            "score": _rounded(self.score),
            "reasons": [reason.to_dict() for reason in self.reasons],
            "spans": [span.to_dict() for span in self.spans(threshold)],
            "frames": [frame.to_dict() for frame in self.frames],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrackScore:
        """Read a track of the JSON schema; its spans follow from frames and threshold."""
        return cls(
            id=values["id"],
            score=values["score"],
            frames=tuple(FrameScore.from_dict(frame) for frame in values["frames"]),
            reasons=tuple(Reason(**reason) for reason in values.get("reasons", ())),
        )


@dataclass(frozen=True)
class Coverage:
    """How much of the file was looked at; duration in seconds, None for an image or when unknown.

    times : of the sampled frames, seconds, in order; empty when they were not kept.
    frames_planned : how many frames would have been looked at had fewer not settled the verdict; None
    where no frame was looked at. longest_gap : seconds
    of the longest stretch of which no frame was looked at; None for an image, or when there is nothing to tell.
    frames_damaged : frames that were decoded, found damaged and left out.
    smallest_face : longer side, in pixels, from which faces are found reliably on every sampled frame; None when the
    face finder does not say.
    """

    duration: float | None = None
    frames_sampled: int = 0
    frames_with_face: int = 0
    frames_planned: int | None = None
    longest_gap: float | None = None
    times: tuple[float, ...] = ()
    frames_damaged: int = 0
    smallest_face: int | None = None

    def __post_init__(self) -> None:
        _require(self.duration is None or self.duration >= 0, "duration must be >= 0")
        _require(0 <= self.frames_with_face <= self.frames_sampled, "frames_with_face exceeds frames_sampled")

    def to_dict(self) -> dict[str, Any]:
        """Return the coverage as the JSON schema has it."""
        duration = None if self.duration is None else round(self.duration, 3)
        return {
            "duration": duration,
            "frames_sampled": self.frames_sampled,
            "frames_with_face": self.frames_with_face,
            "times": [round(time, 3) for time in self.times],
            "frames_planned": self.frames_planned,
            "longest_gap": None if self.longest_gap is None else round(self.longest_gap, 3),
            "frames_damaged": self.frames_damaged,
            "smallest_face": self.smallest_face,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Coverage:
        """Read a coverage of the JSON schema."""
        return cls(**{**_fields_in(cls, values), "times": tuple(values.get("times", ()))})


@dataclass(frozen=True)
class DetectorInfo:
    """Which detector scored: name, version, SHA-256 of its weights, crop profile it was trained on.

    threshold : calibrated score that parts real from fake. band : (low, high); scores inside are inconclusive.
    """

    name: str
    version: str
    sha256: str
    crop_profile: str
    threshold: float | None = None
    band: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the detector as the JSON schema has it."""
        return {
            "name": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "crop_profile": self.crop_profile,
            "threshold": _rounded(self.threshold),
            "band": None if self.band is None else [_rounded(value) for value in self.band],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DetectorInfo:
        """Read a detector of the JSON schema."""
        return cls(**{**_fields_in(cls, values), "band": _pair(values.get("band"))})


@dataclass(frozen=True)
class ScanResult:
    """What a scan found out about one file.

    score : calibrated probability of manipulation in [0, 1], of the face that the verdict rests on; None
    when there was nothing to score. interval : (low, high) around it, 90 %. decisive_track : id of that
    face's track. kind : what the file holds; for a file that could not be read, what its name suggests.
    status : ``"failed"`` is an error of unmask's own; all others are about the file.
    detail : one line, for people. reasons : what widens the interval, and why a verdict is inconclusive.
    isolation : what confined the process in which the file was decoded, such as ``"landlock 4 + namespaces"``; None
    for none. seconds : wall time of this scan. evidence : what the report shows beside the scores, when the settings
    asked for it.

    Making one raises ValueError when its parts contradict each other: a verdict, score and interval exist
    exactly when the status is ok, and the interval holds the score.
    """

    path: str
    kind: Kind
    status: Status
    detector: DetectorInfo
    detail: str | None = None
    verdict: Verdict | None = None
    score: float | None = None
    interval: tuple[float, float] | None = None
    tracks: tuple[TrackScore, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    seconds: float = 0.0
    reasons: tuple[Reason, ...] = ()
    decisive_track: int | None = None
    isolation: str | None = field(default=None, compare=False)
    evidence: Evidence | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _require(self.kind in get_args(Kind), f"unknown kind {self.kind!r}")
        _require(self.status in get_args(Status), f"unknown status {self.status!r}")
        _require(self.detail is None or len(self.detail.splitlines()) == 1, "detail must be one line")
        _require(self.seconds >= 0, "seconds must be >= 0")
        ids = [track.id for track in self.tracks]
        _require(len(set(ids)) == len(ids), "track ids must differ")
        _require(self.decisive_track is None or self.decisive_track in ids, "decisive_track is no track's id")
        if self.status == "ok":
            self._check_judged()
        else:
            nothing = self.verdict is None and self.score is None and self.interval is None
            _require(nothing and not self.tracks, f"status {self.status} has no verdict, score or tracks")
            _require(self.status == "no_face" or self.detail is not None, "a failure needs a detail")

    def _check_judged(self) -> None:
        _require(self.verdict in get_args(Verdict), f"unknown verdict {self.verdict!r}")
        _require(self.score is not None and _is_probability(self.score), "score must be in [0, 1]")
        _require(self.interval is not None, "an ok result needs an interval")
        _require(bool(self.tracks), "an ok result needs a track")
        low, high = self.interval or (0.0, 1.0)
        _require(0 <= low <= (self.score or 0.0) <= high <= 1, "the interval must hold the score")

    @property
    def was_read(self) -> bool:
        """Whether the file could be read (a file without a face was)."""
        return self.status in READ

    def to_dict(self) -> dict[str, Any]:
        """Return the result as ``scan-schema-1.json`` has it: plain types, the schema's order.

        The key ``evidence`` is there only when evidence was gathered.
        """
        interval = None if self.interval is None else [_rounded(value) for value in self.interval]
        threshold = self.detector.threshold
        result = {
            "schema": SCHEMA,
            "path": self.path,
            "kind": self.kind,
            "status": self.status,
            "detail": self.detail,
            "verdict": self.verdict,
            "score": _rounded(self.score),
            "interval": interval,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "decisive_track": self.decisive_track,
            "tracks": [track.to_dict(threshold) for track in self.tracks],
            "coverage": self.coverage.to_dict(),
            "detector": self.detector.to_dict(),
            "isolation": self.isolation,
            "seconds": round(self.seconds, 3),
        }
        return result if self.evidence is None else result | {"evidence": self.evidence.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScanResult:
        """Read a result that ``to_dict`` wrote, such as a line of a results log; its evidence is left out.

        Raises
        ------
        ValueError
            When the values are of another schema, are incomplete, or contradict each other.
        """
        if values.get("schema") != SCHEMA:
            raise ValueError(f"a scan result of schema {SCHEMA} is needed, not of {values.get('schema')!r}")
        parts: dict[str, Any] = {
            "detector": DetectorInfo.from_dict,
            "coverage": Coverage.from_dict,
            "interval": _pair,
            "tracks": lambda tracks: tuple(TrackScore.from_dict(track) for track in tracks),
            "reasons": lambda reasons: tuple(Reason(**reason) for reason in reasons),
        }
        try:
            known = _fields_in(cls, values)
            known.pop("evidence", None)
            return cls(**{name: parts.get(name, lambda v: v)(value) for name, value in known.items()})
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"not a scan result: {type(error).__name__}: {error}") from None

    def save_report(self, folder: str | Path) -> Path:
        """Write ``index.html`` and ``scan.json`` into a folder, made if missing; give the page's path."""
        from unmask.report.page import save_report

        return save_report([self], folder)


def _fields_in(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values that are fields of a dataclass; later versions may write more."""
    return {part.name: values[part.name] for part in fields(kind) if part.name in values}


def _pair(values: Any) -> tuple[float, float] | None:
    return None if values is None else (values[0], values[1])


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _is_probability(value: float) -> bool:
    return 0 <= value <= 1


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)
