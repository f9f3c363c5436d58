"""Windows of sound."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unmask.detectors import AudioWindows
from unmask.evidence.extractor import Extractor
from unmask.evidence.subjects import one_subject
from unmask.evidence.units import Moment, Place, Subject, Unit, Wanted
from unmask.media import AudioSampling

if TYPE_CHECKING:
    from unmask.evidence.found_faces import FoundFaces
    from unmask.media import AudioChunk, Frame, MediaInfo, Sampling

WINDOWS = 8
"""Windows of a file, evenly spread over it."""

LOUDNESS = "loudness"
"""Measure: root mean square of a window in dB of full scale, -120 for silence."""

LEAST_SHARE = 0.5  # Of a window that must be there; the rest is filled with silence.
LEAST_LEVEL = 1e-6


@dataclass(frozen=True)
class AudioWindowExtractor(Extractor):
    """Cut windows out of the file's sound."""

    spec: AudioWindows

    def wants(self, info: MediaInfo, planned: Sequence[Sampling], sampling_pass: int) -> Wanted | None:
        """Return all windows at once; nothing of a file without sound."""
        if sampling_pass > 0 or info.audio is None:
            return None
        return Wanted(sound=AudioSampling(WINDOWS, self.spec.seconds, self.spec.rate, until=planned[0].until))

    def searched(self, frames: int) -> Sequence[int]:
        """Return none: no faces are read."""
        return ()

    def extract(
        self, frames: Sequence[Frame], sound: Sequence[AudioChunk], found: Sequence[FoundFaces] = ()
    ) -> Moment:
        """Return one window; none where less than half of it is there."""
        (chunk,) = sound
        samples = _filled(chunk.samples[0], self.spec.samples)
        if samples is None:
            return Moment(chunk.start, ())
        seconds = min(chunk.samples.shape[1], self.spec.samples) / self.spec.rate
        place = Place(chunk.start, chunk.start + seconds)
        return Moment(chunk.start, (Unit(place, {"sound": samples}, {LOUDNESS: loudness(samples)}),))

    def subjects(self, moments: Sequence[Moment], cuts: Collection[int] = ()) -> list[Subject]:
        """Return the sound."""
        return one_subject("sound", moments)


def loudness(samples: NDArray[np.float32]) -> float:
    """Return the root mean square of a window in dB of full scale, -120 for silence.

    Parameters
    ----------
    samples
        (N,) in [-1, 1].
    """
    level = math.sqrt(float(np.mean(np.square(samples, dtype=np.float64))))
    return 20 * math.log10(max(level, LEAST_LEVEL))


def sound_from(
    chunks: Sequence[AudioChunk], start: float, count: int, rate: int
) -> NDArray[np.float32] | None:
    """Return samples from a moment on out of the window that holds most of them.

    Parameters
    ----------
    chunks
        Windows of sound; their first channel is taken.
    start
        Seconds from the first frame.
    count
        Number of samples.
    rate
        Samples a second.

    Returns
    -------
    numpy.ndarray or None
        (count,) float32, filled with silence where the window ends; None where less than half of them are there.
    """
    best: NDArray[np.float32] = np.zeros(0, np.float32)
    for chunk in chunks:
        offset = round((start - chunk.start) * rate)
        if offset >= 0:
            held = chunk.samples[0, offset : offset + count]
            best = max(best, held, key=len)
    return _filled(best, count)


def _filled(samples: NDArray[np.float32], count: int) -> NDArray[np.float32] | None:
    """Return exactly so many samples, with silence at the end; None where less than half of them are there."""
    if len(samples) < LEAST_SHARE * count:
        return None
    filled = np.zeros(count, np.float32)
    filled[: len(samples)] = samples[:count]
    return filled
