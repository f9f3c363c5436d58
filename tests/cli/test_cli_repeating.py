from pathlib import Path

from unmask.cli.repeating import command_line


def test_options_are_written_as_they_are_typed():
    text = command_line(
        "verb", "name", Path("a b"), out=Path("out"), seed=0, fail_on="x", only=["y", "z"], all=True
    )
    assert text == "unmask verb name 'a b' --out out --seed 0 --fail-on x --only y --only z --all"


def test_what_was_not_asked_for_is_left_out():
    assert command_line("verb", split=None, scan=False, column=[]) == "unmask verb"
