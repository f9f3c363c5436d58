"""Calls that run code hidden in data, or hand text to a shell, appear nowhere: the syntax tree is read."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "benchmarks", "scripts", "docs")
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
CALLS = {
    "joblib.load": "unpickles",
    "numpy.load with allow_pickle": "unpickles",
    "os.system": "runs a shell",
    "os.popen": "runs a shell",
    "pandas.read_pickle": "unpickles",
    "yaml.load": "makes any object; use yaml.safe_load",
    "yaml.load_all": "makes any object; use yaml.safe_load_all",
    "yaml.unsafe_load": "makes any object; use yaml.safe_load",
    "yaml.full_load": "makes any object; use yaml.safe_load",
    "eval": "runs text",
    "exec": "runs text",
}


def findings(source, where="<text>"):
    """List what is forbidden in a source text, as ``where:line: what``."""
    tree = ast.parse(source)
    names = imported_names(tree)
    found = []
    for node in ast.walk(tree):
        for what in forbidden(node, names):
            found.append(f"{where}:{node.lineno}: {what}")
    return found


def imported_names(tree):
    """Map local names to what they stand for: ``import numpy as np`` makes np stand for numpy."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def forbidden(node, names):
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names if a.name.split(".")[0] in MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in MODULES:
        yield node.module
    elif isinstance(node, ast.Call):
        yield from forbidden_call(node, full_name(node.func, names))


def forbidden_call(node, name):
    keywords = {k.arg: k.value for k in node.keywords}
    if name in CALLS:
        yield name
    if name == "torch.load" and not is_constant(keywords.get("weights_only"), True):
        yield "torch.load without weights_only=True"
    if (
        name == "numpy.load"
        and "allow_pickle" in keywords
        and not is_constant(keywords["allow_pickle"], False)
    ):
        yield "numpy.load with allow_pickle"
    if "shell" in keywords and not is_constant(keywords["shell"], False):
        yield "shell=True"


def full_name(node, names):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([names.get(node.id, node.id), *reversed(parts)])


def is_constant(node, value):
    return isinstance(node, ast.Constant) and node.value is value


def test_nothing_forbidden_is_called():
    sources = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(sources) > 30
    found = [
        line
        for path in sources
        for line in findings(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads as l",
        "import joblib\njoblib.load('x')",
        "from joblib import load\nload('x')",
        "import torch\ntorch.load('x')",
        "import torch as t\nt.load('x', weights_only=False)",
        "import yaml\nyaml.load('x', Loader=yaml.SafeLoader)",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "from subprocess import run as r\nr('ls', shell=flag)",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import os\nos.system('ls')",
        "eval('1')",
    ],
)
def test_the_reader_sees_it(source):
    assert len(findings(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load('x', weights_only=True)",
        "import yaml\nyaml.safe_load('x')",
        "import subprocess\nsubprocess.run(['ls'])",
        "import numpy as np\nnp.load('x', allow_pickle=False)",
        "model.eval()\ndetector.load('x')",
    ],
)
def test_the_reader_lets_the_rest_pass(source):
    assert findings(source) == []
