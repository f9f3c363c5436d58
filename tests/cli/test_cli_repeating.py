from pathlib import Path
from typing import Annotated

import typer
from typer.testing import CliRunner

from unmask.cli.repeating import command_line, given_command


def test_options_are_written_as_they_are_typed():
    text = command_line(
        "verb", "name", Path("a b"), out=Path("out"), seed=0, fail_on="x", only=["y", "z"], all=True
    )
    assert text == "unmask verb name 'a b' --out out --seed 0 --fail-on x --only y --only z --all"


def test_what_was_not_asked_for_is_left_out():
    assert command_line("verb", split=None, scan=False, column=[]) == "unmask verb"


def test_a_command_as_it_was_given_hides_users_and_secrets():
    given = []
    app = typer.Typer()

    @app.command()
    def verb(
        context: typer.Context,
        paths: list[Path],
        ray: str = "",
        api_key: str = "",
        only: Annotated[list[str] | None, typer.Option()] = None,
        report: Path = Path("here"),
        every: bool = False,
    ):
        given.append(given_command(context))

    words = [
        "a b",
        "c",
        "--ray",
        "ray://me:pass@host:1",
        "--api-key",
        "xyz",
        "--only",
        "p",
        "--only",
        "q",
        "--every",
    ]
    assert CliRunner().invoke(app, words).exit_code == 0
    (text,) = given
    assert text.endswith(" --ray 'ray://***@host:1' --api-key '***' --only p --only q --every 'a b' c")
    assert "here" not in text
