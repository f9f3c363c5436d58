"""The standard streams of the command: one that is closed, full or no longer read costs one line, never a traceback."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from typing_extensions import Buffer

NOT_WRITTEN, READER_GONE = 1, 141

_GONE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN})
# A closed descriptor is taken by the null device, opened the wrong way round: reading or writing it still fails, and
# no file that is opened later gets its number, where a library's message would end up inside it.
_STAND_IN = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}


class OutputError(Exception):
    """Output that cannot be written.

    Parameters
    ----------
    message
        One line, or empty where no reader is left.
    exit_code
        1, or 141 where the reader of a pipe has gone, as a shell reports a program that SIGPIPE ended.
    """

    def __init__(self, message: str, exit_code: int = NOT_WRITTEN) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def open_streams() -> None:
    """Make the standard streams of this process safe to use, whatever they are; those that are not its own stay.

    Writing to standard output raises OutputError where it fails, once: what comes after goes nowhere. Messages on
    standard error that nobody can take are dropped.
    """
    for descriptor, flags in _STAND_IN.items():
        try:
            os.fstat(descriptor)
        except OSError:
            _replace(descriptor, flags)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "rb", closefd=False)))
    if _is_own(sys.stdout, sys.__stdout__, 1):
        sys.stdout = _text(_Output(1, "wb", closefd=False), sys.stdout)
    if _is_own(sys.stderr, sys.__stderr__, 2):
        sys.stderr = _text(_Messages(2, "wb", closefd=False), sys.stderr)


def flush_output(code: int) -> int:
    """Write out what is left of standard output.

    Parameters
    ----------
    code
        Exit code so far.

    Returns
    -------
    int
        The exit code, changed from 0 where writing fails.
    """
    failure = _Output.failure
    try:
        sys.stdout.flush()
    except OutputError as error:
        failure = error
    if failure is None or code:
        return code
    say(failure)
    return failure.exit_code


def say(error: OutputError) -> None:
    """Print the line of an error, if it can be read.

    Parameters
    ----------
    error
        Of an output.
    """
    if str(error):
        print(f"unmask: {error}", file=sys.stderr)


class _Output(io.FileIO):
    """Standard output.

    Parameters
    ----------
    failure
        The first, kept for the end, as libraries that try out what a stream takes can hide it.
    """

    failure: OutputError | None = None

    def write(self, data: Buffer, /) -> int:
        if not len(memoryview(data)):
            return 0
        try:
            return super().write(data)
        except OSError as error:
            _Output.failure = _explained(error)
            _replace(
                1, os.O_WRONLY
            )  # What is still buffered is written at the end, and must not fail once more.
            raise _Output.failure from error


class _Messages(io.FileIO):
    """Standard error."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data))


def _explained(error: OSError) -> OutputError:
    if error.errno in _GONE:
        return OutputError("", READER_GONE)
    if error.errno == errno.EBADF:
        return OutputError("standard output is closed")
    return OutputError(f"standard output: {(error.strerror or str(error)).lower()}")


def _replace(descriptor: int, flags: int) -> None:
    """Let a descriptor stand for the null device."""
    null = os.open(os.devnull, flags)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
    os.set_inheritable(descriptor, True)


def _is_own(stream: object, original: object, descriptor: int) -> bool:
    """Return whether a stream is what Python made of the descriptor; Windows' console takes no bytes."""
    if stream is None:
        return original is None
    return (
        stream is original
        and isinstance(stream, io.TextIOWrapper)
        and not (sys.platform == "win32" and stream.isatty())
        and stream.fileno() == descriptor
    )


def _text(raw: io.FileIO, before: TextIO | None) -> io.TextIOWrapper:
    """Write text to a stream as the one before did."""
    if not isinstance(before, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace")
    before.flush()
    return io.TextIOWrapper(
        raw if before.write_through else io.BufferedWriter(raw),
        encoding=before.encoding,
        errors="backslashreplace",
        line_buffering=before.line_buffering,
        write_through=before.write_through,
    )
