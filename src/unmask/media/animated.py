"""Animations by Pillow: their frames' times are known before any is decoded."""

from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image

from unmask.formats.avif import avif_times
from unmask.formats.canvas import Canvas
from unmask.formats.errors import MediaError
from unmask.formats.facts import FileFacts
from unmask.formats.generators import OriginMark
from unmask.formats.layers import Animation
from unmask.formats.stills import displayed, pillow_errors, strips_of
from unmask.media import plan
from unmask.media.bursts import BurstPlace, plan_bursts
from unmask.media.frame import Limits, MediaInfo
from unmask.media.image import ImageMedia
from unmask.media.picture import Picture
from unmask.media.sampling import Sampling
from unmask.media.source import DecodedMedia, opened

if TYPE_CHECKING:
    from pathlib import Path

# A frame depends on those before it and is decoded on one thread, so many times slower than a video's.
SLOWNESS = 8
ENDS_EARLY = "the file breaks off; only its whole pictures were analysed"


class AnimatedMedia(DecodedMedia):
    """An animation whose frames' times are known before any is decoded.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    formats
        Pillow's formats that may read it.
    limits
        Bounds on the work.
    """

    def __init__(self, source: Path | int, formats: tuple[str, ...], limits: Limits) -> None:
        self._source = source
        self._formats = formats
        self._limits = limits
        self._pixels_left = limits.decoded_pixels // SLOWNESS

    @abstractmethod
    def _times(self) -> list[float]:
        """Return when each frame comes up, in seconds, and when the last one ends."""

    @abstractmethod
    def _frame(self, number: int) -> Image.Image | None:
        """Return a frame as RGB; None when it cannot be decoded."""

    def pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Return pictures by the plan of short videos; only what they need is decoded."""
        chosen = self._chosen_bursts(sampling) or [(*frame, None) for frame in self._chosen(sampling)]
        self._pixels_left = self._limits.decoded_pixels // SLOWNESS
        given = broken = 0
        for time, number, burst in chosen:
            try:
                with pillow_errors():
                    frame = self._frame(number)
            except MediaError as error:
                if given and sampling.every_frame and error.status == "too_large":
                    return
                raise
            if frame is None:
                broken += 1
                continue
            given += 1
            yield Picture(time, frame.width, frame.height, strips_of(frame), burst=burst)
        if given == 0 and chosen:
            raise MediaError("unreadable", "no frame of the animation can be decoded")
        if broken and not sampling.every_frame:
            raise MediaError("unreadable", f"{broken} of {len(chosen)} frames cannot be decoded")

    def _chosen(self, sampling: Sampling) -> list[tuple[float, int]]:
        """Choose the frames, as (seconds, number), from their times alone."""
        times = self._times()
        end = times.pop()
        shown = [(time, number) for number, time in enumerate(times)]
        if sampling.every_frame:
            return [(time, number) for time, number in shown if time <= sampling.end(0.0, math.inf)]
        if not sampling.near_keyframes:
            return list(plan.nearest(shown, sampling.moments(0.0, end)))
        if end < plan.HELD_SECONDS * len(times):
            survey = plan.Survey(0.0, end, len(times), ((0, 0.0),))
            return list(plan.following(shown, plan.cheap_moments(survey, sampling.parts(0.0, end))))
        # Slides: what is on show in the middle of each part, each picture once.
        numbers = {bisect_right(times, (low + high) / 2) - 1 for low, high in sampling.parts(0.0, end)}
        return [shown[number] for number in sorted(numbers) if shown[number][0] not in sampling.exclude]

    def _chosen_bursts(self, sampling: Sampling) -> list[tuple[float, int, BurstPlace | None]]:
        """Choose the frames of bursts, as (seconds, number, place); none where no bursts are wanted."""
        if sampling.burst is None:
            return []
        *times, end = self._times()
        first = replace(sampling, burst=None)
        moments = [time for time, _ in self._chosen(first)]
        bursts = plan_bursts(times, moments, sampling.burst, [(0.0, sampling.end(0.0, end))])
        return [
            (time, bisect_left(times, time), BurstPlace(number, place))
            for number, burst in enumerate(bursts)
            for place, time in enumerate(burst)
        ]

    def _spend(self, pixels: int) -> None:
        """Count work; MediaError beyond the limit."""
        self._pixels_left -= pixels
        if self._pixels_left < 0:
            raise MediaError("too_large", "decoding more of the animation takes too much work")

    def facts(self) -> FileFacts:
        """Read the technical facts that the header states."""
        with ImageMedia(self._source, self._formats, self._limits) as image:
            facts = image.facts()
        duration, frames = self.info.duration, self.info.frames
        streams = tuple(
            replace(stream, kind="video", frames=frames, frame_rate=self.info.frame_rate)
            for stream in facts.streams
        )
        return replace(facts, duration=duration, streams=streams)

    def _stated(self, width: int, height: int, codec: str, details: tuple[str, ...] = ()) -> MediaInfo:
        times = self._times()
        frames, duration = len(times) - 1, times[-1]
        marks: tuple[OriginMark, ...] = ()
        with suppress(MediaError), ImageMedia(self._source, self._formats, self._limits) as image:
            marks = image.info.marks
        if frames == 1:
            return MediaInfo("image", width, height, codec=codec, frames=1, details=details, marks=marks)
        rate = frames / duration
        return MediaInfo("video", width, height, duration, rate, codec, frames, details, marks=marks)

    def close(self) -> None:
        """Close the file."""


class LayeredMedia(AnimatedMedia):
    """An animated GIF, PNG or WebP file: its layers, decoded one by one by Pillow, drawn onto a canvas.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    formats
        Pillow's format of its layers.
    animation
        Its layers.
    limits
        Bounds on the work.
    """

    def __init__(
        self, source: Path | int, formats: tuple[str, ...], animation: Animation, limits: Limits
    ) -> None:
        super().__init__(source, formats, limits)
        self._animation = animation
        self._canvas = Canvas(animation, formats[0], limits.image_pixels, self._spend)
        details = (ENDS_EARLY,) if animation.ends_early else ()
        self.info = self._stated(animation.width, animation.height, formats[0].lower(), details)

    def _times(self) -> list[float]:
        return self._animation.times

    def _frame(self, number: int) -> Image.Image | None:
        return self._canvas.picture(number)


class AvifMedia(AnimatedMedia):
    """An AVIF image sequence, by Pillow; its frames' times by FFmpeg.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    limits
        Bounds on the work.
    """

    def __init__(self, source: Path | int, limits: Limits) -> None:
        super().__init__(source, ("AVIF",), limits)
        self._decoded = -1
        with pillow_errors():
            self._file = opened(source)
            self._image = Image.open(self._file, formats=("AVIF",))
            frames: int = self._image.n_frames  # type: ignore[attr-defined]
        with opened(source) as file:
            self._stamps = avif_times(file, frames)
        self.info = self._stated(*self._image.size, "avif")

    def _times(self) -> list[float]:
        return list(self._stamps)

    def _frame(self, number: int) -> Image.Image | None:
        behind = number - self._decoded if number > self._decoded else number + 1
        self._spend(behind * self._image.width * self._image.height)
        self._decoded = number
        try:
            with pillow_errors():
                self._image.seek(number)
                self._image.load()
                return displayed(self._image)
        except MediaError as error:
            if error.status == "too_large":
                raise
            return None

    def close(self) -> None:
        """Close the file."""
        self._image.close()
        self._file.close()
