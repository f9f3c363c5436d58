"""Samples what detectors want beside the scan's own frames: bursts of successive frames, and windows of sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from unmask.media import Frame, Media, MediaError, Sampling, as_media_error
from unmask.scanning.bursts import BURST_PIXELS, ReducedFrame, find_reduced, reduce_frame
from unmask.scanning.inquiries import Inquiry

if TYPE_CHECKING:
    from unmask.evidence import FoundFaces, Moment, Wanted
    from unmask.media import AudioChunk, AudioSampling
    from unmask.scanning.observations import Observations

T = TypeVar("T")
Moments = dict[int, "Moment"]
"""What was extracted of one burst or window, by the number of the detector."""


class FurtherSampling:
    """The bursts and the windows of sound of one file; each is sampled once for all detectors that want the same.

    Parameters
    ----------
    media
        The opened file.
    passes
        The scan's own passes.
    inquiries
        What each detector is asked about the file.
    workers
        Extract what the detectors read, and score it.
    find
        Finds the faces of a frame.
    """

    def __init__(
        self,
        media: Media,
        passes: Sequence[Sampling],
        inquiries: Sequence[Inquiry],
        workers: Executor,
        find: Callable[[Frame, Observations], FoundFaces],
    ) -> None:
        self._media = media
        self._workers = workers
        self._find = find
        wanted = ((inquiry, inquiry.further(media.info, passes)) for inquiry in inquiries)
        self._wanted: dict[Inquiry, Wanted] = {inquiry: each for inquiry, each in wanted if each is not None}
        self._sound: dict[AudioSampling, list[AudioChunk]] = {}

    def added_to(self, seen: Observations) -> Observations:
        """Return the observations with what was sampled; the detail says what could not be decoded.

        Parameters
        ----------
        seen
            Of the scan's own frames.
        """
        details = [] if seen.detail is None else [seen.detail]
        for sound in dict.fromkeys(wanted.sound for wanted in self._wanted.values()):
            if sound is not None:
                self._sound[sound] = _taken(partial(self._media.audio, sound), "sound", details)
        made = [future.result() for future in self._submit_windows()]
        for frames in dict.fromkeys(wanted.frames for wanted in self._wanted.values()):
            if frames is not None:
                made += _taken(partial(self._of_bursts, frames, seen), "bursts", details)
        further = {
            inquiry.number: [moments[inquiry.number] for moments in made if inquiry.number in moments]
            for inquiry in self._wanted
        }
        return replace(seen, further=further, detail="; ".join(details) or None)

    def _submit_windows(self) -> list[Future[Moments]]:
        """Have extracted what is wanted of each window of sound where no frames are wanted with it."""
        pending = []
        for sound, chunks in self._sound.items():
            asking = [each for each, w in self._wanted.items() if w.sound == sound and w.frames is None]
            pending += [
                self._workers.submit(self._extract, asking, (), (chunk,), (), len(chunks)) for chunk in chunks
            ]
        return pending

    def _of_bursts(self, sampling: Sampling, seen: Observations) -> Iterator[Moments]:
        """Extract what is wanted of each burst, while the next one is decoded."""
        asking = [inquiry for inquiry, wanted in self._wanted.items() if wanted.frames == sampling]
        pending: Future[Moments] | None = None
        pixels = BURST_PIXELS // sampling.frames_of(1)
        for _, burst in groupby(self._media.sample(sampling), lambda frame: frame.burst):
            frames = [reduce_frame(frame, pixels) for frame in burst]
            if pending is not None:
                yield pending.result()
            pending = self._workers.submit(self._of_burst, frames, asking, sampling.count, seen)
        if pending is not None:
            yield pending.result()

    def _of_burst(
        self,
        burst: Sequence[ReducedFrame],
        asking: Sequence[Inquiry],
        bursts: int,
        seen: Observations,
    ) -> Moments:
        frames = [each.frame for each in burst]
        moments: Moments = {}
        found: dict[int, FoundFaces] = {}
        for inquiry in asking:
            places = inquiry.extractor.searched(len(frames))
            for place in places:
                if place not in found:
                    found[place] = self._found(frames, place, found.get(0), seen)
            sound = self._wanted[inquiry].sound
            chunks = self._sound[sound] if sound else ()
            faces = [found[place] for place in places]
            moments |= self._extract([inquiry], frames, chunks, faces, bursts, burst[0].factor)
        return moments

    def _found(
        self, frames: Sequence[Frame], place: int, first: FoundFaces | None, seen: Observations
    ) -> FoundFaces:
        """Find the faces of a burst's frame, with less effort on those between the ends."""

        def find(frame: Frame) -> FoundFaces:
            return self._find(frame, seen)

        if first is None or place == len(frames) - 1:
            return find(frames[place])
        smallest = min((one.quality.side for one in first.faces), default=0.0)
        return find_reduced(frames[place], smallest, find)

    def _extract(
        self,
        asking: Sequence[Inquiry],
        frames: Sequence[Frame],
        sound: Sequence[AudioChunk],
        found: Sequence[FoundFaces],
        planned: int,
        factor: float = 1.0,
    ) -> Moments:
        """Extract one moment for each detector, and have it scored; frames were reduced by a factor."""
        moments = {}
        for inquiry in asking:
            made = inquiry.extractor.extract(frames, sound, found)
            moments[inquiry.number] = replace(made, units=tuple(unit.scaled(factor) for unit in made.units))
            inquiry.take(moments[inquiry.number], planned)
        return moments


def _taken(begin: Callable[[], Iterator[T]], what: str, details: list[str]) -> list[T]:
    """Return what can be decoded of a sampling; where it breaks off, the details say so."""
    taken: list[T] = []
    try:
        iterator = as_media_error(begin)
        while (each := as_media_error(lambda: next(iterator, None))) is not None:
            taken.append(each)
    except MediaError as error:
        details.append(f"{what} only in part: {error.detail}")
    return taken
