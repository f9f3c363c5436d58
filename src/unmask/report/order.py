"""The order in which faces are shown: the one that the verdict rests on, then by suspicion."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report.tracks import TrackScore
from unmask.verdict import frames_needed

# How many frames are shown of a face, by its place in the order of suspicion; further faces are only listed.
SHARES = (6, 6, 4, 4, 1, 1, 1, 1)


def scored_looks(track: TrackScore) -> int:
    """Return the number of scored frames of a track."""
    return sum(frame.score is not None for frame in track.frames)


def looks_needed(tracks: Sequence[TrackScore], frames_sampled: int) -> int:
    """Return the number of scored frames from which a face counts for the verdict; at least one track is needed."""
    return min(frames_needed(frames_sampled), max(map(scored_looks, tracks)))


def by_suspicion(tracks: Sequence[TrackScore], frames_sampled: int, decisive: int | None) -> list[TrackScore]:
    """Return tracks in order: the decisive one, others that count, those seen too briefly; each by falling score."""
    needed = looks_needed(tracks, frames_sampled) if tracks else 0
    return sorted(
        tracks, key=lambda track: (track.id != decisive, scored_looks(track) < needed, -track.score)
    )
