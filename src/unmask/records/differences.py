"""In what two results differ, by how much, and what may be why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from unmask.records.digests import OF_THE_RUN
from unmask.records.environment import Environment
from unmask.records.weights import DetectorRecord

_NOTHING = object()


@dataclass(frozen=True)
class Difference:
    """A field in which two results differ.

    Parameters
    ----------
    field
        Its place in the JSON, as ``tracks[0].frames[2].score``.
    recorded, now
        JSON values; None for a field that is not there.
    by
        Absolute difference of two numbers; None for other values.
    """

    field: str
    recorded: Any
    now: Any
    by: float | None = None


@dataclass(frozen=True)
class Change:
    """Something that is not as it was when a report was written.

    Parameters
    ----------
    kind
        ``unmask``, ``weights``, ``libraries``, ``python``, ``processor`` or ``system``.
    text
        What it was and what it is, in words.
    """

    kind: str
    text: str


def result_differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return in what two results differ: fields of the whole file first, then those of its parts.

    Where and how fast a result was made is left out.

    Parameters
    ----------
    recorded, now
        JSON of results.
    """
    found = _compare("", *({n: v for n, v in one.items() if n not in OF_THE_RUN} for one in (recorded, now)))
    return tuple(sorted(found, key=lambda one: one.field.count(".")))


def _compare(place: str, recorded: Any, now: Any) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*recorded, *now)):
            inner = f"{place}.{name}" if place else name
            yield from _compare(inner, recorded.get(name, _NOTHING), now.get(name, _NOTHING))
    elif isinstance(recorded, list) and isinstance(now, list):
        for number, pair in enumerate(zip_longest(recorded, now, fillvalue=_NOTHING)):
            yield from _compare(f"{place}[{number}]", *pair)
    elif _is_number(recorded) and _is_number(now):
        if recorded != now:
            yield Difference(place, recorded, now, abs(recorded - now))
    elif recorded is _NOTHING or now is _NOTHING or recorded != now:
        yield Difference(place, *(None if one is _NOTHING else one for one in (recorded, now)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def changes_since(
    then: tuple[Environment, Sequence[DetectorRecord], str],
    now: tuple[Environment, Sequence[DetectorRecord], str],
) -> tuple[Change, ...]:
    """Return what is not as it was, that which most likely changes a result first.

    Parameters
    ----------
    then, now
        Environment, detectors in the same order, and SHA-256 of the face finder's weights.
    """
    return (*_of_weights(then[1], now[1]), *_of_finder(then[2], now[2]), *_of_environment(then[0], now[0]))


def _of_weights(then: Sequence[DetectorRecord], now: Sequence[DetectorRecord]) -> Iterator[Change]:
    for was, is_now in zip_longest(then, now):
        if was is None or is_now is None:
            one = was or is_now
            yield Change(
                "weights", f"detector {one.name} {'is not asked any more' if was else 'is asked too'}"
            )
            continue
        names = dict.fromkeys((*was.weights, *is_now.weights))
        other = [name for name in names if was.weights.get(name) != is_now.weights.get(name)]
        if other:
            yield Change("weights", f"detector {was.name}: other weights ({', '.join(other)})")
        if was.card_sha256 != is_now.card_sha256:
            versions = f"{was.name} {was.version} then, {is_now.name} {is_now.version} now"
            yield Change("weights", f"another card ({versions}): threshold, calibration or gates may differ")


def _of_finder(then: str, now: str) -> Iterator[Change]:
    if then != now:
        yield Change("weights", "other weights of the face finder")


def _of_environment(then: Environment, now: Environment) -> Iterator[Change]:
    if (then.unmask, then.scan_version) != (now.unmask, now.scan_version):
        scans = (
            f" (scan version {then.scan_version} then, {now.scan_version} now)"
            if then.scan_version != now.scan_version
            else ""
        )
        yield Change("unmask", f"another version of unmask: {then.unmask} then, {now.unmask} now{scans}")
    other = [
        f"{name} {then.libraries.get(name, 'absent')} then, {now.libraries.get(name, 'absent')} now"
        for name in dict.fromkeys((*then.libraries, *now.libraries))
        if then.libraries.get(name) != now.libraries.get(name)
    ]
    if other:
        yield Change("libraries", f"other libraries: {'; '.join(other)}")
    for kind, name in (
        ("processor", "instruction_sets"),
        ("processor", "processor"),
        ("python", "python"),
        ("system", "system"),
    ):
        was, is_now = getattr(then, name), getattr(now, name)
        if was != is_now:
            words = name.replace("_", " ")
            yield Change(kind, f"another {words}: {_listed(was)} then, {_listed(is_now)} now")


def _listed(value: str | tuple[str, ...]) -> str:
    return (value if isinstance(value, str) else ", ".join(value)) or "not known"
