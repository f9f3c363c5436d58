"""The one result type of a scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from unmask.formats.errors import MediaKind
from unmask.formats.generators import OriginMark
from unmask.report.codec import OMITTED, Count, Interval, Part, Probability, Seconds, require
from unmask.report.evidence import Evidence
from unmask.report.opinions import FACE_MANIPULATED, DetectorInfo, Opinion, require_interval, subjects_of
from unmask.report.tracks import TrackScore
from unmask.verdict import LikelihoodRatio, Reason, Verdict

SCHEMA = 2
READABLE = frozenset({1, 2})  # Schemas of which `ScanResult.from_dict` reads results.

Status = Literal["ok", "no_face", "unreadable", "unsupported", "too_large", "failed"]
READ: frozenset[Status] = frozenset({"ok", "no_face"})


@dataclass(frozen=True)
class Coverage(Part):
    """How much of the file was analysed.

    Parameters
    ----------
    duration
        Seconds; None for an image, or when unknown.
    frames_sampled
        Sampled frames.
    frames_with_face
        Those of them on which a face was found.
    frames_planned
        Frames that would have been sampled without the early stop; None where none was sampled.
    longest_gap
        Seconds of the longest stretch without a sampled frame; None for an image.
    times
        Of the sampled frames, seconds from the start, in order; nothing between them was analysed.
    frames_damaged
        Frames that were decoded, found damaged and left out.
    smallest_face
        Longer side, in pixels, from which faces are found reliably on every sampled frame; None when not known.
    """

    JSON: ClassVar[tuple[str, ...]] = (
        "duration",
        "frames_sampled",
        "frames_with_face",
        "times",
        "frames_planned",
        "longest_gap",
        "frames_damaged",
        "smallest_face",
    )

    duration: Seconds | None = None
    frames_sampled: Count = 0
    frames_with_face: Count = 0
    frames_planned: Count | None = None
    longest_gap: Seconds | None = None
    times: tuple[Seconds, ...] = ()
    frames_damaged: Count = 0
    smallest_face: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.frames_with_face <= self.frames_sampled, "frames_with_face exceeds frames_sampled")


@dataclass(frozen=True)
class ScanResult(Part):
    """What a scan found out about one file.

    Parameters
    ----------
    path
        As given on the command line or found in a folder.
    kind
        For a file that could not be read, what its name suggests.
    status
        "failed" is an error of unmask's own, which says nothing about the file; all others are about the file.
    detector
        The one that the other fields are of.
    detail
        One line, for people.
    verdict
        None unless the status is ok.
    score
        Calibrated probability of manipulation of the face that the verdict rests on; None when nothing was scored.
    interval
        90 % interval around the score, [low, high].
    tracks
        One for each face that was followed through the sampled frames.
    coverage
        How much of the file was analysed.
    seconds
        Wall time of this scan.
    reasons
        What widens the interval, and why a verdict is inconclusive.
    decisive_track
        Id of the face that the verdict rests on.
    opinions
        Of each detector that was asked about a file that could be read; the other fields sum them up.
    provenance
        What the file states about its origin; anybody can write or remove that, and no opinion depends on it.
    isolation
        What confined the process that decoded the file beside bounds on memory and time, as landlock 4 + namespaces;
        process where nothing else did, None where the scan decoded it itself.
    evidence
        There when a report or an annotated copy was asked for; its strings come from the file.

    Raises
    ------
    ValueError
        When its parts contradict each other: a verdict, score and interval exist exactly when the status is ok, and
        the interval holds the score.
    """

    JSON: ClassVar[tuple[str, ...]] = (
        "schema",
        "path",
        "kind",
        "status",
        "detail",
        "verdict",
        "score",
        "interval",
        "reasons",
        "decisive_track",
        "opinions",
        "tracks",
        "coverage",
        "detector",
        "provenance",
        "isolation",
        "seconds",
    )
    DERIVED: ClassVar[Mapping[str, Any]] = {"schema": Literal[2]}

    path: str
    kind: MediaKind
    status: Status
    detector: DetectorInfo
    detail: str | None = None
    verdict: Verdict | None = None
    score: Probability | None = None
    interval: Interval | None = None
    tracks: tuple[TrackScore, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    seconds: Seconds = 0.0
    reasons: tuple[Reason, ...] = ()
    decisive_track: Count | None = None
    opinions: tuple[Opinion, ...] = ()
    provenance: tuple[OriginMark, ...] = ()
    isolation: str | None = field(default=None, compare=False)
    evidence: Annotated[Evidence | None, OMITTED] = field(default=None, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.detail is None or len(self.detail.splitlines()) == 1, "detail must be one line")
        ids = [track.id for track in self.tracks]
        require(len(set(ids)) == len(ids), "track ids must differ")
        require(self.decisive_track is None or self.decisive_track in ids, "decisive_track is no track's id")
        judged = [part is not None for part in (self.verdict, self.score, self.interval)]
        if self.status == "ok":
            require(all(judged), "an ok result needs verdict, score and interval")
            subjects = bool(self.tracks) or any(opinion.subjects for opinion in self.opinions)
            require(subjects, "an ok result needs a track, or an opinion with a subject")
            require_interval(self.interval, self.score)
        else:
            nothing = not any(judged) and not self.tracks
            require(nothing, f"status {self.status} has no verdict, score or tracks")
            opined = any(opinion.verdict for opinion in self.opinions)
            require(not opined, f"status {self.status} has no opinion with a verdict")
            require(self.was_read or not self.opinions, "of a file that was not read there is no opinion")
            require(self.status == "no_face" or self.detail is not None, "a failure needs a detail")

    @property
    def was_read(self) -> bool:
        """Whether the file could be read (a file without a face was)."""
        return self.status in READ

    def to_dict(self) -> dict[str, Any]:
        """Return the result as ``scan-schema-2.json`` has it: plain types, the schema's order.

        The key ``evidence`` is there only when evidence was gathered.
        """
        values = super().to_dict() | {"schema": SCHEMA}
        values["tracks"] = [track.to_dict(self.detector.threshold) for track in self.tracks]
        result = {name: values[name] for name in self.JSON}
        return result if self.evidence is None else result | {"evidence": self.evidence.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScanResult:
        """Return a result that ``to_dict`` wrote, such as a line of a results log; its evidence is left out.

        A result of schema 1 has no opinions; the one on its faces is made from what it has.

        Parameters
        ----------
        values
            Of JSON.

        Raises
        ------
        ValueError
            When the values are of another schema, are incomplete, or contradict each other.
        """
        if values.get("schema") not in READABLE:
            wanted = " or ".join(map(str, sorted(READABLE)))
            raise ValueError(f"a scan result of schema {wanted} is needed, not of {values.get('schema')!r}")
        try:
            result = super().from_dict(values)
            return result if "opinions" in values else result.with_opinion_on_faces()
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"not a scan result: {type(error).__name__}: {error}") from None

    def with_opinion_on_faces(
        self, intervals: Mapping[int, Interval] | None = None, lr: LikelihoodRatio | None = None
    ) -> ScanResult:
        """Return the result of a detector of faces with its one opinion, which says what the result says.

        Parameters
        ----------
        intervals
            90 % intervals around the scores of tracks, by their ids, where known.
        lr
            Likelihood ratio of a file's one face, where known.

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
            lr,
        )
        return replace(self, opinions=(opinion,))

    def save_report(self, folder: str | Path) -> Path:
        """Write ``index.html`` and ``scan.json``, and return the page's path.

        Parameters
        ----------
        folder
            Made if missing.
        """
        from unmask.report.page import save_report

        return save_report([self], folder)
