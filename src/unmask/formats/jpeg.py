"""JPEG pictures behind bytes that do not belong to them, and in codings that are not read."""

from __future__ import annotations

import re
from io import BytesIO
from typing import BinaryIO

MOST_STRAY_BYTES = 4096

# A picture's start, and the code of a first segment that has a length: application data, comment, tables, frame.
_START = re.compile(rb"(?=\xff\xd8\xff+([\xe0-\xef\xfe\xdb\xc0-\xc4\xdd\xf7])(..))", re.DOTALL)
_START_BYTES = 6
_SEGMENT_BYTES = 2
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_BASELINE, _PROGRESSIVE, _LOSSLESS, _JPEG_LS = 0xC0, 0xC2, 0xC3, 0xF7


def jpeg_start(head: bytes) -> int | None:
    """Return where in the first bytes of a file a JPEG picture begins, past bytes that do not belong to it.

    Three bytes can look like a start by chance: the one counts whose first segment is followed by a second. Where no
    such one is found it may be one whose first segment does not end within ``head``.

    Parameters
    ----------
    head
        The first bytes of the file.
    """
    long_ones = []
    for start in _START.finditer(head, 0, MOST_STRAY_BYTES + _START_BYTES):
        following = start.start(2) + int.from_bytes(start[2], "big")
        if following >= len(head):
            long_ones.append(start.start())
        elif head[following] == 0xFF:
            return start.start()
    return long_ones[0] if long_ones else None


def without_stray_bytes(file: BinaryIO) -> BinaryIO:
    """Return the file, at its beginning, or its content without the bytes in front of the picture.

    Parameters
    ----------
    file
        Of a JPEG picture.
    """
    head = file.read(4 * MOST_STRAY_BYTES)
    file.seek(0)
    start = 0 if head.startswith(b"\xff\xd8\xff") else jpeg_start(head)
    if not start:
        return file
    file.seek(start)
    return BytesIO(file.read())


def unread_coding(file: BinaryIO) -> str | None:
    """Return the name of a JPEG picture's coding that is not read; None where it should have been read.

    Parameters
    ----------
    file
        That Pillow did not read.
    """
    file.seek(0)
    if file.read(2) != b"\xff\xd8":
        return None
    while (marker := file.read(2)) and marker[:1] == b"\xff" and len(marker) == 2:
        code, length = marker[1], int.from_bytes(file.read(_SEGMENT_BYTES), "big")
        if code in _FRAMES:
            return _name(code, file.read(1))
        if length < _SEGMENT_BYTES:
            return None
        file.seek(length - _SEGMENT_BYTES, 1)
    return None


def _name(frame: int, bits: bytes) -> str | None:
    advice = "save it as JPEG of 8 bits or PNG"
    if frame == _JPEG_LS:
        return f"a JPEG-LS image; {advice}"
    if bits != b"\x08":
        return f"a JPEG image of {bits[0] if bits else 0} bits; {advice}"
    if frame not in (_BASELINE, 0xC1, _PROGRESSIVE):
        return f"a JPEG image in a rare coding (lossless, hierarchical or arithmetic); {advice}"
    return None
