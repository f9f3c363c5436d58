"""What changes a scan: settings that a scanner keeps from file to file, and options of a single file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from unmask.defaults import DETECTOR
from unmask.media import Limits, trust_anchors

MAX_FRAMES = 256


@dataclass(frozen=True)
class ScannerSettings:
    """What a scanner keeps from file to file.

    Parameters
    ----------
    detector
        Name of an installed detector, or the folder of an exported one.
    further_detectors
        Names or folders of more detectors, each with an opinion of its own. The first one's name and faces stand at the
        top of a result.
    threads
        Threads that find and score faces; None for one a processor, 8 at most. From two on each network also spreads
        its operators over two. Scores do not depend on it.
    limits
        Bounds on the files themselves.
    isolated
        Decode, and read content credentials, in a process of its own, so that what crashes, hangs or swells in there
        costs one file.
    stills
        Have images judged by the detector that a card names for them (its ``stills``); False: by the detector itself.
    trust_anchors
        Certificates in PEM: who signed content credentials with one that leads to one of these is trusted. None trusts
        nobody.
    """

    detector: str = DETECTOR
    threads: int | None = field(default=None, kw_only=True)
    limits: Limits = field(default_factory=Limits, kw_only=True)
    isolated: bool = field(default=True, kw_only=True)
    further_detectors: tuple[str, ...] = field(default=(), kw_only=True)
    stills: bool = field(default=True, kw_only=True)
    trust_anchors: str | None = field(default=None, kw_only=True)

    @property
    def detectors(self) -> tuple[str, ...]:
        """Names or folders of all detectors, the first one first."""
        return (self.detector, *self.further_detectors)

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise ValueError("threads must be at least 1")
        if self.trust_anchors is not None:
            object.__setattr__(self, "trust_anchors", trust_anchors(self.trust_anchors))

    def differing(self, other: ScannerSettings) -> list[str]:
        """Return the names of a scanner's settings in which two differ.

        Parameters
        ----------
        other
            Compared with these.
        """
        names = (each.name for each in fields(ScannerSettings))
        return [name for name in names if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True)
class ScanOptions:
    """What is wanted of one file.

    Parameters
    ----------
    frames
        Number of frames sampled from a video, evenly over its length; 1 to 256. None: a few, from where they are cheap
        to decode, and four to six times as many where those do not settle the verdict.
    every
        Seconds from one sampled frame to the next, instead of a number; 256 frames at most.
    seconds
        Sample the first so many seconds of a video only.
    minimum_face
        Longer side in pixels from which a face counts.
    faces
        Maximum number of faces on one frame, the largest first.
    crops
        Maximum number of faces scored per file. Above it, the budget is divided evenly among tracks and over time, at
        least one per track. Bounds the time that a crowd takes.
    evidence
        Gather what a report shows beside the scores: pictures of the sampled frames, maps of the shown faces, technical
        facts, content credentials. Runs the detector again on each shown face and reads the whole file.
    stability
        Score the frames that decide about a face again after re-encodings that websites make. What these change widens
        the interval, and a verdict that one of them would turn round becomes inconclusive.
    facts
        Gather the part of the evidence that is about the file alone: technical facts, content credentials, a watermark,
        the sound. Reads the whole file, and decodes the beginning and the end of its sound.

    Raises
    ------
    ValueError
        When a value is out of its range, or both frames and every are given.
    """

    frames: int | None = None
    every: float | None = None
    seconds: float | None = None
    minimum_face: float = 20.0
    faces: int = 64
    crops: int = 128
    evidence: bool = field(default=False, kw_only=True)
    stability: bool = field(default=False, kw_only=True)
    facts: bool = field(default=False, kw_only=True)

    @property
    def wants_facts(self) -> bool:
        """Whether facts of the file are gathered, with or without the rest of the evidence."""
        return self.evidence or self.facts

    def __post_init__(self) -> None:
        if self.frames is not None and not 1 <= self.frames <= MAX_FRAMES:
            raise ValueError(f"frames must be between 1 and {MAX_FRAMES}, not {self.frames}")
        if self.frames is not None and self.every is not None:
            raise ValueError("frames and every exclude each other")
        if not all(value is None or 0 < value < float("inf") for value in (self.every, self.seconds)):
            raise ValueError("every and seconds must be positive")
        if self.faces < 1 or self.crops < 1 or self.minimum_face < 1:
            raise ValueError("faces, crops and minimum_face must be at least 1")


@dataclass(frozen=True)
class Settings(ScanOptions, ScannerSettings):
    """Everything that changes what a scan does: a scanner's settings, and the options of its files."""

    def __post_init__(self) -> None:
        ScannerSettings.__post_init__(self)
        ScanOptions.__post_init__(self)


DEFAULTS = Settings()
