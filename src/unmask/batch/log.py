"""The log of results: JSON lines, a whole line at a time, mended when a run was cut off in the middle of one."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from unmask.batch.errors import BatchError, LogWriteError

if TYPE_CHECKING:
    from io import FileIO

    from typing_extensions import Self

SECONDS_BETWEEN_SYNCS = 1.0
_START = b'{"schema": '
_BLOCK = 1 << 16
_LOST = frozenset({errno.ENOSPC, errno.EIO, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


class ResultsLog:
    """Rows in the order in which they were finished; made by ``open_log``.

    A row is handed to the system in one write, so a killed process leaves whole lines and at most one torn one
    at the end. Once a second, and at the end, the file is forced to disk: only what a machine without power
    loses can be more than that.
    """

    def __init__(
        self, name: str, file: FileIO, echo: BinaryIO | None = None, echo_name: str | None = None
    ) -> None:
        self.name = name
        self._file = file
        self._echo = echo
        self._echo_name = echo_name or name
        self._synced = time.monotonic()
        self._end = file.seek(0, os.SEEK_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, row: dict[str, Any]) -> int:
        """Write a row, and return the offset of its line, by which ``read`` finds it.

        Parameters
        ----------
        row
            JSON values.

        Raises
        ------
        LogWriteError
            When the disk does not take it.
        BrokenPipeError
            When nobody reads a pipe any more.
        """
        line = json.dumps(row).encode("ascii") + b"\n"
        start = self._file.seek(0, os.SEEK_END)
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(28, "only a part of the line could be written; is the disk full?")
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(start)
            raise LogWriteError(f"{self.name}: {_reason(error)}") from error
        if self._echo is not None:
            try:
                self._echo.write(line)
                self._echo.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                raise LogWriteError(f"{self._echo_name}: {_reason(error)}") from error
        elif time.monotonic() - self._synced >= SECONDS_BETWEEN_SYNCS:
            self._sync()
        return start

    def read(self, offset: int) -> dict[str, Any]:
        """Return a row.

        Parameters
        ----------
        offset
            Of its line, in bytes.

        Raises
        ------
        BatchError
            When the log has become shorter.
        """
        self._file.seek(offset)
        line = b""
        while b"\n" not in line:
            block = self._file.read(_BLOCK)
            if not block:
                raise BatchError(f"{self.name} has become shorter; does something else write to it?")
            line += block
        row: dict[str, Any] = json.loads(line[: line.index(b"\n")])
        return row

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Return the rows that were there at the opening, with their offsets; a torn end is cut off.

        Raises BatchError, and changes nothing, when a line is none of unmask's.
        """
        offset = 0
        for number, line in enumerate(self._lines(), start=1):
            row = _parsed(line)
            if row is not None:
                yield offset, row
            elif offset + len(line) == self._end and _may_be_torn(line):
                self._file.truncate(offset)
                self._end = offset
                return
            else:
                raise BatchError(f"line {number} of {self.name} is no result of unmask; name another file")
            offset += len(line)

    def close(self) -> None:
        """Force what was written to disk, and close; LogWriteError when only then the disk does not take it."""
        try:
            if self._echo is None:
                self._sync()
        finally:
            self._file.close()

    def _lines(self) -> Iterator[bytes]:
        """Split what was there at the opening into lines, each with its newline."""
        position, rest = 0, b""
        while position < self._end:
            self._file.seek(position)
            block = self._file.read(min(_BLOCK, self._end - position))
            if not block:
                break
            position += len(block)
            *whole, rest = (rest + block).split(b"\n")
            yield from (line + b"\n" for line in whole)
        if rest:
            yield rest

    def _sync(self) -> None:
        self._synced = time.monotonic()
        try:
            os.fsync(self._file.fileno())
        except (
            OSError
        ) as error:  # Some file systems have no such thing; network ones find out now that they are full.
            if error.errno in _LOST:
                raise LogWriteError(f"{self.name}: {_reason(error)}") from error


def open_log(path: Path | None, resume: bool) -> ResultsLog:
    """Open a log for one run; no other can open it meanwhile.

    Parameters
    ----------
    path
        None for standard output. What is no plain file (a pipe, a terminal) takes lines, but remembers none.
    resume
        Whether it may hold rows already.

    Raises
    ------
    BatchError
        It holds something and is not to be resumed, or another run has it open.
    OSError
        It cannot be opened.
    """
    if path is None or (path.exists() and not path.is_file()):
        if resume:
            name = "standard output" if path is None else repr(str(path))
            raise BatchError(f"--resume needs a file of results, which {name} is not")
        if path is None:
            return unnamed_log(sys.stdout.buffer, "standard output")
        return unnamed_log(path.open("wb"), repr(str(path)))
    file = path.open("a+b", buffering=0)
    try:
        _lock(file, path)
        if not resume and file.seek(0, os.SEEK_END):
            raise BatchError(f"{str(path)!r} holds something already; --resume goes on with it")
    except BatchError:
        file.close()
        raise
    return ResultsLog(repr(str(path)), file)


def unnamed_log(echo: BinaryIO | None = None, echo_name: str | None = None) -> ResultsLog:
    """Make a log that ends with the run, for finding what was scanned.

    Parameters
    ----------
    echo
        Gets each line too.
    echo_name
        Of ``echo``, for errors.

    Raises
    ------
    LogWriteError
        No temporary file can be made.
    """
    try:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (the log closes it)
    except OSError as error:
        raise LogWriteError(f"no temporary file can be made: {_reason(error)}") from error
    return ResultsLog("the temporary log of results", file, echo, echo_name)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _lock(file: FileIO, path: Path) -> None:
    """Keep other runs away; the lock ends with the process, however that ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BatchError(f"another run of unmask is writing to {str(path)!r}") from None
    except OSError:
        return  # A file system without locks.


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Read a line as a result, or give None."""
    if not line.startswith(_START) or not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("path"), str) else None


def _may_be_torn(line: bytes) -> bool:
    """Tell the start of a result, or the zeros that a lost block leaves, from a stranger's file."""
    rest = line.rstrip(b"\n").rstrip(b"\0")
    return rest.startswith(_START) or _START.startswith(rest)
