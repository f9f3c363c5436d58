"""Hashes of results: of what their JSON says, and of their numbers to the last bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from unmask.report import ScanResult

OF_THE_RUN = frozenset({"path", "seconds", "isolation", "batch"})
"""Fields of a result that say where and how fast it was made, not what was found."""
_APART = OF_THE_RUN | {"evidence"}


def result_sha256(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of what a result says, evidence left out.

    It is that of the JSON with sorted keys, without spaces and in ASCII, of all fields but ``path``, ``seconds``,
    ``isolation``, ``batch`` and ``evidence``. The same for a line of ``--output``, of ``--json`` and of ``scan.json``.

    Parameters
    ----------
    values
        JSON of the result.
    """
    return _sha256({name: value for name, value in values.items() if name not in _APART})


def exact_sha256(result: ScanResult) -> str:
    """Return the SHA-256 (hex) over the same fields with every number as it is in memory, not rounded.

    Parameters
    ----------
    result
        Of the scan.
    """
    values = asdict(replace(result, evidence=None))
    return _sha256({name: value for name, value in values.items() if name not in _APART})


def _sha256(values: Mapping[str, Any]) -> str:
    # Of a float, JSON has the shortest digits that give it back: one text for each number.
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=float)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
