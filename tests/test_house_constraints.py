"""constraints.txt: it names what the package asks for, in versions that are allowed and that any platform has."""

from itertools import chain
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
requirements = pytest.importorskip("packaging.requirements")
utils = pytest.importorskip("packaging.utils")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [requirements.Requirement(line) for line in lines if not line.startswith("#")]
    return {utils.canonicalize_name(one.name): one.specifier for one in found}


def test_every_requirement_is_held_to_a_version_that_it_allows(pinned):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    for line in map(requirements.Requirement, wanted):
        name = utils.canonicalize_name(line.name)
        if name in ("torch", "torchvision"):
            assert name not in pinned, f"{name}'s build depends on the machine"
        else:
            assert name in pinned, f"{name} is not in constraints.txt: make constraints"
            (version,) = (one.version for one in pinned[name])
            assert line.specifier.contains(version), f"{line}, but constraints.txt has {version}"


def test_versions_are_exact_and_of_no_platform(pinned):
    assert all(len(one) == 1 and "==" in str(one) and "+" not in str(one) for one in pinned.values())
