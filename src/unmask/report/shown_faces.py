"""Which frames of which faces a report shows."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.media import spread
from unmask.report.order import SHARES, by_suspicion
from unmask.report.tracks import TrackScore


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
