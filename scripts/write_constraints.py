"""Write constraints.txt: the versions of every package that unmask's extras bring, as they are installed here.

    make constraints          # in CI's environment, after its tests have passed

Packages that nothing asks for are left out. So are PyTorch and the CUDA libraries that come with it, because their
right build depends on the machine, and setuptools, which came with the interpreter. The versions are for this
interpreter's minor version and newer ones; an older Python installs what its own wheels allow. A local part (``+cpu``)
is cut off, so that the file holds on any platform.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LEFT_OUT = ("torch", "torchvision", "triton", "nvidia-", "cuda-", "setuptools")
HEAD = """\
# Written by `make constraints` (scripts/write_constraints.py) in the environment in which the tests have passed:
# pip install --constraint constraints.txt ".[serve]"
# Without PyTorch and its CUDA libraries: their build depends on the machine.
"""


def main() -> None:
    """Write the file beside pyproject.toml."""
    versions = dict(sorted(installed("unmask", every_extra=True)))
    python = f'python_version >= "{sys.version_info.major}.{sys.version_info.minor}"'
    lines = [f"{name}=={version}; {python}\n" for name, version in versions.items()]
    Path(__file__).parents[1].joinpath("constraints.txt").write_text(HEAD + "".join(lines), encoding="utf-8")


def installed(root: str, every_extra: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (name, public version) of each installed package that a package needs, directly or not."""
    extras = (
        frozenset(distribution(root).metadata.get_all("Provides-Extra") or ()) if every_extra else frozenset()
    )
    waiting, seen = [(root, extras)], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # An extra that is not installed here.
        if name != root and not is_left_out(name):
            yield name, found.version.partition("+")[0]
        for line in found.requires or ():
            need = Requirement(line)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""}):
                waiting.append((canonicalize_name(need.name), frozenset(need.extras)))


def is_left_out(name: str) -> bool:
    """Whether a package gets no line; a name that ends with a hyphen stands for all that begin with it."""
    return any(name == entry or (entry.endswith("-") and name.startswith(entry)) for entry in LEFT_OUT)


if __name__ == "__main__":
    main()
