"""Messages between a scan and its decoding process: short JSON, and pixels behind some of them."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import io

_LENGTH = struct.Struct("!I")
_LONGEST = 1 << 20


class BrokenConversationError(Exception):
    """The other side ended, or says what makes no sense."""


def packed(message: dict[str, Any]) -> bytes:
    """Return the bytes of a message.

    Parameters
    ----------
    message
        Values that JSON has.
    """
    text = json.dumps(message).encode()
    return _LENGTH.pack(len(text)) + text


def read_message(source: io.RawIOBase) -> dict[str, Any]:
    """Read one message, all of whose numbers are finite.

    Parameters
    ----------
    source
        A socket's stream.

    Raises
    ------
    BrokenConversationError
        At the end, or when it is no message.
    """
    (length,) = _LENGTH.unpack(read_exactly(source, _LENGTH.size))
    if length > _LONGEST:
        raise BrokenConversationError
    try:
        message = json.loads(read_exactly(source, length), parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BrokenConversationError from error
    if not isinstance(message, dict):
        raise BrokenConversationError
    return message


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return value


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no number")


def read_exactly(source: io.RawIOBase, count: int) -> bytearray:
    """Read a number of bytes.

    Parameters
    ----------
    source
        A socket's stream.
    count
        Of bytes.

    Raises
    ------
    BrokenConversationError
        When they end early.
    """
    data = bytearray(count)
    view = memoryview(data)
    while view:
        got = source.readinto(view)
        if not got:
            raise BrokenConversationError
        view = view[got:]
    return data
