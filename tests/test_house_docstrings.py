"""Docstrings are numpydoc: what ruff cannot check, that a section for the parameters is there at all."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "unmask"
ROOMS = sorted({path.name for path in SOURCE.iterdir()} - {"__pycache__", "py.typed"})
"""Folders and modules of the package."""
ENDPOINT = re.compile(r"\brouter\b|_router\b")
HOOK = re.compile(r"on_|(training|validation)_step$|load_state_dict$")
"""Methods of Lightning, which documents their parameters."""
CLASSES = {
    node.name: node
    for path in SOURCE.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.ClassDef)
}


def modules(room):
    """List the modules of a folder, or the one module."""
    return [SOURCE / room] if room.endswith(".py") else (SOURCE / room).rglob("*.py")


def definitions(node, public=True):
    """Walk over classes and functions, each with whether it is public."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            seen = public and not child.name.startswith("_") and not overrides(node, child)
            yield child, seen
            if isinstance(child, ast.ClassDef):
                yield from definitions(child, seen)


def overrides(owner, method):
    """Return whether a method's parameters are described at a base class."""
    for base in getattr(owner, "bases", ()):
        found = CLASSES.get(ast.unparse(base).partition("[")[0])
        if found is None and HOOK.match(method.name):
            return True
        if found and any(getattr(part, "name", "") == method.name for part in found.body):
            return True
    return False


def parameters(node):
    """Name the parameters of a function, or the fields of a class and the parameters of its constructor."""
    if isinstance(node, ast.ClassDef):
        fields = [part.target.id for part in node.body if isinstance(part, ast.AnnAssign)]
        constructors = [part for part in node.body if getattr(part, "name", "") == "__init__"]
        return fields + [name for one in constructors for name in parameters(one)]
    given = node.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [one.arg for one in every if one and one.arg not in ("self", "cls")]


def speaks_to_users(node, path):
    """Return whether a docstring is the help of a verb, or the description of an endpoint."""
    verb = path.parent.name == "cli" and node.name == path.stem
    return verb or any(ENDPOINT.search(ast.unparse(one)) for one in node.decorator_list)


@pytest.mark.parametrize("room", ROOMS)
def test_public_functions_have_a_section_for_their_parameters(room):
    without = []
    for path in modules(room):
        for node, public in definitions(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) or not (public and parameters(node)):
                continue
            if "\nParameters\n---" not in (ast.get_docstring(node) or "") and not speaks_to_users(node, path):
                without.append(f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}")
    assert not without


@pytest.mark.parametrize("room", ROOMS)
def test_parameters_are_described_in_the_section_and_not_in_prose(room):
    wrong = []
    for path in modules(room):
        for node, _ in definitions(ast.parse(path.read_text(encoding="utf-8"))):
            prose = (ast.get_docstring(node) or "").partition("\nParameters\n---")[0]
            names = "|".join(map(re.escape, parameters(node)))
            if names and re.search(rf"(^|\. |\n)({names}) ?: \S", prose):
                wrong.append(f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}")
    assert not wrong
