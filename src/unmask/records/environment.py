"""What computed a result: versions of unmask, Python and the libraries that matter, and the machine."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import av
import pillow_heif
from PIL import features

from unmask import __version__
from unmask.batch.identity import SCAN_VERSION
from unmask.detectors.processor import INTERESTING, cpu_flags

PACKAGES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "numpy",
    "av",
    "pillow",
    "pillow-heif",
    "pydantic",
    "jinja2",
    "c2pa-python",
)
"""Packages that have a hand in a result or in its page; those that are not installed are left out."""


@dataclass(frozen=True)
class Environment:
    """What computed a result.

    Parameters
    ----------
    unmask
        Its version.
    scan_version
        Version of all code between a file and its result, ``batch.identity.SCAN_VERSION``.
    python
        Its implementation and version.
    libraries
        Versions by name, of packages and of the decoders inside them.
    system
        Operating system, its release, and the machine's architecture.
    processor
        Its name, empty where the system does not tell.
    instruction_sets
        Of the processor, those that decide how networks are run.
    """

    unmask: str
    scan_version: int
    python: str
    libraries: dict[str, str]
    system: str
    processor: str
    instruction_sets: tuple[str, ...]


def environment() -> Environment:
    """Return what this process computes with."""
    flags = cpu_flags()
    return Environment(
        __version__,
        SCAN_VERSION,
        f"{platform.python_implementation()} {platform.python_version()}",
        _libraries(),
        f"{platform.system()} {platform.release()} {platform.machine()}",
        _processor_name(),
        tuple(name for name in INTERESTING if name in flags),
    )


def _libraries() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    found |= {name: ".".join(map(str, parts)) for name, parts in sorted(av.library_versions.items())}
    found["libheif"] = pillow_heif.libheif_version()
    for name in ("libjpeg_turbo", "jpg_2000", "webp", "avif"):
        if found_version := features.version(name):
            found[name] = found_version
    return found


def _processor_name(source: Path = Path("/proc/cpuinfo")) -> str:
    try:
        with source.open(encoding="utf-8", errors="replace") as lines:
            names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
            return next(names, "") or platform.processor()
    except OSError:
        return platform.processor()
