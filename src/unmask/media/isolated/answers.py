"""Answers of the decoding process, checked against the limits: it read hostile bytes, so none is trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, get_args

from unmask.formats.errors import MediaError, MediaKind, MediaStatus
from unmask.formats.generators import MAX_MARKS, OriginMark
from unmask.media.audio import MAX_CHANNELS, MAX_WINDOW_SAMPLES, SAMPLE_BYTES, AudioInfo
from unmask.media.bursts import BurstPlace
from unmask.media.frame import Limits, MediaInfo
from unmask.media.picture import CHANNELS, Box, Turn
from unmask.media.sampling import MAX_FRAMES, MAX_SEGMENTS

NONSENSE = (ArithmeticError, AttributeError, KeyError, TypeError, ValueError)
"""What reading an answer can raise that makes no sense."""

LONGEST_DETAIL = 300
_MOST_BURSTS = MAX_FRAMES + MAX_SEGMENTS**2
_MAX_DETAILS, _MAX_DETAIL_LENGTH = 16, 500


@dataclass(frozen=True)
class PictureHeader:
    """What precedes the pixels of a picture; the parameters are those of ``Picture``."""

    time: float
    width: int
    height: int
    turn: Turn
    present: Box | None
    burst: BurstPlace | None

    @classmethod
    def of(cls, message: dict[str, Any], limits: Limits) -> PictureHeader:
        """Read a header from a message.

        Parameters
        ----------
        message
            Of the decoding process.
        limits
            Of the scan.

        Raises
        ------
        NONSENSE
            One of these when it makes no sense or breaks a limit.
        """
        time, width, height = float(message["time"]), int(message["width"]), int(message["height"])
        turn = Turn(**{name: bool(value) for name, value in message["turn"].items()})
        present = _box(message["present"], (height, width) if turn.swap else (width, height))
        most_pixels = max(limits.image_pixels, limits.video_side**2)
        if not math.isfinite(time) or min(width, height) < 1 or width * height > most_pixels:
            raise ValueError
        return cls(time, width, height, turn, present, _burst_place(message.get("burst")))

    @property
    def size(self) -> int:
        """Bytes of its pixels."""
        return self.width * self.height * CHANNELS


@dataclass(frozen=True)
class SoundHeader:
    """What precedes the samples of a window of sound; the parameters are those of ``RawAudio``."""

    start: float
    channels: int
    samples: int

    @classmethod
    def of(cls, message: dict[str, Any]) -> SoundHeader:
        """Read a header from a message.

        Parameters
        ----------
        message
            Of the decoding process.

        Raises
        ------
        NONSENSE
            One of these when it makes no sense or breaks a limit.
        """
        start, channels, samples = float(message["start"]), int(message["channels"]), int(message["samples"])
        whole = 1 <= channels <= MAX_CHANNELS and 1 <= samples <= MAX_WINDOW_SAMPLES
        if not (whole and math.isfinite(start)):
            raise ValueError
        return cls(start, channels, samples)

    @property
    def size(self) -> int:
        """Bytes of its samples."""
        return self.channels * self.samples * SAMPLE_BYTES


def error_of(message: dict[str, Any]) -> MediaError:
    """Return the error that a message reports.

    Parameters
    ----------
    message
        Of the decoding process.
    """
    status, detail = message["error"], str(message.get("detail"))[:LONGEST_DETAIL]
    return MediaError(status if status in get_args(MediaStatus) else "unreadable", detail)


def info_of(message: dict[str, Any]) -> MediaInfo:
    """Return the facts about a file.

    Parameters
    ----------
    message
        Of the decoding process.

    Raises
    ------
    NONSENSE
        One of these when they make no sense.
    """
    values = message["info"]

    def number(name: str) -> float | None:
        value = values[name]
        return None if value is None or not 0 <= float(value) < math.inf else float(value)

    kind, frames, codec = values["kind"], number("frames"), values["codec"]
    if kind not in get_args(MediaKind):
        raise ValueError
    return MediaInfo(
        kind,
        int(values["width"]),
        int(values["height"]),
        number("duration"),
        number("frame_rate"),
        None if codec is None else str(codec),
        None if frames is None else int(frames),
        tuple(_sentence(detail) for detail in list(values["details"])[:_MAX_DETAILS]),
        max(0, int(values["damaged"])),
        tuple(part for part in map(float, values["parts"]) if 0 < part < math.inf),
        _audio_info(values.get("audio")),
        tuple(OriginMark.from_dict(mark) for mark in list(values.get("marks", ()))[:MAX_MARKS]),
    )


def _audio_info(values: Any) -> AudioInfo | None:
    if values is None:
        return None
    start, duration = float(values["start"]), values["duration"]
    if not math.isfinite(start):
        raise ValueError
    seconds = None if duration is None or not 0 < float(duration) < math.inf else float(duration)
    return AudioInfo(_sentence(values["codec"]), int(values["rate"]), int(values["channels"]), start, seconds)


def _sentence(text: object) -> str:
    """Return a text from where hostile bytes were read as one line of bounded length."""
    return " ".join(str(text).split())[:_MAX_DETAIL_LENGTH]


def _box(values: Any, size: tuple[int, int]) -> Box | None:
    """Check a box inside of a picture; ValueError or TypeError when it is none."""
    if values is None:
        return None
    x0, y0, x1, y1 = (int(value) for value in values)
    if not (0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]):
        raise ValueError
    return x0, y0, x1, y1


def _burst_place(values: Any) -> BurstPlace | None:
    """Check a frame's place in a burst; ValueError or TypeError when it is none."""
    if values is None:
        return None
    burst, place = (int(value) for value in values)
    if not (0 <= burst < _MOST_BURSTS and 0 <= place < MAX_FRAMES):
        raise ValueError
    return BurstPlace(burst, place)
