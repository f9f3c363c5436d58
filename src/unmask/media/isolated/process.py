"""One process that decodes: started, asked within the time of a file, and ended with its files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from unmask.formats.errors import MediaError
from unmask.formats.facts import FileFacts
from unmask.formats.provenance import Credentials
from unmask.media.audio import AudioChunk, AudioSampling, RawAudio
from unmask.media.frame import Frame, Limits, MediaInfo
from unmask.media.isolated.answers import (
    LONGEST_DETAIL,
    NONSENSE,
    PictureHeader,
    SoundHeader,
    error_of,
    info_of,
)
from unmask.media.isolated.messages import BrokenConversationError, read_exactly, read_message
from unmask.media.picture import framed, in_burst
from unmask.media.sampling import MAX_SEGMENTS, Sampling

if TYPE_CHECKING:
    import io

    from unmask.formats.content import Content

T = TypeVar("T")

HANDS_OVER_FILES = hasattr(socket, "send_fds") and sys.platform != "win32"
FILES_A_PROCESS = 1000  # Then a fresh one takes over, whatever the decoders' libraries leaked.
CREDENTIALS_SECONDS = 20.0

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1])['path']; " + (
    "from unmask.media.isolated.child import main; main()"
)
_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "TEMP", "TMP")
_PIPE_BYTES = 1 << 20


class DecodingProcessError(RuntimeError):
    """The process that decodes cannot be started; the message is one line."""


class DecodingProcess:
    """One process that decodes one file after the other; see ``child`` for the other side."""

    isolation: str | None = None  # It says so before it gets the first file.

    def __init__(self, limits: Limits, credentials: bool = False) -> None:
        self.reads_credentials = credentials
        self._limits = limits
        self._files = 0
        self._ready = False
        self._sampling = False
        self._late = False
        self._time_left = limits.decoding_seconds
        path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 (entries can be empty)
        readable = [*path, sys.prefix, sys.base_prefix]
        settings = {
            "path": path,
            "readable": readable,
            "limits": asdict(limits),
            "credentials": credentials,
            "hands_over_files": HANDS_OVER_FILES,
        }
        self._socket: socket.socket | None = None
        far: socket.socket | None = None
        if HANDS_OVER_FILES:
            self._socket, far = socket.socketpair()
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        try:
            self._process = subprocess.Popen(  # noqa: S603 (this very interpreter)
                [sys.executable, "-I", "-S", "-B", "-c", _START, json.dumps(settings)],
                stdin=subprocess.PIPE if far is None else far.fileno(),
                stdout=subprocess.PIPE,
                stderr=None if os.environ.get("UNMASK_DEBUG") else subprocess.DEVNULL,
                bufsize=0,
                env=environment | {"MALLOC_ARENA_MAX": "2"},
            )
        except OSError as error:
            raise DecodingProcessError(f"no process for decoding can be started: {error.strerror}") from error
        finally:
            if far is not None:
                far.close()
        self._answers = cast("io.RawIOBase", self._process.stdout)  # Being unbuffered.
        _widen(self._answers.fileno())
        self._end = weakref.finalize(self, _end, self._process, self._socket)

    @property
    def usable(self) -> bool:
        """Whether it can take another file."""
        return self._end.alive and self._process.poll() is None and self._files < FILES_A_PROCESS

    def open(self, path: Path, content: Content) -> MediaInfo:
        """Send a file to the process.

        Parameters
        ----------
        path
            Of the file.
        content
            What its first bytes say that it is.

        Raises
        ------
        MediaError
            When it cannot be opened as what it is.
        """
        self._begin(self._limits.decoding_seconds)
        self._send({"open": content.kind, "formats": content.formats, "path": str(path.absolute())}, path)
        return self._info(self._receive())

    def sample(
        self, sampling: Sampling, update: Callable[[MediaInfo], None] = lambda info: None
    ) -> Iterator[Frame]:
        """Return frames as they come; a sampling that is not read to its end ends the process.

        The process begins to decode at once, before the first frame is asked for.

        Parameters
        ----------
        sampling
            Which frames are wanted.
        update
            Called at the end with the facts about the file, as far as sampling found them out.
        """
        # A joined file gives at least one frame of each part.
        most = sys.maxsize if sampling.every_frame else sampling.frames_of(sampling.count + MAX_SEGMENTS**2)
        return self._begin_sampling({"sample": asdict(sampling)}, self._frame, most, update)

    def audio(
        self, sampling: AudioSampling, update: Callable[[MediaInfo], None] = lambda info: None
    ) -> Iterator[AudioChunk]:
        """Return windows of sound as they are decoded.

        Parameters
        ----------
        sampling
            Which windows.
        update
            Called with the facts about the file as decoding finds them.

        Raises
        ------
        MediaError
            As ``Media.audio``.
        """
        # Each part of a joined file may give one.
        most = sampling.windows + MAX_SEGMENTS

        def read(_: int, message: dict[str, Any]) -> AudioChunk:
            return self._sound(message).chunk(sampling.channels)

        return self._begin_sampling({"audio": asdict(sampling)}, read, most, update)

    def _begin_sampling(
        self,
        request: dict[str, Any],
        read: Callable[[int, dict[str, Any]], T],
        most: int,
        update: Callable[[MediaInfo], None],
    ) -> Iterator[T]:
        """Ask for frames or sound; return what ``read`` makes of each answer's number and header."""
        if self._sampling:
            raise RuntimeError("one sampling at a time")
        self._send(request)
        self._sampling = True
        return self._sampled(read, most, update)

    def _sampled(
        self, read: Callable[[int, dict[str, Any]], T], most: int, update: Callable[[MediaInfo], None]
    ) -> Iterator[T]:
        try:
            index = 0
            while "end" not in (message := self._receive()):
                if index >= most:
                    self._fail()
                yield read(index, message)
                index += 1
            update(self._info(message))
        except MediaError:
            if self._process.poll() is None:
                self._sampling = False
            raise
        else:
            self._sampling = False
        finally:
            if self._sampling:
                self.close()

    def _info(self, message: dict[str, Any]) -> MediaInfo:
        """Read the facts about the file out of a message."""
        try:
            return info_of(message)
        except NONSENSE:
            self._fail()

    def facts(self) -> FileFacts:
        """Ask for the facts of the open file; MediaError when they cannot be read."""
        self._send({"facts": True})
        try:
            return FileFacts.from_dict(self._receive()["facts"])
        except NONSENSE:
            self._fail()

    def credentials(self, path: Path, anchors: str | None = None) -> Credentials:
        """Send a file and return its content credentials; the process closes it at once.

        Parameters
        ----------
        path
            Of the file.
        anchors
            As for ``content_credentials``.
        """
        self._begin(CREDENTIALS_SECONDS)
        try:
            wanted = {"credentials": CREDENTIALS_SECONDS, "anchors": anchors}
            self._send(wanted | {"path": str(path.absolute())}, path)
            message = self._receive()
            try:
                return Credentials.from_dict(message["credentials"])
            except NONSENSE:
                self._fail()
        except MediaError as error:
            if self._late:
                return Credentials("unreadable", f"reading them takes longer than {CREDENTIALS_SECONDS:g} s")
            return Credentials(
                "unreadable", error.detail if self.usable else "what reads them crashed on this file"
            )

    def close_file(self) -> None:
        """Let go of the file."""
        if self._sampling:  # Its frames were not asked for, or not all.
            self.close()
        if self.usable:
            with contextlib.suppress(OSError):
                self._send({"close": True})

    def close(self) -> None:
        """End the process."""
        self._end()

    def _begin(self, patience: float) -> None:
        """Have so many seconds for the next file."""
        self._files += 1
        self._late = False
        self._time_left = patience

    def _send(self, request: dict[str, Any], path: Path | None = None) -> None:
        """Send a request, and the file of that path with it."""
        data = json.dumps(request).encode() + b"\n"
        try:
            if self._socket is None:
                assert self._process.stdin is not None
                self._process.stdin.write(data)
            elif path is None:
                self._socket.sendall(data)
            else:
                file = _opened(path)
                try:
                    socket.send_fds(self._socket, [data], [file])
                finally:
                    os.close(file)
        except OSError:
            self._fail()

    def _receive(self) -> dict[str, Any]:
        """Read one message, within what is left of the time; MediaError when the process reports one, or has ended."""
        message = self._within_time(lambda: read_message(self._answers))
        if "ready" in message and not self._ready:
            self._ready = True
            self.isolation = str(message.get("isolation"))[:LONGEST_DETAIL]
            message = self._within_time(lambda: read_message(self._answers))
        if "error" in message:
            raise error_of(message)
        return message

    def _frame(self, index: int, message: dict[str, Any]) -> Frame:
        """Read the pixels behind a picture's header."""
        import numpy as np

        try:
            header = PictureHeader.of(message, self._limits)
        except NONSENSE:
            self._fail()
        pixels = self._within_time(lambda: read_exactly(self._answers, header.size))
        array = np.frombuffer(pixels, np.uint8)
        frame = framed(index, header.time, array, header.width, header.height, header.turn, header.present)
        return in_burst(frame, header.burst)

    def _sound(self, message: dict[str, Any]) -> RawAudio:
        """Read the samples behind the header of a window of sound."""
        try:
            header = SoundHeader.of(message)
        except NONSENSE:
            self._fail()
        data = self._within_time(lambda: read_exactly(self._answers, header.size))
        return RawAudio(header.start, header.channels, data)

    def _within_time(self, read: Callable[[], T]) -> T:
        """Read, and kill the process when that takes longer than what is left for this file."""
        started = time.monotonic()
        guard = threading.Timer(max(0.0, self._time_left), self._kill_late)
        guard.daemon = True
        guard.start()
        try:
            return read()
        except (BrokenConversationError, OSError):
            self._fail()
        finally:
            guard.cancel()
            self._time_left -= time.monotonic() - started

    def _kill_late(self) -> None:
        self._late = True
        self._process.kill()

    def _fail(self) -> NoReturn:
        """Return what became of the process, as the file's fault unless it never ran."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        code = self._process.poll()
        self.close()
        self._late |= hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU
        if self._late:
            seconds = self._limits.decoding_seconds
            raise MediaError("too_large", f"decoding it takes longer than {seconds:g} s")
        if not self._ready:
            raise DecodingProcessError(f"the process for decoding ended at once, with {code}")
        raise MediaError("unreadable", "the decoder crashed on it")


def _opened(path: Path) -> int:
    """Open a file that was plain a moment ago, without waiting if it has become a pipe meanwhile."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise MediaError("unreadable", (error.strerror or "cannot be opened").lower()) from error


def _widen(pipe: int) -> None:
    """Let more of a picture through at a time, where that can be asked for."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _end(process: subprocess.Popen[bytes], door: socket.socket | None) -> None:
    process.kill()
    for end in (process.stdin, process.stdout, door):
        if end is not None:
            end.close()
    process.wait()
