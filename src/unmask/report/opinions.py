"""What one detector answers to one question about a file, and about what in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from unmask.report.codec import Box, Count, Interval, Number, Part, Pattern, Probability, Seconds, require
from unmask.report.stability import Stability
from unmask.report.tracks import TrackScore
from unmask.verdict import LikelihoodRatio, Reason, Verdict

FACE_MANIPULATED = "face_manipulated"
SubjectKind = Literal["face", "picture", "sound"]


@dataclass(frozen=True)
class DetectorInfo(Part):
    """Which detector scored.

    Parameters
    ----------
    name, version
        As its card has them.
    sha256
        Of the detector's weights, in hex.
    crop_profile
        How faces are cut for it; empty where it reads no faces.
    threshold
        Calibrated score that parts real from fake.
    band
        [low, high]; scores inside are inconclusive.
    """

    name: str
    version: str
    sha256: str
    crop_profile: str
    threshold: Probability | None = None
    band: Interval | None = None


@dataclass(frozen=True)
class Measure(Part):
    """What a detector measured beside its score.

    Parameters
    ----------
    name
        As the detector's card or the documentation of its unit explains it.
    value
        In the unit that it is explained with.
    """

    name: str
    value: Annotated[float, Number(None, None, 4)]


@dataclass(frozen=True)
class Window(Part):
    """A stretch of time that was scored: a clip of a face, or a window of sound.

    Parameters
    ----------
    start, end
        Seconds from the start of the file.
    score
        Calibrated; None when it was not scored.
    measures
        Of this window.
    """

    start: Seconds
    end: Seconds
    score: Probability | None = None
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Subject(Part):
    """What in a file an opinion is about: a face that was followed, the picture, or the sound.

    Parameters
    ----------
    kind
        What it is.
    id
        Number within the opinion; of a face the id of its track.
    start, end
        Seconds from the start of the file; 0 for an image.
    score
        Calibrated; None when it was not scored.
    interval
        90 % interval around the score, [low, high]; None when it is not known.
    box
        [x0, y0, x1, y1] at the start, pixels of the upright frame; None for what has no place in it.
    windows
        What was scored of it, for detectors of clips and of sound; the frames of a face are in ``tracks``.
    """

    kind: SubjectKind
    id: Count
    start: Seconds = 0.0
    end: Seconds = 0.0
    score: Probability | None = None
    interval: Interval | None = None
    box: Box | None = None
    windows: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.start <= self.end, "needs start <= end")
        require(self.interval is None or self.score is not None, "an interval needs a score")
        require_interval(self.interval, self.score)
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            require(x0 < x1 and y0 < y1, "box must be (x0, y0, x1, y1)")


@dataclass(frozen=True)
class Attribution(Part):
    """Which known kind of manipulation a face resembles most, should it be manipulated.

    Parameters
    ----------
    resembles
        Name of a family of manipulation, or of what was enrolled; None for none of the known ones.
    confidence
        Estimated probability that this is so.
    """

    resembles: str | None
    confidence: Probability


@dataclass(frozen=True)
class Opinion(Part):
    """What a detector answers to its question about a file.

    Parameters
    ----------
    question
        What was asked, such as face_manipulated.
    detector
        Which detector answers.
    verdict
        On this question alone; None, as score and interval, when the file has nothing that the detector could judge.
    score
        Calibrated probability of manipulation, as far as this question goes.
    interval
        90 % interval around the score, [low, high].
    reasons
        What widens the interval, and why there is no verdict.
    subjects
        What was analysed; never empty beside a verdict.
    decisive
        Id of the subject that the verdict rests on.
    lr
        Likelihood ratio of the one face of a file; None where there are several or the face is rejected, and where the
        detector's card does not say what its scores were calibrated on.
    stability
        The decisive face after re-encodings; None where it was not scored again.
    attribution
        Of the decisive face; None where the verdict is likely real, or the detector knows no kinds.
    """

    question: Annotated[str, Pattern("[a-z][a-z0-9_]*")]
    detector: DetectorInfo
    verdict: Verdict | None = None
    score: Probability | None = None
    interval: Interval | None = None
    reasons: tuple[Reason, ...] = ()
    subjects: tuple[Subject, ...] = ()
    decisive: Count | None = None
    lr: LikelihoodRatio | None = None
    stability: Stability | None = None
    attribution: Attribution | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        judged = [part is not None for part in (self.verdict, self.score, self.interval)]
        require(all(judged) or not any(judged), "verdict, score and interval come together")
        require(bool(self.subjects) or not any(judged), "a verdict needs a subject")
        require_interval(self.interval, self.score)
        ids = [subject.id for subject in self.subjects]
        require(len(set(ids)) == len(ids), "ids of subjects must differ")
        require(self.decisive is None or self.decisive in ids, "decisive is no subject's id")


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


def require_interval(interval: Interval | None, score: float | None) -> None:
    """Check that an interval holds the score; either may be None.

    Parameters
    ----------
    interval
        (low, high).
    score
        In [0, 1].

    Raises
    ------
    ValueError
        When it does not.
    """
    if interval is not None and score is not None:
        require(interval[0] <= score <= interval[1], "the interval must hold the score")
