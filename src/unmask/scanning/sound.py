"""Measures the facts of a video's sound, decoding no more of it than its two ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmask.media import AudioChunk, AudioSampling, FileFacts, Media, MediaError, as_media_error

if TYPE_CHECKING:
    from unmask.report import SoundFacts

EXAMINED_SECONDS = 10.0
_RATE = 16_000
_ENDS = AudioSampling(2, EXAMINED_SECONDS, _RATE, "as_is", ends=True)


def sound_facts(media: Media, file: FileFacts) -> SoundFacts | None:
    """Return the facts of a file's sound; None where it has none.

    Parameters
    ----------
    media
        Opened, and not being sampled.
    file
        What its header states.
    """
    from unmask.report import SoundFacts

    info = media.info.audio
    if info is None:
        return None
    # Of a file whose time starts again the last part's end is not the end of the sound.
    ends = _ends(media) if not media.info.parts else []
    end = ends[-1].start + _length(ends[-1]) if ends else _stated(file, "audio", info.start)
    pictures = _stated(file, "video", 0.0)
    return SoundFacts(
        streams=max(1, sum(stream.kind == "audio" for stream in file.streams)),
        codec=info.codec,
        sample_rate=max(0, info.rate),
        channels=max(0, info.channels),
        start=info.start,
        duration=None if end is None else max(0.0, end - info.start),
        longer_by=None if end is None or pictures is None or media.info.parts else end - pictures,
        leading_silence=_silence(ends[0]) if ends else None,
        trailing_silence=_silence(ends[-1], from_end=True) if ends else None,
        examined=_length(ends[0]) if ends else None,
    )


def _stated(file: FileFacts, kind: str, start: float) -> float | None:
    """Return when the first stream of a kind ends that states its own length, in seconds from the first frame."""
    lengths = (stream.duration for stream in file.streams if stream.kind == kind)
    length = next(lengths, None)
    return None if length is None else start + length


def _ends(media: Media) -> list[AudioChunk]:
    """Decode the beginning and the end, in one piece where the sound is short; nothing where that cannot be done."""
    try:
        return list(as_media_error(lambda: list(media.audio(_ENDS))))
    except MediaError:
        return []


def _length(chunk: AudioChunk) -> float:
    return float(chunk.samples.shape[1]) / _RATE


def _silence(chunk: AudioChunk, from_end: bool = False) -> float:
    """Return how long no sample is above the level, counted from one end, in seconds."""
    import numpy as np

    from unmask.report.sound import SILENCE_DBFS

    loud = (np.abs(chunk.samples) > 10 ** (SILENCE_DBFS / 20)).any(axis=0)
    if from_end:
        loud = loud[::-1]
    return (int(np.argmax(loud)) if loud.any() else len(loud)) / _RATE
