"""What one detector answers to one question about a file, and about what in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from unmask.report.codec import fields_in, is_probability, pair, require, rounded
from unmask.report.tracks import TrackScore
from unmask.verdict import Reason, Verdict

FACE_MANIPULATED = "face_manipulated"
SubjectKind = Literal["face", "picture", "sound"]
Interval = tuple[float, float]
_QUESTION = re.compile(r"[a-z][a-z0-9_]*")


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
            "threshold": rounded(self.threshold),
            "band": None if self.band is None else [rounded(value) for value in self.band],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DetectorInfo:
        """Read a detector of the JSON schema."""
        return cls(**{**fields_in(cls, values), "band": pair(values.get("band"))})


@dataclass(frozen=True)
class Subject:
    """What in a file an opinion is about: a face that was followed, the picture, or the sound.

    Parameters
    ----------
    kind
        ``"face"``, ``"picture"`` or ``"sound"``.
    id
        Number within the opinion, >= 0; of a face the id of its track.
    start, end
        Seconds from the start of the file, 0 <= start <= end; both 0 for an image.
    score
        Calibrated, in [0, 1]; None when it was not scored.
    interval
        (low, high) around the score, 90 %; None when it is not known.
    box
        (x0, y0, x1, y1) where it is at ``start``, pixels of the upright frame with square pixels; None for what has no
        place in the picture.
    """

    kind: SubjectKind
    id: int
    start: float = 0.0
    end: float = 0.0
    score: float | None = None
    interval: Interval | None = None
    box: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        require(self.kind in get_args(SubjectKind), f"unknown kind of subject {self.kind!r}")
        require(self.id >= 0, "id must be >= 0")
        require(0 <= self.start <= self.end < math.inf, "needs 0 <= start <= end")
        require(self.score is None or is_probability(self.score), "score must be in [0, 1]")
        require(self.interval is None or self.score is not None, "an interval needs a score")
        _require_interval(self.interval, self.score)
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            require(all(map(math.isfinite, self.box)) and x0 < x1 and y0 < y1, "box must be (x0, y0, x1, y1)")

    def to_dict(self) -> dict[str, Any]:
        """Return the subject as the JSON schema has it."""
        return {
            "kind": self.kind,
            "id": self.id,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "score": rounded(self.score),
            "interval": None if self.interval is None else [rounded(value) for value in self.interval],
            "box": None if self.box is None else [round(value, 1) for value in self.box],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Subject:
        """Read a subject of the JSON schema."""
        box = values.get("box")
        place = None if box is None else (box[0], box[1], box[2], box[3])
        return cls(**{**fields_in(cls, values), "interval": pair(values.get("interval")), "box": place})


@dataclass(frozen=True)
class Opinion:
    """What a detector answers to its question about a file.

    Parameters
    ----------
    question
        What was asked, such as ``"face_manipulated"``: lower case, words joined by underscores.
    detector
        Which detector answers.
    verdict, score, interval
        As in ``ScanResult``, of this question alone; all None when the file has nothing that the detector could judge.
    reasons
        What widens the interval, and why there is no verdict.
    subjects
        What was looked at; never empty beside a verdict.
    decisive
        Id of the subject that the verdict rests on, or None.

    Raises
    ------
    ValueError
        When the parts contradict each other.
    """

    question: str
    detector: DetectorInfo
    verdict: Verdict | None = None
    score: float | None = None
    interval: Interval | None = None
    reasons: tuple[Reason, ...] = ()
    subjects: tuple[Subject, ...] = ()
    decisive: int | None = None

    def __post_init__(self) -> None:
        require(_QUESTION.fullmatch(self.question) is not None, f"no name of a question: {self.question!r}")
        require(
            self.verdict is None or self.verdict in get_args(Verdict), f"unknown verdict {self.verdict!r}"
        )
        judged = [part is not None for part in (self.verdict, self.score, self.interval)]
        require(all(judged) or not any(judged), "verdict, score and interval come together")
        require(bool(self.subjects) or not any(judged), "a verdict needs a subject")
        _require_interval(self.interval, self.score)
        ids = [subject.id for subject in self.subjects]
        require(len(set(ids)) == len(ids), "ids of subjects must differ")
        require(self.decisive is None or self.decisive in ids, "decisive is no subject's id")

    def to_dict(self) -> dict[str, Any]:
        """Return the opinion as the JSON schema has it."""
        return {
            "question": self.question,
            "detector": self.detector.to_dict(),
            "verdict": self.verdict,
            "score": rounded(self.score),
            "interval": None if self.interval is None else [rounded(value) for value in self.interval],
            "reasons": [reason.to_dict() for reason in self.reasons],
            "subjects": [subject.to_dict() for subject in self.subjects],
            "decisive": self.decisive,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Opinion:
        """Read an opinion of the JSON schema."""
        parts = {
            "detector": DetectorInfo.from_dict(values["detector"]),
            "interval": pair(values["interval"]),
            "reasons": tuple(Reason(**reason) for reason in values["reasons"]),
            "subjects": tuple(Subject.from_dict(subject) for subject in values["subjects"]),
        }
        return cls(**{**fields_in(cls, values), **parts})


def subjects_of(
    tracks: Iterable[TrackScore], intervals: Mapping[int, Interval] | None = None
) -> tuple[Subject, ...]:
    """Return the faces of tracks as subjects.

    Parameters
    ----------
    tracks
        Faces, each with at least one frame.
    intervals
        Around the scores of tracks, by their ids; a face without one has none.
    """
    known = intervals or {}
    return tuple(
        Subject(
            "face",
            track.id,
            track.frames[0].time,
            track.frames[-1].time,
            track.score,
            known.get(track.id),
            track.frames[0].box,
        )
        for track in tracks
    )


def _require_interval(interval: Interval | None, score: float | None) -> None:
    if interval is not None and score is not None:
        low, high = interval
        require(0 <= low <= score <= high <= 1, "the interval must hold the score")
