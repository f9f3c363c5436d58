"""What the process that decodes may use: little memory and time; on Linux no path but Python's own, and no network."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence

_OPEN_FILES = 64

# Landlock (Linux 5.13 and later), https://docs.kernel.org/userspace-api/landlock.html: the numbers of its calls are
# the same on every processor.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_NO_NEW_PRIVILEGES = 38
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_FILE_RIGHTS_BY_VERSION = {
    1: 13,
    2: 14,
    3: 15,
    4: 15,
}  # How many rights on files a version knows; 16 from the fifth.
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # unshare(2)

PROCESS_ALONE = "process"
"""What is said to hold where there is a process of its own with bounded resources, and nothing more."""


def isolation(landlock: int, namespaces: bool) -> str:
    """Return in one line what holds beyond bounded resources, such as ``"landlock 4 + namespaces"``.

    Parameters
    ----------
    landlock
        Version of Landlock's interface that is in force; 0 for none.
    namespaces
        Whether the process has a network namespace of its own.
    """
    held = [f"landlock {landlock}"] * (landlock > 0) + ["namespaces"] * namespaces
    return " + ".join(held) or PROCESS_ALONE


def leave_network() -> bool:
    """Return this process a network of its own without any interface; it must have one thread only.

    That closes TCP, UDP and all other protocols, and abstract Unix sockets. A Unix socket at a path is a file. Without
    privileges it takes a user namespace, which some systems and most containers forbid. Root asks for none: in one it
    would lose the right to read Python's modules where they belong to somebody else.

    Returns
    -------
    bool
        Whether the system allowed it; elsewhere than on Linux it cannot be had.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    spaces = _NEW_NETWORK if os.geteuid() == 0 else _NEW_USER | _NEW_NETWORK
    return int(ctypes.CDLL(None).unshare(spaces)) == 0


def bound_resources(memory: int) -> None:
    """Bound this process's memory and forbid it to write files, where the platform can.

    Parameters
    ----------
    memory
        In bytes.
    """
    try:
        import resource
    except ImportError:
        return
    # On Linux the data segment holds all that is written to; elsewhere only the address space can be bounded, which
    # counts what is merely reserved too.
    if sys.platform == "linux":
        _lower(resource.RLIMIT_DATA, memory)
    elif hasattr(resource, "RLIMIT_AS"):
        _lower(resource.RLIMIT_AS, 4 * memory)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)


def bound_seconds(seconds: float) -> None:
    """End this process after some more seconds of processor time.

    Parameters
    ----------
    seconds
        From now on.
    """
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + seconds), hard))


def _lower(kind: int, bound: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    try:
        resource.setrlimit(kind, (bound, bound))
    except (OSError, ValueError):
        return  # macOS knows some limits that it does not let anyone set.


def forbid_files(readable: Sequence[str]) -> int:
    """Forbid this thread, and those that it starts, for good to open files outside of some folders.

    From version 4 on it cannot use TCP either, from version 6 on neither abstract Unix sockets nor signals to other
    processes. Files that are open already stay so. Needs no privileges.

    Parameters
    ----------
    readable
        Folders whose files can still be read.

    Returns
    -------
    int
        The version of Landlock's interface that is in force; 0 where the system has none.
    """
    if sys.platform != "linux":
        return 0
    import ctypes

    system = ctypes.CDLL(None, use_errno=True)
    version = int(system.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))
    if version < 1:
        return 0
    rights = (1 << _FILE_RIGHTS_BY_VERSION.get(version, 16)) - 1
    fields = [rights]
    if version >= _NETWORK_SINCE:
        fields.append(0b11)  # Neither bind nor connect.
    if version >= _SCOPES_SINCE:
        fields.append(0b11)  # No abstract sockets, no signals to others.
    attributes = (ctypes.c_uint64 * len(fields))(*fields)
    rules = system.syscall(
        _CREATE_RULESET, attributes, ctypes.c_size_t(ctypes.sizeof(attributes)), ctypes.c_uint32(0)
    )
    if rules < 0:
        return 0
    try:
        for folder in readable:
            _allow_reading(system, rules, folder)
        if system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            return 0
        return version if system.syscall(_RESTRICT_SELF, rules, ctypes.c_uint32(0)) == 0 else 0
    finally:
        os.close(rules)


def _allow_reading(system: object, rules: int, folder: str) -> None:
    import ctypes
    import struct

    try:
        place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _READ_FILE | (_READ_FOLDER if os.path.isdir(folder) else 0)  # noqa: PTH112
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place))
        system.syscall(_ADD_RULE, rules, 1, rule, ctypes.c_uint32(0))  # type: ignore[attr-defined]
    finally:
        os.close(place)
