"""Where in a file further videos begin, of kinds that FFmpeg reads the first of only."""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

_FLV = re.compile(rb"FLV\x01[\x00-\x05]\x00\x00\x00\x09\x00\x00\x00\x00")
_ASF = re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c")
_SEARCHED_BYTES = 64_000_000  # Only MP4 files are longer, as a rule, and these tell where each box ends.
_MOST_BOXES = 1000


def starts_of_videos(file: BinaryIO, size: int) -> list[int]:
    """Return where in a file a video of its own begins; 0 is the first.

    Parameters
    ----------
    file
        At any place.
    size
        Of the file, in bytes.
    """
    file.seek(0)
    head = file.read(16)
    if head[4:8] == b"ftyp":
        return _starts_in_boxes(file, size)
    for signature in (_FLV, _ASF):
        if signature.match(head) and size <= _SEARCHED_BYTES:
            file.seek(0)
            return [match.start() for match in signature.finditer(file.read(size))]
    return [0]


def _starts_in_boxes(file: BinaryIO, size: int) -> list[int]:
    """Return where the ``ftyp`` boxes of MP4 files are that have a ``moov`` box of their own."""
    kinds: dict[int, set[bytes]] = {}
    place = start = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            break
        length, kind = struct.unpack_from(">I4s", head)
        if length == 1 and len(head) == 16:
            length = struct.unpack_from(">Q", head, 8)[0]
        if kind == b"ftyp":
            start = place
        kinds.setdefault(start, set()).add(kind)
        if length < 8:
            break
        place += length
        if place >= size:
            break
    return [0, *(start for start, found in kinds.items() if start and b"moov" in found)]
