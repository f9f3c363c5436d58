"""Sound as values: what a file has of it, which windows are wanted, and the windows themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

MAX_WINDOWS = 1024
MAX_WINDOW_SAMPLES = 4_000_000  # Of one channel.
MAX_CHANNELS = 16
RATES = (1_000, 384_000)  # Hz.

SAMPLE_BYTES = 4

Channels = Literal["mono", "as_is"]


@dataclass(frozen=True)
class AudioInfo:
    """The sound of a file as its header states it.

    Parameters
    ----------
    codec
        FFmpeg's name of the coding, such as ``"aac"``.
    rate
        Samples a second.
    channels
        Number of channels.
    start
        Seconds from the first frame; below 0 where it begins before the pictures.
    duration
        Seconds; None where nothing tells.
    """

    codec: str
    rate: int
    channels: int
    start: float
    duration: float | None = None


@dataclass(frozen=True)
class AudioSampling:
    """An order for sound: windows that are spread evenly over it and do not overlap.

    Parameters
    ----------
    windows
        Windows at most, 1 to 1024; fewer where not all of them fit.
    seconds
        Length of each.
    rate
        Samples a second of what is returned, 1,000 to 384,000.
    channels
        ``"mono"``: the mean of all channels; ``"as_is"``: those of the file.
    until
        Take the windows from the first so many seconds only, counted from the first frame.
    ends
        Two windows instead, one at the beginning and one at the end; one of all where they would meet.
    """

    windows: int
    seconds: float
    rate: int = 16_000
    channels: Channels = "mono"
    until: float | None = None
    ends: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.windows <= MAX_WINDOWS:
            raise ValueError(f"the windows of sound must be between 1 and {MAX_WINDOWS}, not {self.windows}")
        if not RATES[0] <= self.rate <= RATES[1]:
            raise ValueError(f"the rate of sound must be between {RATES[0]} and {RATES[1]}, not {self.rate}")
        if not 1 <= self.seconds * self.rate <= MAX_WINDOW_SAMPLES:
            raise ValueError(f"the samples of a window must be between 1 and {MAX_WINDOW_SAMPLES}")
        if self.channels not in get_args(Channels):
            raise ValueError(f"channels must be one of {', '.join(get_args(Channels))}, not {self.channels}")
        if self.until is not None and not 0 < self.until < float("inf"):
            raise ValueError(f"seconds must be positive and finite, not {self.until}")

    def spans(self, low: float, high: float) -> list[tuple[float, float]]:
        """Return the windows, as (from, to) in seconds.

        Parameters
        ----------
        low, high
            From when to when there is sound, in seconds.
        """
        high = high if self.until is None else min(high, self.until)
        if self.ends and high - low > self.seconds:
            both = [(low, low + self.seconds), (high - self.seconds, high)]
            return both if high - low > 2 * self.seconds else [(low, high)]
        if high - low <= self.seconds:
            return [(low, high)] if low < high else []
        count = min(self.windows, int((high - low) / self.seconds + 1e-6))
        part = (high - low) / count
        starts = [low + part * number + (part - self.seconds) / 2 for number in range(count)]
        return [(start, start + self.seconds) for start in starts]


@dataclass(frozen=True, eq=False)
class AudioChunk:
    """One window of sound.

    Parameters
    ----------
    start
        Seconds of its first sample, from the first frame of the file.
    samples
        (channels, L) float32 in [-1, 1], at the rate that was asked for.
    """

    start: float
    samples: np.ndarray


@dataclass(frozen=True, eq=False)
class RawAudio:
    """One window of sound before numpy sees it, so that it can travel between processes.

    Parameters
    ----------
    start
        Seconds from the first frame of the file.
    channels
        Number of channels.
    data
        float32 samples, those of all channels at a time one after the other.
    """

    start: float
    channels: int
    data: bytes | bytearray

    @property
    def samples(self) -> int:
        """Samples of each channel."""
        return len(self.data) // (SAMPLE_BYTES * self.channels)

    def chunk(self, channels: Channels) -> AudioChunk:
        """Return the window with its channels apart, or as their mean.

        Parameters
        ----------
        channels
            `mono` is the mean.
        """
        import numpy as np

        samples = np.frombuffer(self.data, np.float32).reshape(-1, self.channels).T
        samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        if channels == "mono":
            samples = samples.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        return AudioChunk(self.start, np.ascontiguousarray(np.clip(samples, -1.0, 1.0)))
