"""The JSON schema that every scan's JSON follows."""

from __future__ import annotations

import json
from typing import Any

from unmask.report.result import SCHEMA


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of one scanned file."""
    from importlib.resources import files

    text = files("unmask.report").joinpath(f"scan-schema-{SCHEMA}.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed
