"""The command that repeats a run, as reports state it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

Value = str | int | Path | None
HIDDEN = "***"
_SECRET_NAME = re.compile("key|token|secret|password")
_USER_IN_ADDRESS = re.compile(r"(\w://)[^/@\s]+@")


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


def given_command(context: typer.Context) -> str:
    """Return the command as it was given, with values of secret options and users in addresses hidden.

    Parameters
    ----------
    context
        Of the verb.
    """
    words = ["unmask", context.info_name or ""]
    arguments: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        value = context.params[name]
        values = [*value] if isinstance(value, list | tuple) else [value]
        texts = [_without_user(str(getattr(one, "value", one))) for one in values]
        if parameter.param_type_name == "argument":
            arguments += texts
        elif value is True:
            words.append(max(parameter.opts, key=len))
        else:
            shown = [HIDDEN] * len(texts) if _SECRET_NAME.search(name) else texts
            words += [word for text in shown for word in (max(parameter.opts, key=len), text)]
    return shlex.join([*words, *arguments])


def _without_user(text: str) -> str:
    return _USER_IN_ADDRESS.sub(rf"\1{HIDDEN}@", text)
