"""The order in which faces are shown: the one that the verdict rests on, then by suspicion."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.media import spread
from unmask.report.tracks import TrackScore
from unmask.verdict import frames_needed

# How many frames are shown of a face, by its place in the order of suspicion; further faces are only listed.
SHARES = (6, 6, 4, 4, 1, 1, 1, 1)


def scored_frames(track: TrackScore) -> int:
    """Return the number of scored frames of a track.

    Parameters
    ----------
    track
        Of one face.
    """
    return sum(frame.score is not None for frame in track.frames)


def scored_frames_needed(tracks: Sequence[TrackScore], frames_sampled: int) -> int:
    """Return the number of scored frames from which a face counts for the verdict.

    Parameters
    ----------
    tracks
        At least one.
    frames_sampled
        Of the file.
    """
    return min(frames_needed(frames_sampled), max(map(scored_frames, tracks)))


def by_suspicion(tracks: Sequence[TrackScore], frames_sampled: int, decisive: int | None) -> list[TrackScore]:
    """Return tracks in order: the decisive one, others that count, those seen too briefly; each by falling score.

    Parameters
    ----------
    tracks
        Of the file.
    frames_sampled
        Of the file.
    decisive
        Id of a track.
    """
    needed = scored_frames_needed(tracks, frames_sampled) if tracks else 0
    return sorted(
        tracks, key=lambda track: (track.id != decisive, scored_frames(track) < needed, -track.score)
    )


def choose_shown(
    tracks: Sequence[TrackScore], frames_sampled: int, decisive: int | None = None
) -> list[tuple[int, int]]:
    """Choose the faces to show: (id of the track, position of the frame in it), in order of time within a track.

    Of a track with more scored frames than its share, half are those with the highest scores, the others are spread
    evenly over the rest: what speaks against the score is shown too.

    Parameters
    ----------
    tracks
        Of the file.
    frames_sampled
        Of the file.
    decisive
        Id of a track.
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
