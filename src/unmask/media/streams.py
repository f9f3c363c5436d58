"""Files that come as a stream, such as standard input: copied to a temporary file that can be sought in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from unmask.formats.errors import MediaError
from unmask.media.frame import Limits

_BLOCK_BYTES = 1 << 20


@contextmanager
def spooled_to_file(stream: BinaryIO, limits: Limits) -> Iterator[Path]:
    """Copy a stream into a temporary file that lives as long as the context.

    Parameters
    ----------
    stream
        Read to its end.
    limits
        No more than the largest one on files is read or written.

    Raises
    ------
    MediaError
        ``too_large`` as soon as there is more. ``unreadable`` when the stream cannot be read to its end, or the
        temporary file cannot be written.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(TemporaryDirectory(prefix="unmask-"))
            path = Path(folder, "stream")
            _copy(stream, path, max(limits.image_bytes, limits.video_bytes))
        except OSError as error:
            where = f" in {tempfile.tempdir}" if tempfile.tempdir else ""
            reason = (error.strerror or str(error)).lower()
            raise MediaError(
                "unreadable", f"it cannot be kept in a temporary file{where}: {reason}"
            ) from error
        yield path


def _copy(stream: BinaryIO, path: Path, bound: int) -> None:
    """Copy a stream into a file."""
    with path.open("wb") as file:
        left = bound
        while block := _read(stream, min(_BLOCK_BYTES, left + 1)):
            left -= len(block)
            if left < 0:
                raise MediaError("too_large", f"more than {bound} bytes, which is the limit")
            file.write(block)


def _read(stream: BinaryIO, count: int) -> bytes:
    try:
        return stream.read(count)
    except (OSError, ValueError) as error:
        raise MediaError("unreadable", "the stream cannot be read to its end") from error
