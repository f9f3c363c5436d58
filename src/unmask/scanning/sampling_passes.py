"""Samples a file in passes: a few frames at first, more only where those do not settle the verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from unmask.media import Frame, Media, MediaError, MediaInfo, Sampling, as_media_error
from unmask.scanning.further_sampling import FurtherSampling
from unmask.scanning.inquiries import Inquiry
from unmask.scanning.settings import MAX_FRAMES, ScanOptions

if TYPE_CHECKING:
    from unmask.detectors import InputSpec
    from unmask.evidence import FoundFaces, Moment
    from unmask.faces import Effort
    from unmask.formats import OriginMark
    from unmask.report import FrameView
    from unmask.scanning.loading import Loading
    from unmask.scanning.observations import Observations, SampledFrame

# How many frames there are after each pass, by the video's length in seconds.
LONGER_THAN = (15.0, 30.0, 300.0)
PASS_SIZES = ((2, 12), (3, 12), (5, 20), (8, 32))
MAX_CROPS_KEPT = 4096

Progress = Callable[[float], None]


def plan_passes(options: ScanOptions, info: MediaInfo) -> list[Sampling]:
    """Plan the sampling passes over a file, each run only if those before were not enough.

    By default a first pass takes 2 frames of up to 15 s, 3 of up to half a minute, 5 of up to 5 minutes, 8
    of longer videos. A second one divides the video more finely and fills the parts that are still empty, up to 12, 12,
    20 or 32 frames in all.

    Parameters
    ----------
    options
        Of the file.
    info
        Of the file.
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
        Extract what the detectors read, and score it.
    room
        Bounds the frames that wait for the workers.
    inquiries
        What each detector is asked about the file.
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
        inquiries: Sequence[Inquiry],
        progress: Progress,
    ) -> None:
        self._media = media
        self._options = options
        self._loading = loading
        self._workers = workers
        self._room = room
        self._inquiries = inquiries
        self._progress = progress

    def observations(self) -> Observations:
        """Run passes until every opinion can stop early or every planned frame was sampled; then bursts and sound.

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
        while number < len(passes) and (asking := self._unsettled(seen, passes, number)):
            examine = partial(self._examine, seen=seen, passes=passes, number=number, asking=asking)
            report = partial(self._report, number, len(passes))
            seen = self._run_pass(seen, passes[number], frames, examine, report)
            frames, number = None, number + 1
            if media.info.duration != seen.info.duration:  # Longer or shorter than its header says.
                wanted, passes = passes[0].count, plan_passes(self._options, media.info)
                seen = replace(seen, planned=passes[-1].count)
                if passes[0].count > wanted:
                    number = 0
                    seen = seen if self._options.every is None else replace(seen, frames=())
            seen = replace(seen, info=media.info)
        seen = FurtherSampling(media, passes, self._inquiries, self._workers, self._find).added_to(seen)
        self._progress(1.0)
        return seen

    def _run_pass(
        self,
        seen: Observations,
        sampling: Sampling,
        frames: Iterator[Frame] | None,
        examine: Callable[[Frame], SampledFrame],
        progress: Progress,
    ) -> Observations:
        """Take one pass's frames, ordered already or not, extract what the detectors read and have it scored."""
        pending: list[Future[SampledFrame]] = []
        detail = seen.detail
        wanted = max(1, sampling.count - len(seen.frames))

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

    def _unsettled(self, seen: Observations, passes: Sequence[Sampling], number: int) -> Sequence[Inquiry]:
        """Return the detectors whose opinion more frames of the same kind may change; all before the first pass."""
        if not seen.frames:
            return self._inquiries
        if seen.detail is not None:
            return []
        return [
            inquiry
            for inquiry in self._inquiries
            if inquiry.shares_frames(seen.info, passes, number) and not inquiry.can_stop(seen)
        ]

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

    def _examine(
        self,
        frame: Frame,
        seen: Observations,
        passes: Sequence[Sampling],
        number: int,
        asking: Sequence[Inquiry],
    ) -> SampledFrame:
        """Extract what the detectors read of a frame, and have it scored."""
        from unmask.scanning.observations import SampledFrame

        sharing = [inquiry for inquiry in asking if inquiry.shares_frames(seen.info, passes, number)]
        found = self._find(frame, seen) if any(each.extractor.searched(1) for each in sharing) else None
        made: dict[InputSpec, Moment] = {}
        moments = {}
        for inquiry in sharing:
            spec = inquiry.card.input
            if spec not in made:
                made[spec] = inquiry.extractor.extract([frame], (), () if found is None else (found,))
            moments[inquiry.number] = made[spec]
            inquiry.take(made[spec], seen.planned)
        view = _view_of(frame) if self._options.evidence else None
        watermark = _watermark_of(frame) if self._reads_watermark(seen) else None
        if found is None:
            return SampledFrame(frame.time, moments, view, watermark=watermark)
        return SampledFrame(
            frame.time, moments, view, found.search, len(found.faces), found.left_out, found.halved, watermark
        )

    def _reads_watermark(self, seen: Observations) -> bool:
        """Return whether a watermark is searched for: the coding of a video leaves nothing of it."""
        return self._options.wants_facts and seen.info.kind == "image"

    def _find(self, frame: Frame, seen: Observations) -> FoundFaces:
        """Find the faces of a frame, as thoroughly as those seen before call for."""
        from unmask.evidence import SearchOptions, find_faces
        from unmask.faces import search_budget

        options = SearchOptions(
            _search_effort(seen),
            search_budget(seen.planned),
            self._options.minimum_face,
            min(self._options.faces, MAX_CROPS_KEPT // seen.planned),
        )
        return find_faces(frame, self._loading.finder.result, options)

    def _report(self, number: int, passes: int, share: float) -> None:
        self._progress((number + min(1.0, share)) / passes)


def _view_of(frame: Frame) -> FrameView:
    from unmask.scanning.evidence import view_of

    return view_of(frame)


def _watermark_of(frame: Frame) -> OriginMark | None:
    from unmask.formats.watermark import watermark_of

    return watermark_of(frame.image)


def _search_effort(seen: Observations) -> Effort:
    """Choose how thoroughly to search the next pass's frames for faces, by those of the passes before."""
    if seen.info.kind == "image":
        return "thorough"
    searches = [sampled.search for sampled in seen.frames if sampled.search is not None]
    return "quick" if any(not search.closer for search in searches) else "sparing"
