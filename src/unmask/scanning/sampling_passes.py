"""Samples a file in passes: a few frames at first, more only where those do not settle the verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from unmask.media import Frame, Media, MediaError, MediaInfo, Sampling, as_media_error
from unmask.scanning.face_finding import find_and_cut
from unmask.scanning.face_scoring import FaceScores
from unmask.scanning.settings import MAX_FRAMES, ScanOptions

if TYPE_CHECKING:
    from unmask.faces import Effort
    from unmask.scanning.loading import Loading
    from unmask.scanning.observations import Observations, SampledFrame

# How many frames there are after each pass, by the video's length in seconds.
LONGER_THAN = (15.0, 30.0, 300.0)
PASS_SIZES = ((2, 12), (3, 12), (5, 20), (8, 32))

Progress = Callable[[float], None]


def plan_passes(options: ScanOptions, info: MediaInfo) -> list[Sampling]:
    """Plan the sampling passes over a file, each run only if those before were not enough.

    Unless told otherwise a first pass takes 2 frames of up to 15 s, 3 of up to half a minute, 5 of up to 5 minutes, 8
    of longer videos. A second one divides the video more finely and fills the parts that are still empty, up to 12, 12,
    20 or 32 frames in all.
    """
    if info.kind == "image":
        return [Sampling(1)]
    duration = min(info.duration or 0.0, options.seconds or float("inf"))
    if options.every is not None:
        count = min(MAX_FRAMES, math.ceil(duration / options.every)) or MAX_FRAMES
        return [Sampling(count, options.every, options.seconds)]
    if options.frames is not None:
        return [Sampling(options.frames, until=options.seconds)]
    counts = PASS_SIZES[sum(duration > bound for bound in LONGER_THAN)]
    return [Sampling(count, until=options.seconds, near_keyframes=True) for count in counts]


class SamplingRun:
    """The sampling of one file.

    Parameters
    ----------
    media
        The opened file.
    options
        What is wanted of it.
    loading
        Imports, face finder and detector; waited for where they are needed.
    workers
        Find faces in frames and score them.
    room
        Bounds the frames that wait for the workers.
    scores
        Has the faces scored.
    progress
        Told how much is done, in [0, 1], from any thread.
    """

    def __init__(
        self,
        media: Media,
        options: ScanOptions,
        loading: Loading,
        workers: Executor,
        room: BoundedSemaphore,
        scores: FaceScores,
        progress: Progress,
    ) -> None:
        self._media = media
        self._options = options
        self._loading = loading
        self._workers = workers
        self._room = room
        self._scores = scores
        self._progress = progress

    def observations(self) -> Observations:
        """Run passes until the verdict can stop early or every planned frame was sampled.

        Raises
        ------
        MediaError
            When nothing of the file can be decoded.
        """
        media = self._media
        passes = plan_passes(self._options, media.info)
        first = media.sample(passes[0])  # The other process decodes while this one goes on importing.
        self._loading.imports.result()
        from unmask.scanning.observations import Observations

        seen = Observations(media.info, passes[-1].count)
        frames: Iterator[Frame] | None = first
        number = 0
        while number < len(passes) and not (seen.frames and self._can_stop(seen)):
            seen = self._run_pass(seen, passes[number], frames, partial(self._report, number, len(passes)))
            frames, number = None, number + 1
            if media.info.duration != seen.info.duration:  # Longer or shorter than its header says.
                wanted, passes = passes[0].count, plan_passes(self._options, media.info)
                seen = replace(seen, planned=passes[-1].count)
                if passes[0].count > wanted:
                    number = 0
                    seen = seen if self._options.every is None else replace(seen, frames=())
            seen = replace(seen, info=media.info)
        self._progress(1.0)
        return seen

    def _run_pass(
        self, seen: Observations, sampling: Sampling, frames: Iterator[Frame] | None, progress: Progress
    ) -> Observations:
        """Take one pass's frames, ordered already or not, find their faces and have them scored."""
        pending: list[Future[SampledFrame]] = []
        detail = seen.detail
        wanted = max(1, sampling.count - len(seen.frames))
        examine = partial(self._examine, planned=seen.planned, effort=_search_effort(seen))

        def examined(_: Future[SampledFrame]) -> None:
            progress(sum(future.done() for future in pending) / wanted)

        try:
            if frames is None:
                frames = self._media.sample(
                    replace(sampling, exclude=[sampled.time for sampled in seen.frames])
                )
            while (frame := as_media_error(lambda: next(frames, None))) is not None:
                if not math.isfinite(frame.time):
                    raise MediaError("unreadable", "a frame has an impossible time")
                pending.append(self._submit(examine, frame))
                pending[-1].add_done_callback(examined)
        except MediaError as error:
            if not pending and not seen.frames:
                raise
            detail = f"only in part: {error.detail}"
        sampled = [*seen.frames, *(future.result() for future in pending)]
        return replace(seen, frames=sorted(sampled, key=lambda each: each.time), detail=detail)

    def _can_stop(self, seen: Observations) -> bool:
        """Return whether more frames of the same kind would hardly change the verdict.

        There is one, every face that it rests on settles it, and no face waits in a crowd.
        """
        if seen.detail is not None:
            return True
        tracks = seen.tracks()
        if not tracks or not self._scores.are_taken(tracks):
            return False
        from unmask.scanning.observations import can_stop

        return can_stop(self._scores.scored(tracks), seen, self._loading.detector.result().card)

    def _submit(self, examine: Callable[[Frame], SampledFrame], frame: Frame) -> Future[SampledFrame]:
        """Hand a frame to the workers as soon as they have room for it."""
        self._room.acquire()
        try:
            submitted = self._workers.submit(examine, frame)
        except BaseException:
            self._room.release()
            raise
        submitted.add_done_callback(lambda _: self._room.release())
        return submitted

    def _examine(self, frame: Frame, planned: int, effort: Effort) -> SampledFrame:
        sampled = find_and_cut(frame, self._loading, self._options, planned, effort)
        self._scores.take_frame(sampled, planned)
        return sampled

    def _report(self, number: int, passes: int, share: float) -> None:
        self._progress((number + min(1.0, share)) / passes)


def _search_effort(seen: Observations) -> Effort:
    """Choose how thoroughly to search the next pass's frames for faces, by those of the passes before."""
    if seen.info.kind == "image":
        return "thorough"
    return "quick" if any(not sampled.search.closer for sampled in seen.frames) else "sparing"
