"""Where in a file further videos begin, of kinds that FFmpeg reads the first of only."""

from __future__ import annotations

import re
from typing import BinaryIO

from unmask.formats.truncation import boxes

_FLV = re.compile(rb"FLV\x01[\x00-\x05]\x00\x00\x00\x09\x00\x00\x00\x00")
_ASF = re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c")
_SEARCHED_BYTES = 64_000_000  # Only MP4 files are longer, as a rule, and these tell where each box ends.
_MOST_STARTS = 1000


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
    if head[:4] == b"RIFF":
        return _starts_in_riff(file, size)
    for signature in (_FLV, _ASF):
        if signature.match(head) and size <= _SEARCHED_BYTES:
            file.seek(0)
            return [match.start() for match in signature.finditer(file.read(size))]
    return [0]


def _starts_in_boxes(file: BinaryIO, size: int) -> list[int]:
    """Return where the ``ftyp`` boxes of MP4 files are that have a ``moov`` box of their own."""
    kinds: dict[int, set[bytes]] = {}
    start = 0
    for place, kind, _ in boxes(file, size):
        if kind == b"ftyp":
            start = place
        kinds.setdefault(start, set()).add(kind)
    return [0, *(start for start, found in kinds.items() if start and b"moov" in found)]


def _starts_in_riff(file: BinaryIO, size: int) -> list[int]:
    """Return where AVI files begin; the further parts of a single long one (``AVIX``) belong to it."""
    starts: list[int] = []
    place = 0
    while len(starts) < _MOST_STARTS:
        file.seek(place)
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] not in (b"AVI ", b"AVIX"):
            break
        if head[8:] == b"AVI ":
            starts.append(place)
        length = int.from_bytes(head[4:8], "little")
        place += 8 + length + length % 2
        if place >= size:
            break
    return starts or [0]
