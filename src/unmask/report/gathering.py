"""Gathers the evidence of one file while it is scanned; nothing here runs unless evidence is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.faces import Box, profile
from unmask.media import Credentials, FileFacts, Frame, shrink, spread
from unmask.report.evidence import Evidence, FaceEvidence, FrameView
from unmask.report.heatmaps import jpeg
from unmask.report.result import TrackScore
from unmask.verdict import frames_needed

if TYPE_CHECKING:
    import numpy as np

    from unmask.detectors import Detector

VIEW_SIDE = 640
# How many frames are shown of a face, by its place in the order of suspicion; further faces are only listed.
SHARES = (6, 6, 4, 4, 1, 1, 1, 1)


def view_of(frame: Frame) -> FrameView:
    """Make a small picture of a sampled frame."""
    height, width = frame.image.shape[:2]
    scale = min(1.0, VIEW_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return FrameView(max(0.0, frame.time), width, height, jpeg(shrink(frame.image, size, gap=2.0), 75))


def scored_looks(track: TrackScore) -> int:
    """Count the scored frames of a track."""
    return sum(frame.score is not None for frame in track.frames)


def looks_needed(tracks: Sequence[TrackScore], frames_sampled: int) -> int:
    """Return the number of scored frames from which a face counts for the verdict."""
    return min(frames_needed(frames_sampled), max(map(scored_looks, tracks)))


def by_suspicion(tracks: Sequence[TrackScore], frames_sampled: int, decisive: int | None) -> list[TrackScore]:
    """Order tracks: the one that the verdict rests on, others that count, those seen too briefly; by falling score."""
    needed = looks_needed(tracks, frames_sampled) if tracks else 0
    return sorted(
        tracks, key=lambda track: (track.id != decisive, scored_looks(track) < needed, -track.score)
    )


def choose_shown(
    tracks: Sequence[TrackScore], frames_sampled: int, decisive: int | None = None
) -> list[tuple[int, int]]:
    """Choose the faces to show: (id of the track, position of the frame in it), in order of time within a track.

    Of a track with more scored frames than its share, half are those with the highest scores, the others are spread
    evenly over the rest: what speaks against the score is shown too.
    """
    chosen: list[tuple[int, int]] = []
    for track, share in zip(by_suspicion(tracks, frames_sampled, decisive), SHARES, strict=False):
        scored = [place for place, frame in enumerate(track.frames) if frame.score is not None]
        if len(scored) > share:
            by_score = sorted(scored, key=lambda place: track.frames[place].score or 0.0, reverse=True)
            highest = by_score[: (share + 1) // 2]
            rest = [place for place in scored if place not in highest]
            scored = sorted(highest + [rest[k] for k in spread(len(rest), share - len(highest))])
        chosen += [(track.id, place) for place in scored]
    return chosen


def gather(
    path: str | Path,
    header: FileFacts,
    views: Sequence[FrameView],
    tracks: Sequence[TrackScore],
    decisive: int | None,
    observations: Mapping[int, Sequence[tuple[np.ndarray | None, Box]]],
    detector: Detector,
    pool: Executor,
    read_credentials: Callable[[str | Path], Credentials],
) -> Evidence:
    """Gather the evidence of a file that was just scanned: the detector explains the shown faces once more.

    header : the file's facts so far. observations : by id of the track, crop (H, W, 3) uint8 RGB and face box of
    each of its frames. pool : runs the detector. read_credentials : reads content credentials, from where the file
    can do no harm.
    """
    shown = choose_shown(tracks, len(views), decisive)
    pending = [
        pool.submit(face_evidence, detector, *observations[track][place], track, _time(tracks, track, place))
        for track, place in shown
    ]
    with suppress(OSError):
        header = header.measured(path)
    credentials = read_credentials(path)
    return Evidence(tuple(views), tuple(future.result() for future in pending), header, credentials)


def face_evidence(
    detector: Detector, crop: np.ndarray | None, box: Box, track: int, time: float
) -> FaceEvidence:
    """Let the detector explain one crop (H, W, 3) uint8 RGB, cut for a face box."""
    assert crop is not None
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


def _time(tracks: Sequence[TrackScore], wanted: int, place: int) -> float:
    return next(track.frames[place].time for track in tracks if track.id == wanted)
