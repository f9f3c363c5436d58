"""The command that repeats a run, as reports state it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

Value = str | int | Path | None


def command_line(verb: str, *arguments: str | Path, **options: Value | Sequence[Value]) -> str:
    """Return a command of unmask as it is typed into a shell.

    Parameters
    ----------
    verb
        Of the command.
    arguments
        What follows it.
    options
        By name, with ``_`` for ``-``: True is a flag, a list an option given several times; None, False and an empty
        list are left out.
    """
    words = ["unmask", verb, *map(str, arguments)]
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif value is not None and value is not False:
            values = [value] if isinstance(value, str | int | Path) else value
            words += [word for each in values for word in (option, str(each))]
    return shlex.join(words)
