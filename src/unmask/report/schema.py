"""The JSON schema that every scan's JSON follows: generated from the result's dataclasses, and kept as a file."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal, cast, get_args, get_origin

from unmask.formats.facts import Tags
from unmask.report.codec import Kind, Number, Pattern, Written, json_fields
from unmask.report.evidence import Evidence
from unmask.report.result import SCHEMA, ScanResult

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
# Pairs of name and value, which `FileFacts.to_dict` writes as an object.
_TAGS = {
    "type": "object",
    "description": "As the file has them, shortened; places are withheld.",
    "additionalProperties": {"type": "string"},
}
# What a line of a results log has beside the result; `unmask.batch.row_of` writes it.
_BATCH = {
    "type": "object",
    "description": "In JSON lines: what the line is of, by which a second run knows what is done.",
    "additionalProperties": False,
    "required": ["content", "bytes", "modified", "scan", "same_as"],
    "properties": {
        "content": {
            "type": ["string", "null"],
            "description": "SHA-256 of the file; null when it was not read.",
        },
        "bytes": {"type": ["integer", "null"], "minimum": 0},
        "modified": {
            "type": ["number", "null"],
            "description": "When the file was last changed, seconds since 1970.",
        },
        "scan": {
            "type": "string",
            "description": "SHA-256 of the detector and all that a result depends on.",
        },
        "same_as": {
            "type": ["string", "null"],
            "description": "Path of the scanned file of the same content.",
        },
    },
}
# A verdict, score and interval exist exactly when the status is ok; then something was judged.
_STATUS_RULE = {
    "if": {"properties": {"status": {"const": "ok"}}},
    "then": {
        "properties": {
            "verdict": {"type": "string"},
            "score": {"type": "number"},
            "interval": {"type": "array"},
        },
        "anyOf": [
            {"properties": {"tracks": {"minItems": 1}}},
            {"properties": {"opinions": {"contains": {"properties": {"subjects": {"minItems": 1}}}}}},
        ],
    },
    "else": {
        "properties": {
            "verdict": {"type": "null"},
            "score": {"type": "null"},
            "interval": {"type": "null"},
            "tracks": {"maxItems": 0},
        }
    },
}


def schema(version: int = SCHEMA) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of one scanned file, as the package's file has it.

    Parameters
    ----------
    version
        The schema's number; 1 is that of earlier results.
    """
    text = files("unmask.report").joinpath(f"scan-schema-{version}.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def generated_schema() -> dict[str, Any]:
    """Return the JSON schema that the dataclasses of a result say; the file of the current schema holds it."""
    parts: dict[str, Any] = {}
    whole = _object(ScanResult, parts)
    whole["properties"] |= {"batch": _BATCH, "evidence": _reference(Evidence, parts)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:unmask:scan:{SCHEMA}",
        "title": "unmask scan, one file",
        **whole,
        **_STATUS_RULE,
        "$defs": dict(sorted(parts.items())),
    }


def _object(part: type[Any], parts: dict[str, Any]) -> dict[str, Any]:
    texts = _texts(part)
    properties = {}
    for name, kind in json_fields(cast(Any, part)).items():
        described = _TAGS if kind.core == Tags else _value(kind, parts)
        properties[name] = described | ({"description": texts[name]} if name in texts else {})
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _reference(part: type[Any], parts: dict[str, Any]) -> dict[str, Any]:
    if part.__name__ not in parts:
        parts[part.__name__] = {}  # So that its place is taken while its own parts are described.
        parts[part.__name__] = _object(part, parts)
    return {"$ref": f"#/$defs/{part.__name__}"}


def _value(kind: Kind, parts: dict[str, Any]) -> dict[str, Any]:
    value = _present(kind, parts)
    if not kind.optional:
        return value
    if "enum" in value:
        return value | {"enum": [*value["enum"], None]}
    if "type" in value and value["type"] != "array":
        return value | {"type": [value["type"], "null"]}
    return {"anyOf": [value, {"type": "null"}]}


def _present(kind: Kind, parts: dict[str, Any]) -> dict[str, Any]:
    if mark := kind.mark(Written):
        return dict(mark.schema) if isinstance(mark.schema, Mapping) else _reference(mark.schema, parts)
    if kind.is_dataclass:
        return _reference(kind.core, parts)
    if get_origin(kind.core) is Literal:
        options = get_args(kind.core)
        return {"const": options[0]} if len(options) == 1 else {"enum": list(options)}
    if get_origin(kind.core) is tuple:
        items: dict[str, Any] = {"type": "array", "items": _value(next(kind.items()), parts)}
        return items if kind.length is None else items | {"minItems": kind.length, "maxItems": kind.length}
    value: dict[str, Any] = {"type": _TYPES[kind.core]}
    if number := kind.mark(Number):
        limits = {"minimum": number.least, "maximum": number.most}
        value |= {name: limit for name, limit in limits.items() if limit is not None}
    if pattern := kind.mark(Pattern):
        value["pattern"] = f"^{pattern.expression}$"
    return value


def _texts(part: type[Any]) -> dict[str, str]:
    """Return what a docstring's section of parameters says of each field; None is null in JSON."""
    doc = inspect.getdoc(part) or ""
    section = re.search(r"Parameters\n-+\n(.*?)(?=\n\n|\Z)", doc, re.DOTALL)
    texts: dict[str, str] = {}
    for names, text in re.findall(
        r"^(\S.*)\n((?:    .*(?:\n|$))+)", section[1] if section else "", re.MULTILINE
    ):
        words = re.sub(r"\bNone\b", "null", " ".join(text.split()))
        texts |= dict.fromkeys(re.split(r", ", names), words)
    return texts
