"""Checks of the parts of a result, and their way to plain values and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def fields_in(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values that are fields of a dataclass; later versions may write more."""
    return {part.name: values[part.name] for part in fields(kind) if part.name in values}


def pair(values: Any) -> tuple[float, float] | None:
    """Return two numbers of a JSON list, or None."""
    return None if values is None else (values[0], values[1])


def require(condition: bool, message: str) -> None:
    """Raise ValueError with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def is_probability(value: float) -> bool:
    """Return whether a number lies in [0, 1]."""
    return 0 <= value <= 1


def rounded(value: float | None) -> float | None:
    """Round a probability to what the JSON has of it."""
    return None if value is None else round(float(value), 6)
