"""Videos: sampled frames; only what they need is decoded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from unmask.formats.display import Display
from unmask.formats.edit_lists import Edit, edits_of
from unmask.formats.errors import MediaError
from unmask.formats.facts import FileFacts, facts_of_video
from unmask.formats.origin import marks_of_video, xmp_packets
from unmask.formats.probing import may_jump
from unmask.formats.stream_selection import heard_stream
from unmask.formats.timeline import MPEG_STREAMS
from unmask.formats.truncation import told_break
from unmask.media import audio_decoding, conversion, decoding, packets, plan
from unmask.media.audio import AudioInfo, AudioSampling, RawAudio
from unmask.media.bursts import BurstPlace, in_bursts, one_burst, plan_bursts, starts_of_bursts
from unmask.media.container import discard_others, header_of, opened_container, picture_stream
from unmask.media.damage import DamageRecord
from unmask.media.frame import Limits
from unmask.media.picture import Picture
from unmask.media.sampling import Burst, Sampling
from unmask.media.source import DecodedMedia, opened

if TYPE_CHECKING:
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    _Timed = tuple[float, VideoFrame]
    _Chosen = _Timed | tuple[float, VideoFrame, BurstPlace]
    _Choice = Callable[[Iterable[_Timed], Sequence[float]], Iterator[_Chosen]]

# Longer videos are sampled by seeking to key frames, shorter ones by decoding in order: on a clip with few
# key frames every seek decodes half a clip, on a long video nearly all of the decoding would be for nothing.
SEEK_BEYOND_SECONDS = 60.0

_FRAMES_PER_SEEK = 600
_WRONG_SOUND_SECONDS = (
    60.0  # Sound that is said to be longer than twice the pictures and this is not believed.
)
_WRONG_SECONDS, _WRONG_SHARE = 0.5, 0.02  # A stated length that is as far off the real one is put right.

# Bare streams without time stamps: a frame's time is its number among all, so none can be left out.
_UNTIMED = frozenset({"h264", "hevc", "vvc"})


class VideoMedia(DecodedMedia):
    """A video file; ``sample`` decodes lazily and holds a few pictures at a time.

    Parameters
    ----------
    source
        A plain file: its path, or the number of an open file descriptor, which stays open.
    formats
        FFmpeg's demuxers that may read it.
    limits
        Bounds on the frame size and on the work spent.
    extent
        (first byte, last byte + 1) of the video in the file; None is all of it.

    Raises
    ------
    MediaError
        When the header cannot be read, there is no picture stream, or a limit is broken.
    """

    def __init__(
        self,
        source: Path | int,
        formats: tuple[str, ...],
        limits: Limits,
        extent: tuple[int, int] | None = None,
    ) -> None:
        self._source = source
        self._extent = extent
        self._formats = formats
        self._limits = limits
        self._containers: list[InputContainer] = []
        self._survey: plan.Survey | None = None
        self._damage = DamageRecord()
        self._asked: set[int] = (
            set()
        )  # Parts of a time line that restarts: of which frames were wanted, and came.
        self._given: set[int] = set()
        boxed: list[bytes] = []
        if extent is None and "mov" in formats:
            with opened(source) as file:
                boxed = xmp_packets(file)
        with self._open() as container:
            stream = picture_stream(container)
            self._start = float((stream.start_time or 0) * (stream.time_base or 0))
            self.info = header_of(container, stream, self._start)
            stated = self.info.duration
            # Where the stream itself states none, the header's is that of the longest stream, such as the sound.
            own = stream.duration is not None or len(container.streams) == 1
            self._states_length = stated is not None and own and container.format.name not in MPEG_STREAMS
            self.info = replace(self.info, marks=marks_of_video(container, boxed))
            uncertain = may_jump(container, stream, stated, SEEK_BEYOND_SECONDS)
        if min(self.info.width, self.info.height) < 1:
            raise MediaError("unreadable", "the video states no frame size")
        conversion.check_side(self.info.width, self.info.height, limits)
        self._header_details = self.info.details
        surveyed = self._surveyed() if uncertain else None
        self._planned_seconds = self.info.duration or 0.0
        longer = self._planned_seconds > (stated or 0.0)  # What the header and its index do not know of.
        self._can_seek = not (surveyed and (surveyed.cuts or longer))

    def pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Return pictures of the time that the file really covers.

        Clips up to ``SEEK_BEYOND_SECONDS`` are surveyed packet by packet, then decoded in order: each target
        gets the nearest decoded frame; groups of pictures without a target, and frames that no other frame
        refers to, are not decoded. In longer videos each target is sought: what comes shortly after the key frame
        before it is taken if it is less than half the distance between targets away, else the first decoded frame
        that is. A long video is treated like a clip where it turns out shorter than its header says, where its header
        states no length, and where its time stamps jump. Damaged frames are left out. At the end ``info`` has the real
        length and the number of damaged frames.
        """
        nothing = True
        if sampling.every_frame:
            yield from self._whole(sampling)
            return
        if self._can_seek and sampling.end(0.0, self._planned_seconds) > SEEK_BEYOND_SECONDS:
            for picture in self._by_seeking(self._planned_seconds, sampling):
                nothing = False
                yield picture
        if nothing:
            for picture in self._in_order(sampling):
                nothing = False
                yield picture
        self._conclude()
        if nothing and not sampling.exclude:
            raise self._nothing()

    def sounds(self, sampling: AudioSampling) -> Iterator[RawAudio]:
        """Return windows of sound, at times from the first frame on; see ``Media.audio``."""
        info = self.info.audio
        if info is None:
            return
        audio_decoding.check_audio(info)
        by_seeking = self._can_seek and self._planned_seconds > SEEK_BEYOND_SECONDS
        survey = None if by_seeking else self._surveyed()
        origin = self._start if survey is None else survey.start
        low, high = self._stated_extent(info)
        if survey is not None:
            with self._heard() as (container, stream):
                found = audio_decoding.extent_of(container, stream, self._limits.packets)
            low, high = found or (low, high)
            high = min([high, *survey.cuts[:1]])
        spans = sampling.spans(max(0.0, low - origin), high - origin)
        with self._heard() as (container, stream):
            yield from audio_decoding.windows_of(
                container, stream, spans, sampling.rate, origin, self._limits.packets
            )

    def _stated_extent(self, info: AudioInfo) -> tuple[float, float]:
        """Return from when to when there is sound, in the stream's seconds; for nonsense, when there are pictures."""
        start, pictures = self._start + info.start, self.info.duration or 0.0
        if info.duration is None or info.duration > 2 * pictures + _WRONG_SOUND_SECONDS:
            return start, self._start + pictures
        return start, start + info.duration

    @contextmanager
    def _heard(self) -> Iterator[tuple[InputContainer, AudioStream]]:
        with self._open() as container:
            stream = heard_stream(container)
            if stream is None:
                raise MediaError("unreadable", "its sound cannot be found again")
            discard_others(container, stream)
            yield container, stream

    def facts(self) -> FileFacts:
        """Read the technical facts that the header states."""
        edits: tuple[Edit, ...] = ()
        if self._extent is None and "mov" in self._formats:
            with opened(self._source) as file:
                edits = edits_of(file)
        with self._open() as container:
            return replace(facts_of_video(container), edits=edits)

    def close(self) -> None:
        """Close the file; sampling ends."""
        while self._containers:
            self._containers.pop().close()

    def _whole(self, sampling: Sampling) -> Iterator[Picture]:
        """Decode every frame, in order."""
        start: float | None = None
        survey = self._surveyed()
        jumps = survey.jumps if survey else ()
        with self._open() as container:
            stream = picture_stream(container)
            display = Display(stream)
            for time, frame in decoding.decode_all(container, stream, self._limits, jumps):
                start = time if start is None else start
                if sampling.until is not None and time - start > sampling.until:
                    return
                yield conversion.picture_of(frame, max(time - start, 0.0), self._limits, display)
        if start is None:
            raise self._nothing()

    def _in_order(self, sampling: Sampling) -> Iterator[Picture]:
        survey = self._surveyed()
        if survey is None:
            return
        if sampling.burst is not None:
            yield from self._bursts(survey, sampling, sampling.burst)
            return
        extent = survey.start, survey.end, survey.segments
        moments, choose = plan.moments_on_show(survey, sampling.moments(*extent)), plan.nearest
        if sampling.near_keyframes:
            moments = plan.cheap_moments(survey, sampling.parts(*extent), sampling.exclude)
            choose = plan.following
        if not moments:
            return
        self._asked.update(map(survey.part_of, moments))
        nothing = True
        for picture in self._decoded(survey, moments, choose):
            nothing = False
            yield picture
        if nothing and self._damage.count and not sampling.exclude:
            yield from self._decoded(survey, moments, plan.nearest)  # What is whole lies before the moments.

    def _bursts(self, survey: plan.Survey, sampling: Sampling, burst: Burst) -> Iterator[Picture]:
        extent = survey.start, survey.end, survey.segments
        moments = sampling.moments(*extent)
        if sampling.near_keyframes:
            moments = plan.cheap_moments(survey, sampling.parts(*extent), sampling.exclude)
        end = sampling.end(survey.start, survey.end)
        segments = [(low, min(high, end)) for low, high in survey.segments if low < end]
        bursts = plan_bursts(survey.times, moments, burst, segments)
        targets = [time for times in bursts for time in times]
        if not targets:
            return
        self._asked.update(map(survey.part_of, targets))
        step = max(1 / burst.rate, (survey.end - survey.start) / len(survey.times))

        def choose(frames: Iterable[_Timed], _: Sequence[float]) -> Iterator[_Chosen]:
            return in_bursts(frames, bursts, step)

        yield from self._decoded(survey, targets, choose, every_frame=True)

    def _decoded(
        self, survey: plan.Survey, moments: list[float], choose: _Choice, every_frame: bool = False
    ) -> Iterator[Picture]:
        with self._open() as container:
            stream = picture_stream(container)
            display = Display(stream)
            if container.format.name in _UNTIMED:
                frames = decoding.decode_all(container, stream, self._limits, survey.jumps)
            else:
                every_frame = every_frame or any(
                    plan.held_at(survey, moment) is not None for moment in moments
                )
                frames = decoding.decode_for(
                    container, stream, survey, moments, self._limits, self._damage, every_frame
                )
            for time, frame, *burst in choose(frames, moments):
                self._given.add(survey.part_of(time))
                picture = conversion.picture_of(frame, max(time - survey.start, 0.0), self._limits, display)
                yield replace(picture, burst=burst[0]) if burst else picture

    def _surveyed(self) -> plan.Survey | None:
        """Survey the packets, once, and put right what the header says about the length."""
        if self._survey is None:
            jumps: tuple[int, ...] = ()
            for _ in range(2):  # The first reading finds how long the gaps are.
                with self._open() as container:
                    stream = picture_stream(container)
                    self._survey = packets.survey(container, stream, self._limits, jumps)
                if self._survey is None or self._survey.jumps == jumps:
                    break
                jumps = self._survey.jumps
            if self._survey is not None:
                self._take_length(self._survey)
        return self._survey

    def _take_length(self, survey: plan.Survey) -> None:
        """Put the length right, and say so where the header states another."""
        stated = self.info.duration
        seconds = survey.shown_until - survey.start
        wrong = stated is None or abs(seconds - stated) > max(_WRONG_SECONDS, _WRONG_SHARE * stated)
        if seconds > 0 and (wrong or survey.cuts):
            parts = tuple(start - survey.start for start, _ in survey.segments[1:])
            self.info = replace(self.info, duration=seconds, parts=parts)
        if survey.cuts:
            self._say(
                f"its time stamps start anew or jump: {len(survey.segments)} parts, taken one after the other, "
                f"{seconds:.1f} s in all"
            )
        elif wrong and self._states_length:
            self._say(f"its header states {stated:.1f} s, its pictures last {seconds:.1f} s")

    def _say(self, detail: str) -> None:
        self._header_details = (*self._header_details, detail)
        self.info = replace(self.info, details=self._header_details)

    def _conclude(self) -> None:
        """Say in ``info`` what sampling did not get so far: damaged frames, and parts that cannot be decoded."""
        details = list(self._header_details)
        if count := self._damage.count:
            details.append(f"{count} damaged frame{'s' * (count > 1)} left out")
        if missed := len(self._asked - self._given):
            details.append(f"no frame of {missed} of its {len(self._segments)} parts can be decoded")
        self.info = replace(self.info, details=tuple(details), damaged=count)

    @property
    def _segments(self) -> list[tuple[float, float]]:
        return self._survey.segments if self._survey is not None else []

    def _nothing(self) -> MediaError:
        if self._damage.frames:
            return MediaError("unreadable", "every frame of the video that was decoded is damaged")
        with opened(self._source) as file:
            broken = told_break(file)
        return MediaError("unreadable", broken or "no frame of the video can be decoded")

    def _by_seeking(self, duration: float, sampling: Sampling) -> Iterator[Picture]:
        with self._open() as container:
            stream = picture_stream(container)
            display = Display(stream)
            start = self._start
            end = sampling.end(start, start + duration)
            moments = sampling.moments(start, end)
            first = next(packets.packets_of(container, stream), None)
            if not moments or first is None or not _holds(container, stream, (start + end) / 2, moments[-1]):
                return
            burst, rate = sampling.burst, float(stream.average_rate or 0)
            if burst is not None:
                rate = min(burst.rate, rate or burst.rate)
                moments = starts_of_bursts(moments, start, end, burst.frames / rate)
            decoder = decoding.Decoder(stream, self._limits, burst is None, self._damage)
            decoder.begin(first)
            slack = (end - start) / sampling.count / 2
            latest = float("-inf")
            number = 0
            for moment in moments:
                frames = decoding.decode_from(container, stream, moment, decoder)
                earliest = max(moment - slack, math.nextafter(latest, math.inf))
                if burst is not None:
                    place = 0
                    for latest, frame in one_burst(frames, earliest, burst):
                        picture = conversion.picture_of(
                            frame, max(latest - start, 0.0), self._limits, display
                        )
                        yield replace(picture, burst=BurstPlace(number, place))
                        place += 1
                    number += place > 0
                    continue
                frames = itertools.islice(frames, _FRAMES_PER_SEEK)
                chosen = plan.behind_first(frames, earliest, moment)
                if chosen is not None and chosen[0] > latest:  # A picture that is held is taken once.
                    latest, frame = chosen
                    yield conversion.picture_of(frame, max(latest - start, 0.0), self._limits, display)

    @contextmanager
    def _open(self) -> Iterator[InputContainer]:
        with opened_container(self._source, self._formats, self._extent) as container:
            self._containers.append(container)
            try:
                yield container
            finally:
                container.close()
                if container in self._containers:
                    self._containers.remove(container)


def _holds(container: InputContainer, stream: VideoStream, earliest: float, moment: float) -> bool:
    """Return whether seeking to a moment finds a packet not before the earliest time, in stream seconds."""
    from av.error import FFmpegError

    try:
        container.seek(int(moment / (stream.time_base or 1)), stream=stream)
    except (FFmpegError, OverflowError):
        return False
    packet = next(packets.packets_of(container, stream), None)
    return packet is not None and packets.Clock(stream).time_of(packet) >= earliest
