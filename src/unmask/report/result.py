"""The one result type of a scan, and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from unmask.report.codec import fields_in, is_probability, pair, require, rounded
from unmask.report.evidence import Evidence
from unmask.report.opinions import FACE_MANIPULATED, DetectorInfo, Opinion, subjects_of
from unmask.report.tracks import TrackScore
from unmask.verdict import Reason, Verdict

SCHEMA = 2
READABLE = frozenset({1, 2})  # Schemas of which `ScanResult.from_dict` reads results.

Kind = Literal["image", "video"]
Status = Literal["ok", "no_face", "unreadable", "unsupported", "too_large", "failed"]
READ: frozenset[Status] = frozenset({"ok", "no_face"})


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
        require(self.duration is None or self.duration >= 0, "duration must be >= 0")
        require(0 <= self.frames_with_face <= self.frames_sampled, "frames_with_face exceeds frames_sampled")

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
        return cls(**{**fields_in(cls, values), "times": tuple(values.get("times", ()))})


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
    opinions : of each detector that was asked about a file that could be read. The fields of the result sum them up.

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
    opinions: tuple[Opinion, ...] = ()
    isolation: str | None = field(default=None, compare=False)
    evidence: Evidence | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        require(self.kind in get_args(Kind), f"unknown kind {self.kind!r}")
        require(self.status in get_args(Status), f"unknown status {self.status!r}")
        require(self.detail is None or len(self.detail.splitlines()) == 1, "detail must be one line")
        require(self.seconds >= 0, "seconds must be >= 0")
        ids = [track.id for track in self.tracks]
        require(len(set(ids)) == len(ids), "track ids must differ")
        require(self.decisive_track is None or self.decisive_track in ids, "decisive_track is no track's id")
        if self.status == "ok":
            self._check_judged()
        else:
            nothing = self.verdict is None and self.score is None and self.interval is None
            require(nothing and not self.tracks, f"status {self.status} has no verdict, score or tracks")
            judged = any(opinion.verdict for opinion in self.opinions)
            require(not judged, f"status {self.status} has no opinion with a verdict")
            require(self.was_read or not self.opinions, "of a file that was not read there is no opinion")
            require(self.status == "no_face" or self.detail is not None, "a failure needs a detail")

    def _check_judged(self) -> None:
        require(self.verdict in get_args(Verdict), f"unknown verdict {self.verdict!r}")
        require(self.score is not None and is_probability(self.score), "score must be in [0, 1]")
        require(self.interval is not None, "an ok result needs an interval")
        judged = bool(self.tracks) or any(opinion.subjects for opinion in self.opinions)
        require(judged, "an ok result needs a track, or an opinion with a subject")
        low, high = self.interval or (0.0, 1.0)
        require(0 <= low <= (self.score or 0.0) <= high <= 1, "the interval must hold the score")

    @property
    def was_read(self) -> bool:
        """Whether the file could be read (a file without a face was)."""
        return self.status in READ

    def to_dict(self) -> dict[str, Any]:
        """Return the result as ``scan-schema-2.json`` has it: plain types, the schema's order.

        The key ``evidence`` is there only when evidence was gathered.
        """
        interval = None if self.interval is None else [rounded(value) for value in self.interval]
        threshold = self.detector.threshold
        result = {
            "schema": SCHEMA,
            "path": self.path,
            "kind": self.kind,
            "status": self.status,
            "detail": self.detail,
            "verdict": self.verdict,
            "score": rounded(self.score),
            "interval": interval,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "decisive_track": self.decisive_track,
            "opinions": [opinion.to_dict() for opinion in self.opinions],
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

        A result of schema 1 has no opinions; the one on its faces is made from what it has.

        Raises
        ------
        ValueError
            When the values are of another schema, are incomplete, or contradict each other.
        """
        if values.get("schema") not in READABLE:
            wanted = " or ".join(map(str, sorted(READABLE)))
            raise ValueError(f"a scan result of schema {wanted} is needed, not of {values.get('schema')!r}")
        parts: dict[str, Any] = {
            "detector": DetectorInfo.from_dict,
            "coverage": Coverage.from_dict,
            "interval": pair,
            "tracks": lambda tracks: tuple(TrackScore.from_dict(track) for track in tracks),
            "reasons": lambda reasons: tuple(Reason(**reason) for reason in reasons),
            "opinions": lambda opinions: tuple(Opinion.from_dict(opinion) for opinion in opinions),
        }
        try:
            known = fields_in(cls, values)
            known.pop("evidence", None)
            result = cls(**{name: parts.get(name, lambda v: v)(value) for name, value in known.items()})
            return result if "opinions" in values else result.with_opinion_on_faces()
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"not a scan result: {type(error).__name__}: {error}") from None

    def with_opinion_on_faces(self, intervals: Mapping[int, tuple[float, float]] | None = None) -> ScanResult:
        """Return the result of a detector of faces with its one opinion, which says what the result says.

        Parameters
        ----------
        intervals
            90 % intervals around the scores of tracks, by their ids, where known.

        Returns
        -------
        ScanResult
            With one opinion; with none when the file could not be read.
        """
        if not self.was_read:
            return self
        opinion = Opinion(
            FACE_MANIPULATED,
            self.detector,
            self.verdict,
            self.score,
            self.interval,
            self.reasons,
            subjects_of(self.tracks, intervals),
            self.decisive_track,
        )
        return replace(self, opinions=(opinion,))

    def save_report(self, folder: str | Path) -> Path:
        """Write ``index.html`` and ``scan.json`` into a folder, made if missing; give the page's path."""
        from unmask.report.page import save_report

        return save_report([self], folder)
