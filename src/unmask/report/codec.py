"""Dataclasses whose types say what their JSON may be: by these they are checked, written, read and described."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

P = TypeVar("P", bound="Part")


@dataclass(frozen=True)
class Number:
    """The range of a number, and how exact it is in JSON.

    Parameters
    ----------
    least, most
        Bounds, inclusive; None for none. No number may be infinite or NaN.
    digits
        Decimal places in JSON; None for an integer.
    """

    least: float | None = None
    most: float | None = None
    digits: int | None = None

    def holds(self, value: float) -> bool:
        """Return whether a number lies in the range.

        Parameters
        ----------
        value
            Infinite ones and NaN are not in any range.
        """
        above = self.least is None or value >= self.least
        return above and (self.most is None or value <= self.most) and math.isfinite(value)

    def __str__(self) -> str:
        if self.least is None:
            return "finite"
        return f">= {self.least:g}" if self.most is None else f"in [{self.least:g}, {self.most:g}]"


@dataclass(frozen=True)
class Pattern:
    """What a string looks like: a regular expression that fits all of it."""

    expression: str


@dataclass(frozen=True)
class Written:
    """A value with a JSON form of its own; such values are not read back.

    Parameters
    ----------
    write
        Makes the JSON form of a value that is not None.
    schema
        JSON schema of that form: a mapping, or the dataclass whose fields it has.
    """

    write: Callable[[Any], Any]
    schema: Any = field(compare=False)


OMITTED = "omitted"
"""Marks a field that is not in the JSON: ``Annotated[bytes, OMITTED]``."""

Probability = Annotated[float, Number(0, 1, 6)]
Seconds = Annotated[float, Number(0, None, 3)]
Pixels = Annotated[float, Number(None, None, 1)]
Count = Annotated[int, Number(0)]
Interval = tuple[Probability, Probability]
Box = tuple[Pixels, Pixels, Pixels, Pixels]


class Part:
    """A dataclass that is a part of a result; its constructor raises ValueError for what is out of range.

    ``JSON`` names the fields of the JSON in their order, where that is not the order of the dataclass; ``DERIVED`` has
    the types of those that are no fields of the dataclass.
    """

    JSON: ClassVar[tuple[str, ...]] = ()
    DERIVED: ClassVar[Mapping[str, Any]] = {}

    def __post_init__(self) -> None:
        for name, kind in json_fields(cast(Any, type(self))).items():
            if name not in self.DERIVED:
                _check(kind, getattr(self, name), name)

    def to_dict(self) -> dict[str, Any]:
        """Return the part as the JSON schema has it."""
        return {
            name: _written(kind, getattr(self, name))
            for name, kind in json_fields(cast(Any, type(self))).items()
            if name not in self.DERIVED
        }

    @classmethod
    def from_dict(cls: type[P], values: Mapping[str, Any]) -> P:
        """Return what ``to_dict`` wrote; what is missing has its default, what is unknown is left out.

        Parameters
        ----------
        values
            Of JSON.

        Raises
        ------
        ValueError
            When a value is of another type or out of range.
        """
        return cast(P, _read(_kind_of_type(cast(Any, cls)), values))


@dataclass(frozen=True)
class Kind:
    """What a type says: itself without its marks and without None, the marks, and whether it may be None."""

    core: Any
    marks: tuple[Any, ...]
    optional: bool

    def mark(self, kind: type[Any]) -> Any:
        """Return the mark of a class, or None.

        Parameters
        ----------
        kind
            Class of the mark.
        """
        return next((mark for mark in self.marks if isinstance(mark, kind)), None)

    def items(self) -> Iterator[Kind]:
        """Return the kinds of a tuple's items; for any number of items the same kind for ever."""
        inner = get_args(self.core)
        if len(inner) == 2 and inner[1] is Ellipsis:
            while True:
                yield _kind_of_type(inner[0])
        yield from map(_kind_of_type, inner)

    @property
    def is_dataclass(self) -> bool:
        """Whether the values are dataclasses."""
        return is_dataclass(self.core)

    @property
    def length(self) -> int | None:
        """Number of items of a tuple; None for any."""
        inner = get_args(self.core)
        return None if inner[-1] is Ellipsis else len(inner)


@cache
def _kind_of_type(hint: Any) -> Kind:
    """Return what a type says."""
    marks: tuple[Any, ...] = ()
    optional = False
    while True:
        if get_origin(hint) is Annotated:
            marks, hint = (*marks, *hint.__metadata__), hint.__origin__
        elif get_origin(hint) in (Union, UnionType):
            (hint,) = (one for one in get_args(hint) if one is not NoneType)
            optional = True
        else:
            return Kind(hint, marks, optional)


@cache
def json_fields(part: type[Any]) -> dict[str, Kind]:
    """Return the fields that a dataclass has in JSON, in their order there, derived ones among them.

    Parameters
    ----------
    part
        The dataclass.
    """
    hints = get_type_hints(part, include_extras=True)
    known = {one.name: _kind_of_type(hints[one.name]) for one in fields(part)}
    known |= {name: _kind_of_type(hint) for name, hint in getattr(part, "DERIVED", {}).items()}
    order = getattr(part, "JSON", ()) or known
    return {name: known[name] for name in order if OMITTED not in known[name].marks}


def require(condition: bool, message: str) -> None:
    """Check a condition.

    Parameters
    ----------
    condition
        That should hold.
    message
        Of the error.

    Raises
    ------
    ValueError
        Unless it holds.
    """
    if not condition:
        raise ValueError(message)


def _check(kind: Kind, value: Any, name: str) -> None:
    if value is None:
        require(kind.optional, f"{name} must not be None")
    elif number := kind.mark(Number):
        require(number.holds(value), f"{name} must be {number}")
    elif pattern := kind.mark(Pattern):
        require(
            re.fullmatch(pattern.expression, value) is not None, f"{name} must be like {pattern.expression}"
        )
    elif get_origin(kind.core) is Literal:
        require(value in get_args(kind.core), f"unknown {name} {value!r}")
    elif get_origin(kind.core) is tuple and not kind.mark(Written):
        require(kind.length in (None, len(value)), f"{name} must have {kind.length} values")
        for inner, one in zip(kind.items(), value, strict=False):
            if not inner.is_dataclass:
                _check(inner, one, name)


def _written(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if mark := kind.mark(Written):
        return mark.write(value)
    if number := kind.mark(Number):
        return (
            value if number.digits is None or isinstance(value, int) else round(float(value), number.digits)
        )
    if kind.is_dataclass:
        return value.to_dict()
    if get_origin(kind.core) is tuple:
        return [_written(inner, one) for inner, one in zip(kind.items(), value, strict=False)]
    return value


def _read(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind.is_dataclass:
        known = {name: one for name, one in json_fields(kind.core).items() if not one.mark(Written)}
        derived = getattr(kind.core, "DERIVED", {})
        return kind.core(
            **{n: _read(one, value[n]) for n, one in known.items() if n in value and n not in derived}
        )
    if get_origin(kind.core) is tuple:
        return tuple(_read(inner, one) for inner, one in zip(kind.items(), value, strict=False))
    return value
