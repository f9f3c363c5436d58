"""Facts of a file's sound; they have no part in any opinion on the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from unmask.report.codec import Count, Number, Part, Seconds

SILENCE_DBFS = -50.0
"""Sound is silent where no sample of any channel is above this level: decibels relative to full scale."""

Offset = Annotated[float, Number(None, None, 3)]


@dataclass(frozen=True)
class SoundFacts(Part):
    """Facts of a video's sound: of the stream that a player takes.

    Parameters
    ----------
    streams
        Number of streams of sound.
    codec
        FFmpeg's name of the coding, such as aac.
    sample_rate
        Hz.
    channels
        Number of channels.
    start
        Seconds from the first frame to the first sample, as the header states; below 0 where the sound begins first.
    duration
        Seconds of sound: to the last sample that was decoded, or as the header states; None where nothing tells.
    longer_by
        Seconds from the end of the pictures to the end of the sound; below 0 where the sound ends first, None where the
        header does not state how long the pictures last.
    leading_silence, trailing_silence
        Seconds below -50 dBFS at the beginning and at the end; as long as `examined` where it is silent throughout.
        None where it could not be measured.
    examined
        Seconds that were decoded at each end; all of the sound where that is no longer than both.
    """

    streams: Count
    codec: str
    sample_rate: Count
    channels: Count
    start: Offset
    duration: Seconds | None = None
    longer_by: Offset | None = None
    leading_silence: Seconds | None = None
    trailing_silence: Seconds | None = None
    examined: Seconds | None = None
