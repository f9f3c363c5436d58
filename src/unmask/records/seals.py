"""JSON with a hash of its own bytes, so that a change of any byte of it shows.

A seal shows damage and careless changes. It is no signature: whoever changes the text on purpose can seal it again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

SEAL = "self_sha256"
_ZEROS = "0" * 64
_PLACE = re.compile(rb'"self_sha256": "([0-9a-f]{64})"(?=\s*\}\s*\Z)')


def sealed_json(values: Mapping[str, Any], indent: int | None = None) -> bytes:
    """Return values as JSON in ASCII whose last field is the SHA-256 of this text with zeros for the hash's digits.

    Parameters
    ----------
    values
        JSON values, none of the name ``self_sha256``.
    indent
        As of ``json.dumps``.
    """
    text = json.dumps({**values, SEAL: _ZEROS}, indent=indent)
    head, _, tail = text.rpartition(_ZEROS)
    return f"{head}{hashlib.sha256(text.encode('ascii')).hexdigest()}{tail}".encode("ascii")


def seal_holds(text: bytes) -> bool:
    """Return whether a text is as ``sealed_json`` wrote it.

    Parameters
    ----------
    text
        Without line breaks before or after it.
    """
    place = _PLACE.search(text)
    if place is None:
        return False
    start, end = place.span(1)
    blank = text[:start] + _ZEROS.encode() + text[end:]
    return hashlib.sha256(blank).hexdigest().encode() == place.group(1)
