"""Opening files in decoding processes that all threads of this process share."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from unmask.media.frame import Limits
from unmask.media.isolated.pool import DecodingProcesses
from unmask.media.source import Media


def open_isolated(path: str | os.PathLike[str]) -> Media:
    """Open an image or a video as ``open_media`` does, decoded in a confined process with the default limits.

    A crash or a hang of the decoder is a MediaError of this file. The processes are kept for further files and end
    with this process.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    MediaError
        ``unreadable``, ``unsupported`` or ``too_large``.
    DecodingProcessError
        No process can be started.
    """
    return shared_processes().open(Path(path))


@cache
def shared_processes() -> DecodingProcesses:
    """Return the decoding processes of this process."""
    return DecodingProcesses(Limits())
