"""The JSON schema that every scan's JSON follows."""

from __future__ import annotations

import json
from typing import Any

from unmask.report.result import SCHEMA


def schema(version: int = SCHEMA) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of one scanned file; ``version`` 1 is that of earlier results."""
    from importlib.resources import files

    text = files("unmask.report").joinpath(f"scan-schema-{version}.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed
