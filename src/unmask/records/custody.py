"""A log of scans to which lines are only added, each with the hash of what stands before it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

from unmask.records.errors import RecordError, RecordWriteError
from unmask.records.seals import seal_holds, sealed_json

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SCHEMA = 1
NOTHING_BEFORE = "0" * 64
_START = b'{"schema": '
_BLOCK = 1 << 16


@dataclass(frozen=True)
class ChainCheck:
    """What a log of scans is found to be.

    Parameters
    ----------
    lines
        Number of lines.
    entries
        Number of whole entries among them.
    broken
        Number, from 1, of the first line that is not as it was written, or does not follow what stands before it; None
        where the chain holds.
    why
        Of the broken line, in words.
    torn
        Numbers of lines that a crash cut off.
    last_sha256
        SHA-256 (hex) of the last line. Kept elsewhere, it shows later that nothing was cut off the end.
    """

    lines: int
    entries: int
    broken: int | None
    why: str
    torn: tuple[int, ...]
    last_sha256: str


class CustodyLog:
    """A log that this process adds to, beside others; every line is on disk before its scan counts as done.

    Parameters
    ----------
    path
        Of the file; made if missing.

    Raises
    ------
    RecordError
        The file holds something that is no log of scans.
    OSError
        It cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("a+b", buffering=0) as file, _alone(file):
            self._end_of(file)

    def append(self, values: Mapping[str, Any]) -> None:
        """Add a line: these values, the time, and the hash of what stands before.

        Parameters
        ----------
        values
            JSON values of the entry.

        Raises
        ------
        RecordError
            The file holds something that is no log of scans.
        RecordWriteError
            The disk does not take the line.
        """
        try:
            with self.path.open("a+b", buffering=0) as file, _alone(file):
                end, is_torn = self._end_of(file)
                entry = {
                    "schema": SCHEMA,
                    "previous": hashlib.sha256(end).hexdigest() if end else NOTHING_BEFORE,
                    "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                    **({"after_torn_line": True} if is_torn else {}),
                    **values,
                }
                # What a crash left without its line break stays as it is, on a line of its own.
                line = (b"" if _ends_line(file) else b"\n") + sealed_json(entry) + b"\n"
                if file.write(line) != len(line):
                    raise OSError(28, "only a part of the line could be written; is the disk full?")
                os.fsync(file.fileno())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise RecordWriteError(f"--custody-log: {str(self.path)!r}: {reason}") from error

    def _end_of(self, file: BinaryIO) -> tuple[bytes, bool]:
        """Return the last whole entry with all that follows it, and whether something does."""
        file.seek(0)
        if not _may_be_torn(file.read(len(_START))):
            raise self._none_of_ours()
        end, start = b"", file.seek(0, os.SEEK_END)
        while start > 0:
            step = min(start, _BLOCK)
            start -= step
            file.seek(start)
            end = _read(file, step) + end
            lines = end.removesuffix(b"\n").split(b"\n")
            for number in range(len(lines) - 1, -1 if start == 0 else 0, -1):
                if _is_entry(lines[number]):
                    return b"\n".join(lines[number:]), number < len(lines) - 1
                if not _may_be_torn(lines[number]):
                    raise self._none_of_ours()
        return end.removesuffix(b"\n"), bool(end)

    def _none_of_ours(self) -> RecordError:
        return RecordError(f"{str(self.path)!r} holds something that is no log of scans; name another file")


def check_chain(path: Path) -> ChainCheck:
    """Check every line of a log of scans, and that each follows what stands before it.

    Parameters
    ----------
    path
        Of the log.

    Raises
    ------
    OSError
        It cannot be read.
    """
    before: list[bytes] = []  # The last whole entry and what follows it.
    torn: list[int] = []
    lines = entries = 0
    broken: tuple[int, str] | None = None
    last, whole = b"", True
    with path.open("rb") as file:
        for lines, raw in enumerate(file, start=1):
            last, whole = raw.removesuffix(b"\n"), raw.endswith(b"\n")
            entry = _entry(last)
            if entry is None:
                if not _may_be_torn(last):
                    broken = broken or (lines, "it is no entry")
                torn.append(lines)
                before.append(last)
                continue
            entries += 1
            broken = broken or _why_broken(lines, last, entry, before, torn)
            before = [last]
    if broken is None and torn and torn[-1] == lines and whole:
        broken = torn[-1], "it is no whole entry"  # A crash leaves no line break behind what it cut off.
    return ChainCheck(
        lines,
        entries,
        None if broken is None else broken[0],
        "" if broken is None else broken[1],
        tuple(torn),
        hashlib.sha256(last).hexdigest() if lines else NOTHING_BEFORE,
    )


def _why_broken(
    number: int, line: bytes, entry: Mapping[str, Any], before: list[bytes], torn: list[int]
) -> tuple[int, str] | None:
    """Return the line that is broken when this entry is read, and why."""
    if torn and torn[-1] == number - 1 and not entry.get("after_torn_line"):
        return torn[-1], "it is no whole entry, and the next line knows of no crash"
    if not seal_holds(line):
        return number, "it was changed"
    wanted = hashlib.sha256(b"\n".join(before)).hexdigest() if before else NOTHING_BEFORE
    if entry["previous"] != wanted:
        return number, "it does not follow the line before it: lines were changed, removed, added or moved"
    return None


def _entry(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(_START):
        return None
    try:
        values = json.loads(line)
    except ValueError:
        return None
    known = isinstance(values, dict) and isinstance(values.get("previous"), str)
    return values if known else None


def _is_entry(line: bytes) -> bool:
    return _entry(line) is not None


def _may_be_torn(line: bytes) -> bool:
    """Return whether bytes may be the start of an entry, or the zeros that a lost block leaves."""
    rest = line.rstrip(b"\0")
    return rest.startswith(_START) or _START.startswith(rest)


def _ends_line(file: BinaryIO) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _read(file: BinaryIO, count: int) -> bytes:
    parts: list[bytes] = []
    while count > 0 and (part := file.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


@contextmanager
def _alone(file: BinaryIO) -> Iterator[None]:
    """Keep other writers waiting; the lock ends with the process, however that ends."""
    try:
        _lock(file)
    except OSError as error:
        raise RecordError(
            f"{file.name!r} cannot be locked against other writers: {error.strerror}"
        ) from error
    try:
        yield
    finally:
        _unlock(file)


if sys.platform == "win32":
    _FAR = (1 << 31) - 1  # Locked bytes cannot be read, so one that no log reaches stands for the file.

    def _lock(file: BinaryIO) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)

    def _unlock(file: BinaryIO) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
