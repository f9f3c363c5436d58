"""Windows of sound out of one audio stream, through FFmpeg (PyAV)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from unmask.formats.errors import MediaError, check_memory
from unmask.media.audio import MAX_CHANNELS, RATES, SAMPLE_BYTES, AudioInfo, RawAudio
from unmask.media.packets import packets_of

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

    _Timed = tuple[float, AudioFrame]

_SEEK_BEYOND_SECONDS = 10.0  # Nearer windows are reached by decoding.
_PREROLL_SECONDS = 0.5  # Decoders of MP3, AAC and Opus need what comes before a sample.
_MARGIN_SECONDS = 0.05  # The resampler's filter reaches beyond the edges of a window.
_GAP_SECONDS = 0.02  # Time stamps that are off by less are rounded; by more, sound is missing.
_MOST_SAMPLES = 1_000_000_000  # Decoded in one sampling, of all channels: three hours of stereo.


def check_audio(info: AudioInfo) -> None:
    """Check that the sound of a header can be read.

    Parameters
    ----------
    info
        Of the header.

    Raises
    ------
    MediaError
        ``too_large`` for too many channels, ``unsupported`` for such a rate.
    """
    if info.channels > MAX_CHANNELS:
        raise MediaError("too_large", f"sound of {info.channels} channels; the limit is {MAX_CHANNELS}")
    if not RATES[0] <= info.rate <= RATES[1]:
        raise MediaError("unsupported", f"sound of {info.rate} samples a second")


def extent_of(
    container: InputContainer, stream: AudioStream, most_packets: int
) -> tuple[float, float] | None:
    """Return from when to when there is sound, by its packets; None where none has a time.

    Headers of some containers state the length of the longest stream only, and of files that were cut the old one.

    Parameters
    ----------
    container
        At its beginning.
    stream
        Of sound.
    most_packets
        That are read.

    Returns
    -------
    (first, end)
        In the stream's own seconds.
    """
    first, end = float("inf"), float("-inf")
    tick = float(stream.time_base or 0)
    for packet in itertools.islice(packets_of(container, stream), most_packets):
        if packet.pts is not None:
            first = min(first, packet.pts * tick)
            end = max(end, (packet.pts + (packet.duration or 0)) * tick)
    return (first, end) if first < end else None


def windows_of(
    container: InputContainer,
    stream: AudioStream,
    spans: Sequence[tuple[float, float]],
    rate: int,
    origin: float,
    most_packets: int,
) -> Iterator[RawAudio]:
    """Decode windows of sound, each as far as it is there.

    Parameters
    ----------
    container, stream
        Just opened.
    spans
        (from, to) of each window, in seconds from ``origin``, ascending.
    rate
        Samples a second of what is returned.
    origin
        Seconds, in the stream's own time, of the file's first frame.
    most_packets
        Packets read at most.
    """
    reader = _Reader(container, stream, most_packets)
    for start, stop in spans:
        window = _Window(start + origin, stop + origin, rate)
        for time, frame in reader.frames(start + origin - _MARGIN_SECONDS, stop + origin + _MARGIN_SECONDS):
            if not window.add(time, frame):
                break
        raw = window.close(origin)
        if raw is not None:
            yield raw


class _Reader:
    """Decodes the frames of stretches of sound in ascending order, seeking to those that are far off."""

    def __init__(self, container: InputContainer, stream: AudioStream, most_packets: int) -> None:
        self._container = container
        self._stream = stream
        self._tick = float(stream.time_base or 0)
        self._packets_left = most_packets
        self._samples_left = _MOST_SAMPLES
        self._expected: float | None = None
        self._held: _Timed | None = None
        self._decoded = self._decode()

    def frames(self, low: float, high: float) -> Iterator[_Timed]:
        """Return the frames that reach into a stretch, as (seconds of the stream, frame)."""
        near = self._expected is not None and low - self._expected <= _SEEK_BEYOND_SECONDS
        if not near and low > _SEEK_BEYOND_SECONDS:
            self._seek(low - _PREROLL_SECONDS)
        held, self._held = self._held, None
        for time, frame in itertools.chain([held] if held else [], self._decoded):
            if time + frame.samples / frame.sample_rate <= low:
                continue
            self._held = time, frame  # The next stretch may begin in it.
            if time >= high:
                return
            yield time, frame

    def _seek(self, time: float) -> None:
        from av.error import FFmpegError

        # Where the file cannot be sought in, reading goes on.
        with suppress(FFmpegError, OverflowError):
            self._container.seek(int(time / (self._tick or 1.0)), stream=self._stream)
            self._stream.codec_context.flush_buffers()
            self._held = self._expected = None
            self._decoded = self._decode()

    def _decode(self) -> Iterator[_Timed]:
        for packet in self._packets():
            for frame in self._frames_of(packet):
                channels, rate = frame.layout.nb_channels, frame.sample_rate
                if not (1 <= channels <= MAX_CHANNELS and RATES[0] <= rate <= RATES[1] and frame.samples):
                    continue
                time = self._expected or 0.0 if frame.pts is None else frame.pts * self._tick
                self._expected = time + frame.samples / rate
                self._samples_left -= frame.samples * channels
                yield time, frame
            if self._samples_left <= 0:
                return

    def _packets(self) -> Iterator[Packet[AudioStream] | None]:
        for packet in packets_of(self._container, self._stream):
            self._packets_left -= 1
            if self._packets_left < 0:
                return
            yield packet
        yield None

    def _frames_of(self, packet: Packet[AudioStream] | None) -> list[AudioFrame]:
        from av.error import FFmpegError

        try:
            return self._stream.codec_context.decode(packet)
        except (FFmpegError, ValueError) as error:
            check_memory(error)
            return []  # One broken packet.


class _Window:
    """One window of sound, put together of stretches that are continuous; what is missing between them is silence."""

    def __init__(self, start: float, stop: float, rate: int) -> None:
        self._start = start
        self._rate = rate
        self._length = max(1, round((stop - start) * rate))
        self._channels = 0
        self._data = bytearray()
        self._first, self._end = self._length, 0
        self._resampler: AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None
        self._place = 0
        self._expected = 0.0

    def add(self, time: float, frame: AudioFrame) -> bool:
        """Take a frame that begins at a time in seconds; False where its channels are other ones than before."""
        form = frame.format.name, frame.layout.name, frame.sample_rate
        channels = frame.layout.nb_channels
        if self._channels not in (0, channels):
            return False
        if self._resampler is None or form != self._form or abs(time - self._expected) > _GAP_SECONDS:
            self._flush()
            self._begin(time, frame, channels)
            self._form, self._expected = form, time
        self._expected += frame.samples / frame.sample_rate
        frame.pts = None
        self._resample(frame)
        return True

    def close(self, origin: float) -> RawAudio | None:
        """Return what is there of the window, in seconds from ``origin``; None where nothing is."""
        self._flush()
        if self._first >= self._end:
            return None
        step = SAMPLE_BYTES * self._channels
        data = self._data[self._first * step : self._end * step]
        return RawAudio(self._start - origin + self._first / self._rate, self._channels, data)

    def _begin(self, time: float, frame: AudioFrame, channels: int) -> None:
        from av.audio.resampler import AudioResampler

        if not self._channels:
            self._channels = channels
            self._data = bytearray(self._length * channels * SAMPLE_BYTES)
            # Of this stretch times are exact; others are put on its grid.
            self._start = time - round((time - self._start) * self._rate) / self._rate
        self._place = round((time - self._start) * self._rate)
        self._resampler = AudioResampler(format="flt", layout=frame.layout, rate=self._rate)

    def _flush(self) -> None:
        if self._resampler is not None:
            self._resample(None)
            self._resampler = None

    def _resample(self, frame: AudioFrame | None) -> None:
        from av.error import FFmpegError

        assert self._resampler is not None
        try:
            frames = self._resampler.resample(frame)
        except (FFmpegError, ValueError) as error:
            check_memory(error)
            self._resampler = None  # What cannot be converted is left out.
            return
        for piece in frames:
            self._put(
                memoryview(piece.planes[0])[: piece.samples * SAMPLE_BYTES * self._channels], piece.samples
            )

    def _put(self, data: memoryview, samples: int) -> None:
        """Copy samples to their place, as far as they lie in the window."""
        place, self._place = self._place, self._place + samples
        first, end = max(0, place), min(self._length, place + samples)
        if first < end:
            step = SAMPLE_BYTES * self._channels
            self._data[first * step : end * step] = data[(first - place) * step : (end - place) * step]
            self._first, self._end = min(self._first, first), max(self._end, end)
