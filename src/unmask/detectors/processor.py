"""What the processor can do that decides how int8 networks are run."""

from __future__ import annotations

import platform
from pathlib import Path

# Instruction sets that `unmask doctor` names, and those of them that multiply bytes both fast and exactly.
INTERESTING = ("avx2", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp")
EXACT = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})


def cpu_flags(source: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return the processor's instruction sets; empty where the system does not list them.

    Parameters
    ----------
    source
        The system's list.
    """
    try:
        with source.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, values = line.partition(":")
                if name.strip() in ("flags", "Features"):
                    return frozenset(values.split())
    except OSError:
        pass
    return frozenset()


def is_known_to_saturate() -> bool:
    """Whether this is an x86 processor whose fast product of unsigned and signed bytes saturates its 16-bit sums."""
    return _is_x86() and "avx2" in (flags := cpu_flags()) and not flags & EXACT


def may_saturate() -> bool:
    """Whether that product may saturate here: it is known to, or the system does not list an x86's instruction sets."""
    return is_known_to_saturate() or (_is_x86() and not cpu_flags())


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")
