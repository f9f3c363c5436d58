"""The README shows what `unmask demo` prints."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unmask.cli.main import build

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.slow
def test_the_readme_shows_the_table_of_the_demo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "88")
    done = CliRunner().invoke(build(), ["demo"])
    assert done.exit_code == 0, done.output
    printed = [line.rstrip() for line in done.stdout.splitlines()[:3]]
    _, _, rest = README.read_text(encoding="utf-8").partition("$ unmask demo\n")
    assert rest.partition("```")[0].splitlines() == printed
