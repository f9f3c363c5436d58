"""SHA-256 of files; large ones that are going to be asked for may be begun in advance, beside other work."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

_BLOCK = 1 << 24  # Bytes; at each block's end the interpreter is waited for, which other threads keep busy.

_begun: dict[tuple[Path, int, int], Future[str]] = {}


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Parameters
    ----------
    path
        Of the file.
    """
    begun = _begun.pop(_version(path), None)  # Used once: a second request hashes the file again.
    return _digest(path) if begun is None else begun.result()


def begin_hashing(paths: Iterable[Path]) -> None:
    """Begin to hash files, in a thread of its own; ``file_sha256`` then waits for what is begun.

    Parameters
    ----------
    paths
        Files; one that changes meanwhile in length or date is hashed again.
    """
    hasher = ThreadPoolExecutor(1, thread_name_prefix="unmask-hash")
    for path in paths:
        _begun[_version(path)] = hasher.submit(_digest, path)
    hasher.shutdown(wait=False)


def _version(path: Path) -> tuple[Path, int, int]:
    stated = path.stat()
    return path, stated.st_size, stated.st_mtime_ns


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
