"""Files that are several videos one behind the other, of kinds that FFmpeg reads the first of only."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from unmask.formats.concatenation import starts_of_videos
from unmask.formats.errors import MediaError
from unmask.media.frame import Limits, MediaInfo
from unmask.media.sampling import Sampling
from unmask.media.source import DecodedMedia, opened
from unmask.media.video import VideoMedia

if TYPE_CHECKING:
    from pathlib import Path

    from unmask.formats.facts import FileFacts
    from unmask.media.audio import AudioInfo, AudioSampling, RawAudio
    from unmask.media.picture import Picture

MAX_VIDEOS = 64


def open_video(source: Path | int, formats: tuple[str, ...], limits: Limits) -> DecodedMedia:
    """Open a video, or several in one file.

    Parameters
    ----------
    source
        Path, or open file descriptor.
    formats
        FFmpeg's demuxers that may read it.
    limits
        Of the scan.

    Raises
    ------
    MediaError
        As ``VideoMedia``.
    """
    with opened(source) as file:
        size = file.seek(0, os.SEEK_END)
        starts = starts_of_videos(file, size)
    if len(starts) == 1:
        return VideoMedia(source, formats, limits)
    videos: list[VideoMedia] = []
    for start, end in itertools.pairwise([*starts[:MAX_VIDEOS], size]):
        try:
            videos.append(VideoMedia(source, formats, limits, (start, end)))
        except MediaError:
            if not videos:
                raise
    return JoinedVideo(videos, len(starts)) if len(videos) > 1 else VideoMedia(source, formats, limits)


class JoinedVideo(DecodedMedia):
    """Several videos, taken one after the other.

    Parameters
    ----------
    videos
        At least one, opened.
    count
        How many there are in the file, with those that cannot be read.
    """

    def __init__(self, videos: Sequence[VideoMedia], count: int) -> None:
        self._videos = videos
        self._count = count
        ends = list(itertools.accumulate(video.info.duration or 0.0 for video in videos))
        self._segments = list(zip([0.0, *ends], ends, strict=False))
        self.info = self._joint_info()

    def pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Return the pictures of each video, whose share of the count is by its length, at least one."""
        error: MediaError | None = None
        nothing = True
        bursts = 0
        end = sampling.end(0.0, self._segments[-1][1])
        segments = [(low, min(high, end)) for low, high in self._segments if low < end] or self._segments[:1]
        for video, (start, _), share in zip(self._videos, segments, sampling.shares(segments), strict=False):
            if share == 0 and sampling.every is None and not sampling.every_frame:
                continue
            until = None if sampling.until is None else sampling.until - start
            taken = [time - start for time in sampling.exclude if time >= start]
            count = sampling.count if sampling.every is not None else max(1, share)
            before = bursts
            try:
                for picture in video.pictures(replace(sampling, count=count, until=until, exclude=taken)):
                    nothing = False
                    burst = picture.burst and picture.burst._replace(burst=picture.burst.burst + before)
                    bursts = bursts if burst is None else burst.burst + 1
                    yield replace(picture, time=picture.time + start, burst=burst)
            except MediaError as broken:
                error = error or broken
        self.info = self._joint_info()
        if nothing and error is not None and not sampling.exclude:
            raise error

    def sounds(self, sampling: AudioSampling) -> Iterator[RawAudio]:
        """Return the windows of sound of each video, whose share of them is by its length."""
        shares = Sampling(sampling.windows).shares(self._segments)
        for video, (start, _), share in zip(self._videos, self._segments, shares, strict=False):
            if share:
                for sound in video.sounds(replace(sampling, windows=share)):
                    yield replace(sound, start=sound.start + start)

    def facts(self) -> FileFacts:
        """Read the technical facts that the first video's header states."""
        return self._videos[0].facts()

    def close(self) -> None:
        """Close the file; sampling ends."""
        for video in self._videos:
            video.close()

    def _joint_info(self) -> MediaInfo:
        infos = [video.info for video in self._videos]
        seconds = sum(info.duration or 0.0 for info in infos)
        text = f"{self._count} videos joined in one file, taken one after the other"
        if len(infos) < self._count:
            text += f"; {self._count - len(infos)} of them cannot be read"
        details = dict.fromkeys([text, *(detail for info in infos for detail in info.details)])
        frames = None if None in (info.frames for info in infos) else sum(info.frames or 0 for info in infos)
        return replace(
            infos[0],
            duration=seconds or None,
            frames=frames,
            details=tuple(details),
            damaged=sum(info.damaged for info in infos),
            audio=self._joint_audio(infos),
            parts=tuple(
                start + time
                for (start, _), info in zip(self._segments, infos, strict=False)
                for time in (*([0.0] if start else []), *info.parts)
            ),
        )

    def _joint_audio(self, infos: Sequence[MediaInfo]) -> AudioInfo | None:
        """Return the first video's sound that has any, as long as that of all together."""
        heard = [
            (start, info.audio) for (start, _), info in zip(self._segments, infos, strict=True) if info.audio
        ]
        if not heard:
            return None
        start, first = heard[0]
        seconds = sum(audio.duration or 0.0 for _, audio in heard)
        return replace(first, start=start + first.start, duration=seconds or None)
