"""Imports stand at the top of a module; they wait only where the start-up of a scan or a missing extra is at stake."""

import ast
from pathlib import Path

import unmask

ROOT = Path(unmask.__file__).parent
ROOMS = {"cli", "scanning", "formats", "media", "__init__"}
"""Where imports wait for the sake of a scan's start."""
EXCEPTIONS = {
    ("batch/cluster.py", "ray"): "an extra",
    ("batch/cluster.py", "ray.data"): "an extra",
    ("batch/log.py", "fcntl"): "not on Windows",
    ("datasets/layouts/manifest.py", "pyarrow.parquet"): "for tables in Parquet alone, and no dependency",
    ("detectors/registry.py", "platformdirs"): "for detectors of the user alone: a scan starts without it",
    ("detectors/sessions.py", "onnxruntime"): "cards are read without it",
    ("detectors/trunk.py", "onnxruntime"): "cards are read without it",
    ("report/evidence.py", "PIL"): "results are read and written without it",
    ("report/heatmaps.py", "PIL"): "results are read and written without it",
    ("report/pictures.py", "PIL"): "results are read and written without it",
    ("report/page.py", "jinja2"): "for a report alone: a scan starts without it",
    ("report/table.py", "rich.table"): "for the terminal alone: a scan starts without it",
    ("report/table.py", "rich.text"): "for the terminal alone: a scan starts without it",
    ("report/result.py", "unmask.report.page"): "a page is of results",
    ("serve/service.py", "unmask.detectors"): "the web process starts without it",
}


def waiting_imports():
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT)
        if place.parts[0].removesuffix(".py") in ROOMS:
            continue
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for node in ast.walk(function) if isinstance(function, functions) else ():
                if isinstance(node, ast.Import):
                    yield from ((place.as_posix(), name.name) for name in node.names)
                elif isinstance(node, ast.ImportFrom):
                    yield place.as_posix(), node.module


def test_imports_stand_at_the_top():
    assert set(waiting_imports()) == set(EXCEPTIONS)
