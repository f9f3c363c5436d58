"""Gathers the evidence of a file that was scanned; nothing here runs unless evidence is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.faces import profile
from unmask.media import Credentials, Frame, shrink
from unmask.report import ClipEvidence, Evidence, FaceEvidence, FrameView, PartEvidence, ScanResult
from unmask.report.heatmaps import jpeg
from unmask.report.order import choose_shown

if TYPE_CHECKING:
    from unmask.detectors import Detector, Explanation
    from unmask.evidence import Unit
    from unmask.scanning.observations import Observations
    from unmask.scanning.opinions import Answer

VIEW_SIDE = 640
MOST_CLIPS = 16
"""Clips and windows of sound that are explained in one file."""
WITH_CURVES = frozenset({"face_clip", "audio"})


@dataclass(frozen=True, eq=False)
class ScannedFile:
    """A file that was just scanned.

    Parameters
    ----------
    path
        Of the file.
    seen
        What the scan saw of it.
    answers
        One a detector. The subjects of the first one are the result's tracks where it reads faces.
    result
        Without evidence.
    """

    path: Path
    seen: Observations
    answers: Sequence[Answer]
    result: ScanResult


def view_of(frame: Frame) -> FrameView:
    """Return a small picture of a sampled frame.

    Parameters
    ----------
    frame
        In full size.
    """
    height, width = frame.image.shape[:2]
    scale = min(1.0, VIEW_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return FrameView(max(0.0, frame.time), width, height, jpeg(shrink(frame.image, size, gap=2.0), 75))


def gather(
    scanned: ScannedFile,
    detectors: Sequence[Detector],
    pool: Executor,
    read_credentials: Callable[[str | Path], Credentials],
) -> Evidence:
    """Gather the evidence of a file: the detectors explain the shown faces and their clips once more.

    Parameters
    ----------
    scanned
        The file and what a scan made of it.
    detectors
        Those that scored it, in the order of the answers; none leaves faces and clips out.
    pool
        Runs the detector.
    read_credentials
        Reads content credentials, from where the file can do no harm.
    """
    result, facts = scanned.result, scanned.seen.facts
    views = tuple(sampled.view for sampled in scanned.seen.frames if sampled.view is not None)
    pending = []
    if detectors and detectors[0].card.input.unit == "face":
        units = scanned.answers[0].scored
        pending = [
            pool.submit(
                _face_evidence,
                detectors[0],
                units[track][at].unit,
                track,
                result.tracks[track].frames[at].time,
            )
            for track, at in choose_shown(result.tracks, len(views), result.decisive_track)
        ]
    drawn = [
        (each, one.unit, subject.id)
        for each, answer in zip(detectors, scanned.answers, strict=False)
        if each.card.input.unit in WITH_CURVES and each.draws_curves
        for subject, scored in zip(answer.subjects, answer.scored, strict=True)
        for one in scored
        if one.prediction is not None
    ]
    clips = [pool.submit(_clip_evidence, *each) for each in drawn[:MOST_CLIPS]]
    with suppress(OSError):
        facts = facts.measured(scanned.path)
    credentials = read_credentials(scanned.path)
    return Evidence(
        views,
        tuple(future.result() for future in pending),
        facts,
        credentials,
        scanned.seen.sound,
        tuple(future.result() for future in clips),
    )


def _clip_evidence(detector: Detector, unit: Unit, subject: int) -> ClipEvidence:
    """Let a detector of clips or of sound explain one of them."""
    (explained,) = detector.explain({name: array[None] for name, array in unit.inputs.items()})
    start = max(0.0, unit.place.start)
    return ClipEvidence(detector.name, subject, start, max(start, unit.place.end), explained.curves)


def _face_evidence(detector: Detector, unit: Unit, track: int, time: float) -> FaceEvidence:
    """Let the detector explain one face."""
    crop, box = unit.inputs["crops"], unit.place.box
    assert box is not None
    explained = detector.explain({"crops": crop[None]})[0]
    rebuilt = explained.reconstruction
    return FaceEvidence(
        track=track,
        time=time,
        square=profile(detector.card.crop_profile).square(box),
        crop=jpeg(crop),
        patch_logits=explained.patch_logits,
        reconstruction=None if rebuilt is None else jpeg(rebuilt, 90),
        error_map=explained.error_map,
        blend_mask=explained.blend_mask,
        parts=_parts(explained),
    )


def _parts(explained: Explanation) -> tuple[PartEvidence, ...]:
    """Return the parts of a face, each with its share of what speaks for manipulation."""
    return tuple(
        PartEvidence(part.name, part.x, part.y, part.visible, share)
        for part, share in zip(explained.parts, explained.part_shares, strict=True)
    )
