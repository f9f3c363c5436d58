"""Whether a file of the MP4 family (MP4, MOV, AVIF, HEIF) breaks off: its boxes say how long it should be."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

_MOST_BOXES = 1000


def boxes(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes, int]]:
    """Return the outermost boxes of an ISO base media file as (first byte, kind, end).

    Parameters
    ----------
    file
        At any place; moved.
    size
        Of the file, in bytes. The last box may end beyond it, and then the file breaks off.
    """
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return
        length, kind = struct.unpack_from(">I4s", head)
        if length == 1 and len(head) == 16:
            length = struct.unpack_from(">Q", head, 8)[0]
        end = size if length == 0 else place + length
        yield place, kind, end
        if 0 < length < 8 or end >= size:
            return
        place = end


def told_break(file: BinaryIO) -> str | None:
    """Return in one line that a file breaks off and what is there; None where its boxes do not say so.

    Parameters
    ----------
    file
        At any place; moved.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[4:8] != b"ftyp":
        return None
    found = list(boxes(file, size))
    end, kinds = found[-1][2] if found else 0, {kind for _, kind, _ in found}
    if end <= size and (kinds & {b"moov", b"meta"} or end < size - 8):
        return None
    there = f"{size:,} of at least {end:,} bytes are there" if end > size else f"it has {size:,} bytes"
    index = "" if kinds & {b"moov", b"meta"} else "; the index behind them is missing"
    return f"the file breaks off: {there}{index}"
