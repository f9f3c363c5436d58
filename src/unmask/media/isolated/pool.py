"""As many processes that decode as files are open at a time, and a file that one of them decodes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from unmask.formats.facts import FileFacts
from unmask.formats.provenance import Credentials
from unmask.media.audio import AudioChunk, AudioSampling
from unmask.media.frame import Frame, Limits, MediaInfo
from unmask.media.isolated.process import DecodingProcess, DecodingProcessError
from unmask.media.opening import content_of_file
from unmask.media.sampling import Sampling
from unmask.media.source import Media, sampling_of


class DecodingProcesses:
    """Processes that decode for a scan, reused from file to file; as many as files are open at a time.

    Thread-safe. Close it, or use it as a context manager; its processes also end with this process, however it ends.

    Parameters
    ----------
    limits
        Of the decoder.
    credentials
        Have the library ready that reads content credentials; otherwise the first call of ``credentials`` starts a
        process that has.

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
        """Open an image or a video as ``open_media`` does.

        Parameters
        ----------
        path
            Of the file.

        Raises
        ------
        MediaError
            As ``open_media``.
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

    def credentials(self, path: str | os.PathLike[str], anchors: str | None = None) -> Credentials:
        """Read a file's content credentials as ``content_credentials`` does, for at most 20 s; never raises.

        Parameters
        ----------
        path
            Of the file.
        anchors
            As for ``content_credentials``.
        """
        self._credentials = True
        try:
            process = self._acquire()
            try:
                return process.credentials(Path(path), anchors)
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
    """A file that another process decodes; one sampling of it at a time, of frames or sound."""

    def __init__(
        self, process: DecodingProcess, info: MediaInfo, release: Callable[[DecodingProcess], None]
    ) -> None:
        self.info = info
        self._process: DecodingProcess | None = process
        self._release = release

    def sample(self, wanted: int | Sampling) -> Iterator[Frame]:
        """Return frames in order; the other process decodes ahead, from now on. See ``Media.sample``."""
        sampling = sampling_of(wanted)
        if self._process is None:
            raise ValueError("the file is closed")
        return self._process.sample(sampling, self._update)

    def audio(self, wanted: AudioSampling) -> Iterator[AudioChunk]:
        """Return windows of sound in order; the other process decodes ahead, from now on. See ``Media.audio``."""
        if self._process is None:
            raise ValueError("the file is closed")
        return self._process.audio(wanted, self._update)

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
