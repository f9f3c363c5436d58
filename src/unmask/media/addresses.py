"""Addresses of the network given where a path is wanted: they are not fetched."""

from __future__ import annotations

import os
import re
import shlex

# A path as given, or as pathlib writes it, with one slash for two. One letter alone is a drive of Windows.
_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/+(.*)", re.DOTALL)

_FETCHED_BY_CURL = frozenset({"http", "https", "ftp", "ftps"})


def address_advice(path: str | os.PathLike[str]) -> str | None:
    """Return what to do instead of naming an address, in one line; None for what does not look like one.

    Parameters
    ----------
    path
        What was given as a path, and does not exist.
    """
    address = address_in(path)
    if address is None:
        return None
    scheme, _, rest = address.partition("://")
    if scheme.lower() in _FETCHED_BY_CURL:
        return f"addresses are not fetched; pipe the file: curl -L {shlex.quote(address)} | unmask scan -"
    instead = f"name its path, {rest}" if scheme.lower() == "file" else "save it to a file"
    return f"addresses are not fetched; {instead}, or pipe it, as in curl -L URL | unmask scan -"


def name_of(path: str | os.PathLike[str]) -> str:
    """Return how results name a path: as it is, but an address with both the slashes that pathlib makes one.

    Parameters
    ----------
    path
        Of a file, or an address.
    """
    address = address_in(path)
    return os.fspath(path) if address is None or os.path.lexists(path) else address


def address_in(path: str | os.PathLike[str]) -> str | None:
    """Return the address that a path looks like, with both its slashes, or None.

    Parameters
    ----------
    path
        As the user wrote it.
    """
    match = _ADDRESS.fullmatch(os.fspath(path))
    if match is None:
        return None
    scheme, rest = match.groups()
    return f"{scheme}://{'/' if scheme.lower() == 'file' else ''}{rest}"
