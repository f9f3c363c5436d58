"""Gathers the evidence of a file that was scanned; nothing here runs unless evidence is asked for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.faces import profile
from unmask.media import Credentials, Frame, shrink
from unmask.report import Evidence, FaceEvidence, FrameView, ScanResult
from unmask.report.heatmaps import jpeg
from unmask.report.order import choose_shown

if TYPE_CHECKING:
    from unmask.detectors import Detector
    from unmask.evidence import Unit
    from unmask.scanning.observations import Observations
    from unmask.scanning.opinions import Answer

VIEW_SIDE = 640


@dataclass(frozen=True, eq=False)
class ScannedFile:
    """A file that was just scanned.

    Parameters
    ----------
    path
        Of the file.
    seen
        What the scan saw of it.
    answer
        The first detector's; its subjects are the result's tracks where it reads faces.
    result
        Without evidence.
    """

    path: Path
    seen: Observations
    answer: Answer
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
    detector: Detector | None,
    pool: Executor,
    read_credentials: Callable[[str | Path], Credentials],
) -> Evidence:
    """Gather the evidence of a file: the detector explains the shown faces once more.

    Parameters
    ----------
    scanned
        The file and what a scan made of it.
    detector
        The one that scored it; None leaves the shown faces out.
    pool
        Runs the detector.
    read_credentials
        Reads content credentials, from where the file can do no harm.
    """
    result, facts = scanned.result, scanned.seen.facts
    views = tuple(sampled.view for sampled in scanned.seen.frames if sampled.view is not None)
    units = scanned.answer.scored
    pending = []
    if detector is not None and detector.card.input.unit == "face":
        pending = [
            pool.submit(
                _face_evidence, detector, units[track][at].unit, track, result.tracks[track].frames[at].time
            )
            for track, at in choose_shown(result.tracks, len(views), result.decisive_track)
        ]
    with suppress(OSError):
        facts = facts.measured(scanned.path)
    credentials = read_credentials(scanned.path)
    return Evidence(
        views, tuple(future.result() for future in pending), facts, credentials, scanned.seen.sound
    )


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
    )
