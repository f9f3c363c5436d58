"""Edit lists of MP4 and MOV files: which stretches of the stored media are shown, and what is left out before them."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

MAX_EDITS = 32  # Of all tracks of a file.
_MOST_BOXES = 256
_KINDS = {b"vide": "video", b"soun": "audio", b"sbtl": "subtitle", b"subt": "subtitle", b"text": "subtitle"}

_Span = tuple[int, int]  # (first byte, last byte + 1)


@dataclass(frozen=True)
class Edit:
    """An entry of a track's edit list (ISO/IEC 14496-12, 8.6.6).

    Parameters
    ----------
    kind
        Of the track: ``"video"``, ``"audio"``, ``"subtitle"`` or ``"data"``.
    seconds
        How long the stretch is shown; 0 in fragmented files for all that follows.
    start
        Seconds of the stored media at which it begins; None for an empty edit, which delays what follows.
    """

    kind: str
    seconds: float
    start: float | None = None


def edits_of(file: BinaryIO) -> tuple[Edit, ...]:
    """Return the entries of all edit lists of a file, in order; none for other files and broken ones.

    Parameters
    ----------
    file
        Its position changes.
    """
    found: list[Edit] = []
    with suppress(OSError, OverflowError, struct.error, ZeroDivisionError):
        size = file.seek(0, os.SEEK_END)
        if _read(file, (4, 8)) in (b"ftyp", b"moov", b"wide", b"mdat", b"free"):
            for movie in _boxes(file, (0, size), b"moov"):
                scale = _scale(file, movie, b"mvhd")
                for track in _boxes(file, movie, b"trak"):
                    found += _of_track(file, track, scale)
    return tuple(found[:MAX_EDITS])


def _of_track(file: BinaryIO, track: _Span, movie_scale: int) -> Iterator[Edit]:
    media = next(_boxes(file, track, b"mdia"), None)
    if media is None:
        return
    handler = next(_boxes(file, media, b"hdlr"), (0, 0))
    kind = _KINDS.get(_read(file, (handler[0] + 8, handler[0] + 12)), "data")
    scale = _scale(file, media, b"mdhd")
    for edits in _boxes(file, track, b"edts"):
        for start, end in _boxes(file, edits, b"elst"):
            version, count = struct.unpack(">B3xI", _read(file, (start, start + 8)))
            entry = struct.Struct(">QqI" if version == 1 else ">IiI")
            for number in range(min(count, MAX_EDITS)):
                place = start + 8 + number * entry.size
                if place + entry.size > end:
                    return
                duration, first, _ = entry.unpack(_read(file, (place, place + entry.size)))
                yield Edit(kind, duration / movie_scale, None if first == -1 else first / scale)


def _scale(file: BinaryIO, parent: _Span, kind: bytes) -> int:
    """Return the ticks a second of a movie's or a track's header."""
    start, _ = next(_boxes(file, parent, kind), (0, 0))
    place = start + (20 if _read(file, (start, start + 1)) == b"\1" else 12)
    return int.from_bytes(_read(file, (place, place + 4)), "big")


def _boxes(file: BinaryIO, span: _Span, kind: bytes) -> Iterator[_Span]:
    """Return the contents of the boxes of a kind that lie directly in a span."""
    place, end = span
    for _ in range(_MOST_BOXES):
        head = _read(file, (place, place + 16))
        size, start = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - place
        if len(head) < 8 or size < start or place + size > end:
            return
        if head[4:8] == kind:
            yield place + start, place + size
        place += size


def _read(file: BinaryIO, span: _Span) -> bytes:
    file.seek(span[0])
    return file.read(span[1] - span[0])
