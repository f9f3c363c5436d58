"""Decoding in a process of its own: what breaks, hangs or swells in there is one file's status, never an outage."""

from __future__ import annotations

import contextlib
import json
import math
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
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, get_args

from unmask.media.facts import FileFacts
from unmask.media.frame import Frame, Limits, MediaError, MediaInfo, MediaKind, MediaStatus
from unmask.media.messages import BrokenConversationError, read_exactly, read_message
from unmask.media.opening import content_of_file
from unmask.media.picture import CHANNELS, Box, Turn, framed
from unmask.media.provenance import Credentials
from unmask.media.sampling import MAX_SEGMENTS, Sampling
from unmask.media.source import Media, sampling_of

if TYPE_CHECKING:
    import io

    from unmask.media.content import Content

T = TypeVar("T")

HANDS_OVER_FILES = hasattr(socket, "send_fds") and sys.platform != "win32"
FILES_A_PROCESS = 1000  # Then a fresh one takes over, whatever the decoders' libraries leaked.
CREDENTIALS_SECONDS = 20.0

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1])['path']; " + (
    "from unmask.media.decoding_child import main; main()"
)
_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "TEMP", "TMP")
_PIPE_BYTES = 1 << 20
_MAX_DETAILS, _MAX_DETAIL_LENGTH = 16, 500
_LONGEST_DETAIL = 300
_NONSENSE = (
    ArithmeticError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)  # What reading a lie can raise.


class DecodingProcessError(RuntimeError):
    """The process that decodes cannot be started; the message is one line."""


class DecodingProcesses:
    """Processes that decode for a scan, reused from file to file; as many as files are open at a time.

    Thread-safe. Close it, or use it as a context manager; its processes also end with this process, however it ends.
    credentials : have the library ready that reads content credentials; otherwise the first call of ``credentials``
    starts a process that has.

    Attributes
    ----------
    isolation
        What confines them beside bounded memory and time, such as ``"landlock 4 + namespaces"``; None as long as no
        process said so.
    """

    def __init__(self, limits: Limits, credentials: bool = False) -> None:
        self.isolation: str | None = None
        self._limits = limits
        self._credentials = credentials
        self._lock = threading.Lock()
        self._idle: list[DecodingProcess] = []
        self._closed = False

    def __enter__(self) -> DecodingProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start a process in advance; it gets ready while the caller does other things."""
        self._release(DecodingProcess(self._limits, self._credentials))

    def open(self, path: str | os.PathLike[str]) -> IsolatedMedia:
        """Open an image or a video as ``open_media`` does; MediaError as there.

        Raises
        ------
        DecodingProcessError
            When no process can be started.
        """
        path = Path(path)
        content = content_of_file(path, self._limits)
        process = self._acquire()
        try:
            info = process.open(path, content)
        except BaseException:
            self._release(process)
            raise
        finally:
            self.isolation = process.isolation or self.isolation
        return IsolatedMedia(process, info, self._release)

    def credentials(self, path: str | os.PathLike[str]) -> Credentials:
        """Read a file's content credentials as ``content_credentials`` does, for at most 20 s; never raises."""
        self._credentials = True
        try:
            process = self._acquire()
            try:
                return process.credentials(Path(path))
            finally:
                self._release(process)
        except DecodingProcessError as error:
            return Credentials("not_checked", str(error))

    def close(self) -> None:
        """End all processes that are idle now; those at work end when their file is closed."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.close()

    def _acquire(self) -> DecodingProcess:
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return DecodingProcess(self._limits, self._credentials)
            if process.usable and (process.reads_credentials or not self._credentials):
                return process
            process.close()

    def _release(self, process: DecodingProcess) -> None:
        if process.usable:
            with self._lock:
                if not self._closed:
                    self._idle.append(process)
                    return
        process.close()


class IsolatedMedia(Media):
    """A file that another process decodes; one sampling of it at a time."""

    def __init__(
        self, process: DecodingProcess, info: MediaInfo, give_back: Callable[[DecodingProcess], None]
    ) -> None:
        self.info = info
        self._process: DecodingProcess | None = process
        self._release = give_back

    def sample(self, wanted: int | Sampling) -> Iterator[Frame]:
        """Return frames in order; the other process decodes ahead, from now on. See ``Media.sample``."""
        sampling = sampling_of(wanted)
        if self._process is None:
            raise ValueError("the file is closed")
        return self._process.sample(sampling, self._update)

    def _update(self, info: MediaInfo) -> None:
        """Take what sampling found out about the file."""
        self.info = info

    def facts(self) -> FileFacts:
        """Read the technical facts that the header states; the other process reads it."""
        if self._process is None:
            raise ValueError("the file is closed")
        return self._process.facts()

    def close(self) -> None:
        """Close the file; its process is free for the next."""
        process, self._process = self._process, None
        if process is not None:
            process.close_file()
            self._release(process)


class DecodingProcess:
    """One process that decodes one file after the other; see ``decoding_child`` for the other side."""

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
        """Hand over a file; MediaError when it cannot be opened as its content says."""
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
        if self._sampling:
            raise RuntimeError("one sampling at a time")
        self._send({"sample": asdict(sampling)})
        self._sampling = True
        # A joined file gives at least one frame of each part.
        most = sys.maxsize if sampling.every_frame else sampling.count + MAX_SEGMENTS * MAX_SEGMENTS
        return self._sampled(most, update)

    def _sampled(self, most: int, update: Callable[[MediaInfo], None]) -> Iterator[Frame]:
        try:
            index = 0
            while "end" not in (message := self._receive()):
                if index >= most:
                    self._fail()
                yield self._frame(index, message)
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
            return _info(message["info"])
        except _NONSENSE:
            self._fail()

    def facts(self) -> FileFacts:
        """Ask for the facts of the file at hand; MediaError when they cannot be had."""
        self._send({"facts": True})
        try:
            return FileFacts.from_dict(self._receive()["facts"])
        except _NONSENSE:
            self._fail()

    def credentials(self, path: Path) -> Credentials:
        """Hand over a file and hear what its content credentials are; it is let go of at once."""
        self._begin(CREDENTIALS_SECONDS)
        try:
            self._send({"credentials": CREDENTIALS_SECONDS, "path": str(path.absolute())}, path)
            message = self._receive()
            try:
                return Credentials.from_dict(message["credentials"])
            except _NONSENSE:
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
        """Read one message, within what is left of the time; MediaError when the process told of one, or died."""
        message = self._within_time(lambda: read_message(self._answers))
        if "ready" in message and not self._ready:
            self._ready = True
            self.isolation = str(message.get("isolation"))[:_LONGEST_DETAIL]
            message = self._within_time(lambda: read_message(self._answers))
        if "error" in message:
            status, detail = message["error"], str(message.get("detail"))[:_LONGEST_DETAIL]
            raise MediaError(status if status in get_args(MediaStatus) else "unreadable", detail)
        return message

    def _frame(self, index: int, message: dict[str, Any]) -> Frame:
        """Read the pixels behind a picture's header, which is held against the limits: it may be a lie."""
        import numpy as np

        try:
            moment, width, height = float(message["time"]), int(message["width"]), int(message["height"])
            turn = Turn(**{name: bool(value) for name, value in message["turn"].items()})
            present = _box(message["present"], (height, width) if turn.swap else (width, height))
        except _NONSENSE:
            self._fail()
        if (
            not math.isfinite(moment)
            or min(width, height) < 1
            or width * height > max(self._limits.image_pixels, self._limits.video_side**2)
        ):
            self._fail()
        pixels = self._within_time(lambda: read_exactly(self._answers, width * height * CHANNELS))
        return framed(index, moment, np.frombuffer(pixels, np.uint8), width, height, turn, present)

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


def _info(values: dict[str, Any]) -> MediaInfo:
    """Rebuild the facts about a file, which come from where hostile bytes were read."""

    def number(name: str) -> float | None:
        value = values[name]
        return None if value is None or not 0 <= float(value) < math.inf else float(value)

    kind, frames, codec = values["kind"], number("frames"), values["codec"]
    if kind not in get_args(MediaKind):
        raise ValueError
    return MediaInfo(
        kind,
        int(values["width"]),
        int(values["height"]),
        number("duration"),
        number("frame_rate"),
        None if codec is None else str(codec),
        None if frames is None else int(frames),
        tuple(_sentence(detail) for detail in list(values["details"])[:_MAX_DETAILS]),
        max(0, int(values["damaged"])),
        tuple(part for part in map(float, values["parts"]) if 0 < part < math.inf),
    )


def _sentence(text: object) -> str:
    """Return a text from where hostile bytes were read as one line of bounded length."""
    return " ".join(str(text).split())[:_MAX_DETAIL_LENGTH]


def _box(values: Any, size: tuple[int, int]) -> Box | None:
    """Check a box inside of a picture; ValueError or TypeError when it is none."""
    if values is None:
        return None
    x0, y0, x1, y1 = (int(value) for value in values)
    if not (0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]):
        raise ValueError
    return x0, y0, x1, y1


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
