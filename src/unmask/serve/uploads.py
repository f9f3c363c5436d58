"""Takes in one file as it streams: counted, hashed and written on the way, never held in memory."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from unmask.serve.jobs import NAME_LENGTH
from unmask.serve.problems import ProblemError
from unmask.serve.settings import ServeSettings

PIECE = 512 * 1024  # bytes handed to the parser at once
OVERHEAD = 64 * 1024  # bytes of a body beside its file: boundaries, part heads, small fields
FIELD_BYTES = 2048  # a webhook's URL is the longest
GRACE = 60.0


@dataclass
class Upload:
    """A file that was taken in: where it lies, its name as the client gave it (to be shown only), its fields."""

    path: Path
    name: str = "upload"
    size: int = 0
    sha256: str = ""
    fields: dict[str, str] = field(default_factory=dict)


async def receive_upload(request: Request, path: Path, settings: ServeSettings) -> Upload:
    """Receive a multipart request and write its part ``file`` to a path; on any error the path is removed.

    Parameters
    ----------
    request
        The request.
    path
        Where the file is written.
    settings
        Limits.

    Raises
    ------
    ProblemError
        400 malformed or too many parts, 408 too slow, 413 too large, 415 not multipart, 422 without a file, 507 no
        room.
    """
    boundary = _boundary(request)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > settings.upload_bytes + OVERHEAD:
        raise _too_large(settings)
    complete = False
    try:
        with path.open("xb") as file:
            form = _Form(boundary, file, settings)
            async for piece in _pieces(request, settings):
                await run_in_threadpool(form.feed, piece)
        upload = form.finish(path)
        complete = True
        return upload
    except ClientDisconnect:
        raise ProblemError(400, "the connection ended in the middle of the upload", "incomplete") from None
    except FormParserError as error:
        raise ProblemError(400, f"the body is not well-formed multipart: {error}", "malformed") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ProblemError(507, "the server has no room for the file", "no-room") from None
        raise
    finally:
        if not complete:
            path.unlink(missing_ok=True)


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise ProblemError(
            415,
            "send the file as multipart/form-data, in a part named file",
            headers={"Accept": "multipart/form-data"},
        )
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise ProblemError(400, "the content type names no boundary", "malformed")
    return boundary


async def _pieces(request: Request, settings: ServeSettings) -> AsyncIterator[bytes]:
    """Gather a body into larger pieces; ProblemError 408 for a sender that stalls or dribbles."""
    stream = request.stream().__aiter__()
    started = time.monotonic()
    received = 0
    gathered = bytearray()
    while True:
        try:
            chunk = await asyncio.wait_for(stream.__anext__(), settings.idle_timeout)
        except StopAsyncIteration:
            break
        except asyncio.TimeoutError:
            raise _too_slow() from None
        received += len(chunk)
        if received > settings.upload_bytes + OVERHEAD:
            raise _too_large(settings)
        if received < (time.monotonic() - started - GRACE) * settings.minimum_rate:
            raise _too_slow()
        gathered += chunk
        if len(gathered) >= PIECE:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


class _Form:
    """The parts of one request, parsed as they come."""

    def __init__(self, boundary: bytes, file: IO[bytes], settings: ServeSettings) -> None:
        self._settings = settings
        self._file = file
        self._digest = hashlib.sha256()
        self._upload = Upload(Path())
        self._parts = 0
        self._ended = False
        self._has_file = False
        self._in_file = False
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._name = ""
        self._value = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_data,
                "on_part_data": self._data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def feed(self, piece: bytes) -> None:
        if piece:
            self._parser.write(piece)

    def finish(self, path: Path) -> Upload:
        self._parser.finalize()
        if not self._ended:
            raise ProblemError(400, "the body ends before its last boundary", "malformed")
        if not self._has_file:
            missing = {"where": "body.file", "detail": "a part named file, with a file name, is required"}
            raise ProblemError(422, "the request holds no file", errors=[missing])
        self._upload.path = path
        self._upload.sha256 = self._digest.hexdigest()
        return self._upload

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > self._settings.parts:
            raise ProblemError(400, f"more than {self._settings.parts} parts", "too-many-parts")
        self._disposition = b""
        self._value.clear()

    def _end_header(self) -> None:
        field_name, value = self._header
        if field_name.lower() == b"content-disposition":
            self._disposition = bytes(value)
        field_name.clear()
        value.clear()

    def _begin_data(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = _text(options.get(b"name", b""))
        if not self._name:
            raise ProblemError(400, "a part has no name", "malformed")
        name = _text(options[b"filename"]) if b"filename" in options else _extended_name(self._disposition)
        self._in_file = name is not None
        if name is None:
            return
        if self._name != "file":
            raise ProblemError(
                422, "the request holds a file that is not asked for", errors=[_unknown(self._name)]
            )
        if self._has_file:
            raise ProblemError(400, "one file a request", "too-many-files")
        self._has_file = True
        self._upload.name = shown_name(name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._in_file:
            if len(self._value) + end - start > FIELD_BYTES:
                raise ProblemError(400, f"a field is longer than {FIELD_BYTES} bytes", "malformed")
            self._value += data[start:end]
            return
        self._upload.size += end - start
        if self._upload.size > self._settings.upload_bytes:
            raise _too_large(self._settings)
        piece = memoryview(data)[start:end]
        self._digest.update(piece)
        self._file.write(piece)

    def _end_part(self) -> None:
        if not self._in_file:
            self._upload.fields[self._name[:FIELD_BYTES]] = _text(bytes(self._value))

    def _end(self) -> None:
        self._ended = True


def shown_name(name: str) -> str:
    """Return the last part of a client's file name, at most 255 characters, to be shown; never used as a path.

    Parameters
    ----------
    name
        What the client sent.
    """
    last = PurePosixPath(PureWindowsPath(name).name).name
    kept = "".join(c for c in last if c != "\0" and not 0xD800 <= ord(c) <= 0xDFFF)
    return kept[:NAME_LENGTH] if kept.strip(".") else "upload"


def _extended_name(disposition: bytes) -> str | None:
    """Return the file name of a part that states it as RFC 5987 has it, ``filename*=UTF-8''...``, and not otherwise.

    RFC 7578 forbids that in forms, and some clients do so all the same.
    """
    if b"*" not in disposition:
        return None
    header = Message()
    header["Content-Disposition"] = disposition.decode("latin-1")
    return header.get_filename()


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _unknown(name: str) -> dict[str, str]:
    return {"where": f"body.{name[:80]}", "detail": "not a field of this request"}


def _too_large(settings: ServeSettings) -> ProblemError:
    return ProblemError(413, f"the limit is {settings.upload_bytes} bytes", "too-large")


def _too_slow() -> ProblemError:
    # Whoever sends so slowly is not read to the end.
    return ProblemError(408, "the body came too slowly", "too-slow", {"Connection": "close"})
